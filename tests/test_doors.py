"""What holds for every door: who comes in, under which name, and what strangers are told."""

import json
import re
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from logins import basic, proof, served, who
from wire import Client, running

from pycarddav.auth import (
    GOOD_FOR,
    DoorClosed,
    DoorUnusable,
    Identity,
    LoginFailed,
    accounts,
    htdigest,
    passwords,
)
from pycarddav.auth.basic import BASIC
from pycarddav.auth.digest import Digest
from pycarddav.auth.gate import Gate
from pycarddav.auth.oauth import Issuer, OAuth
from pycarddav.auth.remote_user import RemoteUser
from pycarddav.auth.throttle import Throttle
from pycarddav.config import load
from pycarddav.config.schema import RemoteUser as RemoteUserSettings
from pycarddav.dav.errors import TooManyRequests, Unauthorized
from pycarddav.dav.names import DAV
from pycarddav.dav.xml import DECLARATIONS, parse
from pycarddav.model import Principal
from pycarddav.protocol.messages import Request
from pycarddav.serve import site


@pytest.fixture
def config(home, monkeypatch):
    """Alice has a password."""
    monkeypatch.setattr(passwords, "bcrypt_cost", lambda: 4)
    monkeypatch.setenv("PYCARDDAV_SERVER__PORT", "0")
    config = load().config
    config.storage.folder.mkdir(parents=True)
    accounts.add_user(config.auth.htpasswd, "alice", "secret")
    return config


def behind(config, *proxies, trusted=()):
    """The configuration of a server whose *proxies* let users in."""
    return replace(
        config,
        auth=replace(config.auth, type=("remote_user", "htpasswd")),
        remote_user=RemoteUserSettings(proxies=proxies),
        server=replace(config.server, trusted_proxies=trusted),
    )


# A proxy that lets users in


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["X-Remote-User: bob"], "bob"),
        (["x-remote-user: bob"], "bob"),
        (["X-Remote-User: bob", f"Authorization: {basic('alice:secret')}"], "bob"),
        ([f"Authorization: {basic('alice:secret')}"], "alice"),
        (["X-Remote-User:", f"Authorization: {basic('alice:secret')}"], "alice"),
        (["X-Remote-User: "], 401),
        (["X_Remote_User: bob"], 401),
        (["X-Remote_User: bob"], 401),
        (["X-Remote-User: bob", "X_Remote_User: alice"], "bob"),
        (["X-Remote-User: alice", "X-Remote-User: bob"], 401),
        (["X-Remote-User: alice", "Other: x", "X-REMOTE-USER: alice"], 401),
        (["X-Remote-User: alice,"], 401),
        (["X-Forwarded-User: alice"], 401),
        (["Remote-User: alice"], 401),
        (["X-Remote-User: jos\u00e9"], "jos%C3%A9"),
    ],
)
def test_a_proxy_says_who_is_in_and_its_clients_do_not(config, lines, expected):
    with served(behind(config, "127.0.0.1")) as client:
        assert who(client, *lines) == expected


@pytest.mark.parametrize(
    ("proxies", "trusted", "lines"),
    [
        (["192.0.2.1"], [], []),
        (["192.0.2.1"], [], ["X-Forwarded-For: 192.0.2.1"]),
        (["192.0.2.1"], ["127.0.0.1"], ["X-Forwarded-For: 192.0.2.1"]),
        (["192.0.2.1"], ["127.0.0.1"], ["X-Forwarded-For: 192.0.2.1, 192.0.2.1"]),
        (["unix"], ["127.0.0.1"], ["X-Forwarded-For: localhost", "Forwarded: for=unix"]),
        (["::1"], [], []),
    ],
    ids=str,
)
def test_nobody_else_says_who_is_in(config, proxies, trusted, lines):
    """A proxy that is trusted with addresses hands on what its clients sent, forged or not."""
    with served(behind(config, *proxies, trusted=tuple(trusted))) as client:
        assert who(client, "X-Remote-User: bob", *lines) == 401
        known = f"Authorization: {basic('alice:secret')}"
        assert who(client, "X-Remote-User: bob", known, *lines) == "alice"
    assert not (config.storage.folder / "bob").exists()


def test_a_proxy_has_no_say_unless_that_is_a_way_to_log_in(config):
    asked = behind(config, "127.0.0.1")
    with served(replace(asked, auth=replace(asked.auth, type=("htpasswd",)))) as client:
        assert who(client, "X-Remote-User: bob") == 401
    with pytest.raises(DoorUnusable):
        site.doors(behind(config))


NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")
CONFIGURATION = """\
pid {folder}/pid; daemon off; error_log {folder}/log;
events {{}}
http {{
    access_log off;
    server {{
        listen 127.0.0.1:{port};
        auth_basic contacts;
        auth_basic_user_file {folder}/users;
        location / {{
            proxy_pass http://unix:{folder}/socket;
            proxy_set_header X-Remote-User $remote_user;
            proxy_set_header Authorization "";
            proxy_set_header Host localhost;
        }}
    }}
}}
"""


@pytest.fixture
def short():
    """A folder whose path leaves room for the name of a socket."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextmanager
def nginx(folder):
    """The address of an nginx that asks for a password."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        address = sock.getsockname()
    (folder / "users").write_text("bob:{PLAIN}hunter2\n")
    (folder / "users").chmod(0o644)  # its workers are nobody
    (folder / "conf").write_text(CONFIGURATION.format(folder=folder, port=address[1]))
    command = [NGINX, "-p", folder, "-e", folder / "log", "-c", folder / "conf"]
    with subprocess.Popen(command) as process:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with suppress(OSError), Client(address):
                break
            time.sleep(0.01)
        yield address
        process.terminate()


@pytest.mark.slow
@pytest.mark.skipif(not NGINX, reason="nginx is not installed")
def test_through_nginx_a_client_is_who_it_has_let_in(config, short):
    asked = behind(config, "unix")
    asked = replace(asked, server=replace(asked.server, host=(f"unix:{short}/socket",)))
    bob = f"Authorization: {basic('bob:hunter2')}"
    forgeries = (
        [], ["X-Remote-User: alice"], ["x-remote-user: alice", "X-REMOTE-USER: alice"],
        ["X_Remote_User: alice"], ["X-Remote-User:"], ["X-Remote-User : alice"],
        ["Connection: X-Remote-User", "X-Remote-User: alice"],
    )  # fmt: skip
    found = []
    with site.listening(asked) as bound, site.serving(asked, bound) as server, running(server):
        (short / "socket").chmod(0o666)
        with nginx(short) as address:
            for forgery in forgeries:
                for login in ([], [bob], [f"Authorization: {basic('alice:secret')}"]):
                    with Client(address) as client:
                        found.append(who(client, *login, *forgery))
    assert set(found[0::3]) <= {401, 400}
    assert set(found[1::3]) <= {"bob", 400}
    assert set(found[2::3]) <= {401, 400}
    assert found[:3] == [401, "bob", 401]


# Names


NAMES = {
    "alice": "alice",
    "Alice": "Alice",
    "jose\u0301": "jos\u00e9",
    "a@b.example": "a@b.example",
    "100%": "100%",
    "\u0430lice": "\u0430lice",  # Cyrillic: another user, and so another home
    "alice\u200b": None,
    "al\u00adice": None,
    "\u202ealice": None,
    " alice": None,
    "alice ": None,
    "": None,
    ".": None,
    "..": None,
    ".htpasswd": None,
    ".pycarddav": None,
    "../bob": None,
    "bob/contacts": None,
    "/": None,
    "a:b": None,
    "a\0b": None,
    "a\nb": None,
    "a\x7fb": None,
    "x" * 255: "x" * 255,
    "x" * 256: None,
    "x" * 10**6: None,
}


class Anybody:
    """A door that takes everybody for who they say they are."""

    scheme = BASIC
    guessable = costly = True

    def generation(self):
        return None

    def knows(self, user):
        return True

    def verify(self, login):
        return Identity(login.user)


def by_basic(name, folder):
    return Anybody(), {"headers": {"authorization": basic(f"{name}:secret")}}


def by_proxy(name, folder):
    return RemoteUser(), {"user": name.encode().decode("latin-1")}


def by_digest(name, folder):
    hashed = htdigest.digest("SHA-256", name, "pycarddav", "secret")
    (folder / "htdigest").write_text(f"{name}:pycarddav:{hashed}\n")
    door = Digest(folder / "htdigest", "pycarddav")
    told = {"realm": "pycarddav", "nonce": door._nonces.new(), "algorithm": "SHA-256"}
    return door, {"headers": {"authorization": proof(told, user=name, uri="/")}}


OFFERS = [by_basic, by_proxy, by_digest]  # for tokens of others see test_oauth.py


# A colon ends the user of HTTP Basic, and a digest is of the very octets.
ELSEWISE = [(by_basic, "a:b"), (by_digest, "jose\u0301")]


@pytest.mark.parametrize(
    ("offer", "name"),
    [pair for pair in product(OFFERS, NAMES) if pair not in ELSEWISE],
    ids=lambda word: ascii(word[:20]) if isinstance(word, str) else word.__name__,
)
def test_nobody_comes_in_under_a_name_that_no_user_can_have(tmp_path, offer, name):
    door, offered = offer(name, tmp_path)
    request = Request("GET", "/", **offered)
    if expected := NAMES[name]:
        assert Gate([door])(request) == Principal(expected)
    else:
        with pytest.raises(Unauthorized):
            Gate([door])(request)


@pytest.mark.parametrize("offer", OFFERS)
def test_an_administrator_is_one_behind_every_door(tmp_path, offer):
    for name, admin in {"root": True, "Root": False}.items():
        door, offered = offer(name, tmp_path)
        found = Gate([door], ["root"])(Request("GET", "/", **offered))
        assert found == Principal(name, admin=admin)


# Several doors


class Users(Anybody):
    """Knows some passwords; *closed* has it say that it cannot know."""

    def __init__(self, **users):
        self.users = users
        self.closed = False
        self.asked = 0

    def verify(self, login):
        self.asked += 1
        if self.closed:
            raise DoorClosed("the directory is down")
        if self.users.get(login.user) != login.secret:
            raise LoginFailed("bad-password" if login.user in self.users else "unknown-user")
        return Identity(login.user)


@pytest.fixture
def first():
    return Users(alice="secret", carol="here")


@pytest.fixture
def second():
    return Users(bob="hunter2", carol="there")


@pytest.fixture
def gate(first, second, clock):
    return Gate([first, second], (), Throttle(clock), clock=clock)


def login(gate, credentials):
    """Who is in, or the error that says why not."""
    request = Request("GET", "/", {"authorization": basic(credentials)}, remote="192.0.2.1")
    try:
        return gate(request).name
    except (LoginFailed, DoorClosed, TooManyRequests) as error:
        return type(error)


def test_doors_are_tried_in_order(gate, first, second):
    for credentials in ("alice:secret", "bob:hunter2", "carol:here", "carol:there"):
        assert login(gate, credentials) == credentials.partition(":")[0]
    assert (first.asked, second.asked) == (4, 2)
    assert login(gate, "bob:hunter2") == "bob"
    assert login(gate, "bob:secret") == LoginFailed
    assert (first.asked, second.asked) == (5, 3)


def test_who_is_wrong_at_every_door_is_wrong_once(gate, caplog, clock):
    found = []
    for number in range(10):
        clock.now += 0.001
        found.append(login(gate, f"alice:guess{number}"))
    assert found == [LoginFailed] * 6 + [TooManyRequests] * 4
    assert len(caplog.records) == 6


def test_a_door_that_is_closed_lets_nobody_in_and_refuses_nobody(gate, second, clock, caplog):
    second.closed = True
    assert login(gate, "alice:secret") == "alice"
    assert [login(gate, "bob:hunter2") for _ in range(20)] == [DoorClosed] * 20
    assert second.asked == 1
    assert login(gate, "bob:wrong") == login(gate, "alice:wrong") == DoorClosed
    assert caplog.records == []  # or fail2ban would ban the house
    second.closed = False
    clock.now += 5
    assert login(gate, "bob:hunter2") == "bob"
    assert login(gate, "bob:wrong") == LoginFailed


def test_who_was_in_is_not_held_back_when_a_door_opens_again(gate, second, clock):
    assert login(gate, "bob:hunter2") == "bob"
    clock.now += GOOD_FOR
    second.closed = True
    assert login(gate, "bob:hunter2") == DoorClosed
    for number in range(10):
        login(gate, f"bob:guess{number}")
    second.closed = False
    clock.now += 5
    assert login(gate, "bob:hunter2") == "bob"


def test_who_guesses_is_slowed_down_while_a_door_is_closed(gate, second, clock):
    second.closed = True
    found = []
    for number in range(10):
        clock.now += 0.001
        found.append(login(gate, f"alice:guess{number}"))
    assert found == [DoorClosed] * 6 + [TooManyRequests] * 4


def test_guesses_that_a_closed_door_has_not_heard_are_not_free_when_it_opens(second, clock):
    gate = Gate([second], (), Throttle(clock), clock=clock)
    found = []
    for second.closed in (True, False):
        clock.now += 60
        for number in range(10):
            clock.now += 0.001
            found.append(login(gate, f"alice:guess{number}"))
    assert found == [DoorClosed] * 10 + [LoginFailed] * 6 + [TooManyRequests] * 4


def test_only_the_scheme_that_failed_says_so(tmp_path):
    """Or a client would throw a good token away."""
    issuer = Issuer("https://sso", "us", "sub", "https://sso/jwks", "", "", "", None)
    gate = Gate([Digest(tmp_path / "none", "pycarddav"), OAuth(issuer), Users(), Users()])
    said = {}
    for offered in ("", basic("alice:wrong"), "Bearer wrong"):
        with pytest.raises(Unauthorized) as refused:
            gate(Request("GET", "/", {"authorization": offered}, remote="192.0.2.1"))
        lines = refused.value.headers()["WWW-Authenticate"].split("\n")
        said[offered.partition(" ")[0]] = [re.sub('nonce="[^"]*"', "nonce", line) for line in lines]
    digest = 'Digest realm="pycarddav", qop="auth", algorithm={}, nonce, charset=UTF-8'
    rest = ['Bearer realm="pycarddav"', 'Basic realm="pycarddav", charset="UTF-8"']
    all_of_them = [digest.format("SHA-256"), digest.format("MD5"), *rest]
    assert said[""] == said["Basic"] == all_of_them
    assert said["Bearer"][2:] == [f'{rest[0]}, error="invalid_token"', rest[1]]


# App passwords, from the command line to a sync


def test_an_app_password_syncs_until_it_is_revoked(config, cli):
    code, password, err = cli("token", "add", "alice", "Pixel")
    assert code == 0, err
    me = f"Authorization: {basic(f'alice:{password.strip()}')}"
    card = b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:a\r\nFN:Ada\r\nEND:VCARD\r\n"
    report = (
        f"<D:sync-collection {DECLARATIONS}><D:sync-token/><D:sync-level>1</D:sync-level>"
        "<D:prop><D:getetag/></D:prop></D:sync-collection>"
    )
    with served(config) as client:
        assert who(client, me) == "alice"
        assert client.ask(f"PUT /alice/contacts/a.vcf HTTP/1.1\r\n{me}", card)[0] == 201
        status, _, body = client.ask(f"REPORT /alice/contacts/ HTTP/1.1\r\n{me}", report.encode())
        assert (status, parse(body).findtext(f".//{DAV.href}")) == (207, "/alice/contacts/a.vcf")
        assert cli("token", "revoke", "alice", "Pixel")[0] == 0
        assert [who(client, me) for _ in range(2)] == [401, 401]


def test_the_command_line_serves_users_who_are_known_elsewhere(config, cli, monkeypatch):
    """There need not be a file of users."""
    config.auth.htpasswd.unlink()
    monkeypatch.setenv("PYCARDDAV_AUTH__TYPE", "remote_user")
    monkeypatch.setenv("PYCARDDAV_REMOTE_USER__PROXIES", "127.0.0.1")
    with served(load().config) as client:
        assert who(client, "X-Remote-User: dave") == "dave"
        code, password, err = cli("token", "add", "carol", "Pixel")
        assert code == 0, err
        assert who(client, f"Authorization: {basic(f'carol:{password.strip()}')}") == "carol"
    assert cli("book", "create", "bob/club")[0] == 0
    assert cli("book", "create", ".bob/club")[0] != 0
    code, listed, _ = cli("user", "list", "--json")
    assert code == 0
    assert [user["name"] for user in json.loads(listed)["users"]] == ["bob", "carol", "dave"]


def test_a_door_that_nobody_could_come_in_by_is_refused_before_anything_is_made(
    home, cli, monkeypatch
):
    for types in ("oauth", "htpasswd, oauth"):
        monkeypatch.setenv("PYCARDDAV_AUTH__TYPE", types)
        code, _, err = cli("serve")
        assert (code, err) == (
            2, "pycarddav: error: [auth] type = oauth needs [oauth] issuer and audience\n",
        )  # fmt: skip
    assert list(home.iterdir()) == []
