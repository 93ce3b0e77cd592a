"""Who has no password learns nothing and changes nothing; who guesses is written down."""

import base64
import shutil
import subprocess
from itertools import product
from pathlib import Path

import pytest
from logins import served

from pycarddav.auth import LoginFailed, accounts
from pycarddav.auth.basic import BASIC
from pycarddav.auth.gate import Gate
from pycarddav.config import load
from pycarddav.dav.xml import DECLARATIONS
from pycarddav.model import AddressBook, Home, Principal
from pycarddav.protocol.messages import Request
from pycarddav.protocol.registry import method
from pycarddav.serve import log, site

ROOT = Path(__file__).parent.parent
FILTER = ROOT / "contrib/fail2ban/filter.d/pycarddav.conf"
CARD = b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:a\r\nFN:Ada\r\nEND:VCARD\r\n"
METHODS = sorted({*method._items, "POST", "PATCH", "TRACE", "BREW"})
URLS = [
    "/", "/.principals/", "/.principals/alice/", "/.principals/nobody/", "/alice/", "/nobody/",
    "/alice/friends/", "/alice/none/", "/alice/friends/ada.vcf", "/alice/friends/none.vcf",
    "/alice/friends/.properties.json", "/.pycarddav/", "/.web/", "/.health", "/.htpasswd",
    "/alice/%2e%2e/.htpasswd", "/alice/a/b/c/d", "/%00", "/%ff", "//alice//friends//",
    "http://elsewhere.example/alice/friends/",
]  # fmt: skip
OPEN = [("GET", "/.health"), ("HEAD", "/.health")]
BODIES = {
    "PUT": CARD,
    "PROPFIND": f"<D:propfind {DECLARATIONS}><D:allprop/></D:propfind>".encode(),
    "REPORT": f"<D:sync-collection {DECLARATIONS}><D:sync-token/></D:sync-collection>".encode(),
}
OFFERED = {
    "nothing": "X: y",
    "no user": "Authorization: Basic " + base64.b64encode(b"nobody:secret").decode(),
    "no password": "Authorization: Basic " + base64.b64encode(b"alice:").decode(),
    "no base64": "Authorization: Basic alice:secret",
    "no scheme": "Authorization: alice:secret",
    "another scheme": "Authorization: Bearer alice",
}
# The same where there are more ways to log in.
OFFERED_AT_MORE_DOORS = {
    "nothing": "X: y",
    "no token": "Authorization: Bearer alice",
    "no proof": 'Authorization: Digest username="alice", realm="pycarddav", nonce="x", uri="/",'
    f' nc=00000001, cnonce="x", qop=auth, response="{"0" * 64}"',
    "nobody's word": "X-Remote-User: alice",
}
MORE_DOORS = {
    "AUTH__TYPE": "digest, oauth, remote_user, htpasswd",
    "REMOTE_USER__PROXIES": "192.0.2.1",
    "OAUTH__ISSUER": "https://sso.example.org/",
    "OAUTH__AUDIENCE": "contacts",
    "OAUTH__JWKS": "https://sso.example.org/jwks",
}


@pytest.fixture
def configured(tmp_path, monkeypatch):
    """The configuration of a server with a user, a book and a card."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PYCARDDAV_SERVER__PORT", "0")
    config = load().config
    with site.store(config) as store:
        accounts.add_user(config.auth.htpasswd, "alice", "secret")
        store.save_home(Home("alice"))
        store.save_book(AddressBook("alice", "friends"))
        app = site.App(store, lambda request: Principal("alice"))
        assert app.serve(Request("PUT", "/alice/friends/ada.vcf", {}, CARD)).status == 201
    return config


def tree(folder):
    """What is in a folder, byte for byte."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def walk(config, offered):
    """Ask for everything, with this header; what was said, which changed nothing."""
    said = set()
    with served(config) as client:
        before = tree(config.storage.folder)
        for verb, url in sorted({*product(METHODS, URLS)} - {*OPEN}):
            answer = client.ask(f"{verb} {url} HTTP/1.1\r\n{offered}", BODIES.get(verb, b""), verb)
            status, headers, body = answer
            del headers["date"]
            assert status in (401, 429), (verb, url)
            if verb != "HEAD" and status == 401:
                said.add((tuple(sorted(headers.items())), body))
        assert tree(config.storage.folder) == before
    return said


@pytest.mark.parametrize("offered", OFFERED)
def test_nothing_but_401_can_be_had_without_a_password(configured, offered):
    assert len(walk(configured, OFFERED[offered])) == 1  # whatever is asked for


@pytest.mark.parametrize("offered", OFFERED_AT_MORE_DOORS)
def test_nor_at_any_other_door(configured, monkeypatch, offered):
    for key, value in MORE_DOORS.items():
        monkeypatch.setenv(f"PYCARDDAV_{key}", value)
    assert len(walk(load().config, OFFERED_AT_MORE_DOORS[offered])) == 1


def test_only_the_way_in_is_shown_to_everybody(configured):
    with served(configured) as client:
        for verb in ("GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT", "PUT", "DELETE"):
            status, headers, body = client.ask(f"{verb} /.well-known/carddav HTTP/1.1", b"", verb)
            assert (status, headers["location"], body) == (307, "/", b"")
        before = tree(configured.storage.folder)
        assert client.ask("GET /.health HTTP/1.1")[::2] == (200, b"ok\n")
        assert tree(configured.storage.folder) == before


# fail2ban


class Nobody:
    """A door that knows no user."""

    scheme = BASIC
    guessable = costly = True

    def generation(self):
        return 0

    def verify(self, login):
        raise LoginFailed("unknown-user")


def failure(caplog, user, remote, agent):
    """What a failed login leaves in the log."""
    encoded = base64.b64encode(f"{user}:wrong".encode()).decode()
    headers = {"authorization": f"Basic {encoded}", "user-agent": agent}
    caplog.clear()
    with pytest.raises(LoginFailed):
        Gate([Nobody()])(Request("GET", "/", headers, remote=remote))
    (record,) = caplog.records
    return f"{record.levelname} {record.getMessage()}"


HOSTILE = 'x" reason=y WARNING auth login failed from=198.51.100.1 user="y'
COMMON = Path("/etc/fail2ban/filter.d/common.conf")


@pytest.mark.skipif(not COMMON.exists(), reason="fail2ban is not installed")
def test_fail2ban_bans_who_guesses_and_nobody_else(caplog, tmp_path):
    asked = Request("GET", f"/{HOSTILE}", {"user-agent": HOSTILE}, remote="198.51.100.3")
    lines = [
        failure(caplog, "alice", "203.0.113.9", "DAVx5/4.5"),
        failure(caplog, HOSTILE, "2001:db8::7", HOSTILE),
        failure(caplog, "x\u2028y", "203.0.113.10", "a\u2028b"),
        f"INFO {log.Answer(asked, 404, '', 0.001, 0)}",
        f"INFO {log.Answer(asked, 207, HOSTILE, 0.001, 0)}",
    ]
    journal = tmp_path / "journal"
    journal.write_text("".join(f"Nov 23 00:15:36 pi pycarddav[812]: {line}\n" for line in lines))
    (tmp_path / "filter.d").mkdir()
    for file in (COMMON, FILTER):
        shutil.copy(file, tmp_path / "filter.d")
    command = ["fail2ban-regex", "--out", "ip", journal, tmp_path / "filter.d" / FILTER.name]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["203.0.113.9", "2001:db8::7", "203.0.113.10"]
