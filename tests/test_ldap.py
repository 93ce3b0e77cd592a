"""Logging in to a directory: a real slapd where there is one, and what holds without."""

import shutil
import socket
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest
from logins import basic, served, who

from pycarddav.auth import DoorClosed, DoorUnusable, Login, LoginFailed, ldap, outage
from pycarddav.auth.gate import Gate
from pycarddav.auth.ldap import Directory, Ldap, spelled
from pycarddav.auth.outage import Outage
from pycarddav.auth.throttle import Throttle
from pycarddav.config import load
from pycarddav.protocol.messages import Request

# ldap3 is written for old Pythons and old versions of pyasn1 as well.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SLAPD = shutil.which("slapd", path="/usr/sbin:/usr/lib/openldap:/usr/bin")
PEOPLE = "ou=people,dc=example,dc=org"
CONFIG = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCACertificateFile {folder}/cert.pem
TLSCertificateFile {folder}/cert.pem
TLSCertificateKeyFile {folder}/key.pem
allow bind_anon_dn
database mdb
suffix dc=example,dc=org
rootdn cn=admin,dc=example,dc=org
directory {folder}/db
access to attrs=userPassword by anonymous auth
access to * by dn.exact="cn=reader,dc=example,dc=org" read by self read by anonymous auth
"""
PERSON = """
dn: {dn},{people}
objectClass: inetOrgPerson
cn: {uid}
sn: {uid}
{names}
userPassword: secret
"""
ENTRIES = f"""\
dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: cn=reader,dc=example,dc=org
objectClass: person
cn: reader
sn: reader
userPassword: reading

dn: {PEOPLE}
objectClass: organizationalUnit
ou: people
"""
# RDN, and the names that the entry has.
USERS = {
    "uid=alice": ["alice"],
    "uid=jürgen": ["jürgen"],
    "uid=two": ["two", "zwei"],
    "cn=three": ["tres", "drei"],
    "cn=anonym": [],
    "uid=a*b": ["a*b"],
    "uid=a/b": ["a/b"],
    "uid=.pycarddav": [".pycarddav"],
    "uid=twin,ou=people": ["twin"],
    "uid=x\\,y": ["x,y"],
}


@pytest.fixture(scope="module")
def slapd(tmp_path_factory):
    """A directory on free ports of this machine, its folder, and how to stop and start it."""
    folder = tmp_path_factory.mktemp("slapd")
    (folder / "db").mkdir()
    (folder / "slapd.conf").write_text(CONFIG.format(folder=folder))
    people = "".join(person(dn, names) for dn, names in USERS.items() if "ou=" not in dn)
    (folder / "people.ldif").write_text(ENTRIES + people)
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-subj", "/CN=localhost", "-addext", names, "-keyout", folder / "key.pem", "-out",
        folder / "cert.pem")  # fmt: skip
    run("slapadd", "-f", folder / "slapd.conf", "-l", folder / "people.ldif")
    found = Slapd(folder)
    found.start()
    yield found
    found.stop()


def person(dn, names):
    uids = "\n".join(f"uid: {name}" for name in names) or "description: nobody"
    return PERSON.format(dn=dn, people=PEOPLE, uid=dn.partition("=")[2], names=uids)


def run(*command):
    subprocess.run(command, check=True, capture_output=True, timeout=60)


class Slapd:
    def __init__(self, folder):
        self.folder = folder
        self.plain, self.tls = two_free_ports()

    def start(self):
        hosts = f"ldap://127.0.0.1:{self.plain} ldap://127.0.0.2:{self.plain}"
        command = [SLAPD, "-d0", "-f", self.folder / "slapd.conf", "-h",
                   f"{hosts} ldaps://127.0.0.1:{self.tls}"]  # fmt: skip
        self.process = subprocess.Popen(command)
        until = time.monotonic() + 30
        while time.monotonic() < until and self.process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.tls)):
                return
            time.sleep(0.05)
        raise RuntimeError("slapd does not answer")

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def two_free_ports():
    localhost = ("127.0.0.1", 0)
    with socket.create_server(localhost) as one, socket.create_server(localhost) as other:
        return one.getsockname()[1], other.getsockname()[1]


NOWHERE = Directory("", True, None, "", "", "", "", "(uid={user})", "uid")


def directory(slapd, how, url="ldap://127.0.0.1:{plain}", **settings):
    """The *slapd*, asked in one of two ways."""
    ways = {
        "template": {"user_dn": "uid={user}," + PEOPLE, "filter": "(objectClass=person)"},
        "search": {
            "bind_dn": "cn=reader,dc=example,dc=org",
            "password": "reading",
            "base": PEOPLE,
        },
    }
    known = {"start_tls": True, "ca": slapd.folder / "cert.pem"}
    return replace(
        NOWHERE, url=url.format(plain=slapd.plain, tls=slapd.tls), **known | ways[how] | settings
    )


def login(door, credentials):
    """Who is in, or the error that says why not."""
    request = Request("GET", "/", {"authorization": basic(credentials)}, remote="192.0.2.1")
    try:
        return Gate([door], (), Throttle(lambda: 0.0))(request).name
    except (LoginFailed, DoorClosed) as error:
        return type(error)


def slow(test):
    return pytest.mark.slow(pytest.mark.skipif(not SLAPD, reason="slapd is not installed")(test))


@slow
@pytest.mark.parametrize("how", ["template", "search"])
@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        ("alice:secret", "alice"),
        ("ALICE:secret", "alice"),
        (" alice :secret", "alice"),  # so the directory compares; the name is still its own
        ("jürgen:secret", "jürgen"),
        ("two:secret", "two"),
        ("a*b:secret", "a*b"),
        ("x,y:secret", "x,y"),
        ("alice:wrong", LoginFailed),
        ("alice:", LoginFailed),
        (":secret", LoginFailed),
        (":", LoginFailed),
        ("nobody:secret", LoginFailed),
        ("nobody:", LoginFailed),
        ("*:secret", LoginFailed),
        ("a*:secret", LoginFailed),
        ("alice)(uid=*:secret", LoginFailed),
        ("*)(|(uid=*:secret", LoginFailed),
        ("\\2a:secret", LoginFailed),
        ("alice,ou=people:secret", LoginFailed),
        ("alice+cn=alice:secret", LoginFailed),
        ("cn=reader,dc=example,dc=org:reading", LoginFailed),
        ("alice#:secret", LoginFailed),
        ("ali\u200bce:secret", LoginFailed),
        ("a/b:secret", LoginFailed),
        (".pycarddav:secret", LoginFailed),
        ("x" * 255 + ":secret", LoginFailed),
        ("alice:" + "x" * 2000, LoginFailed),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_whoever_the_directory_knows_comes_in_by_the_name_it_has(slapd, how, credentials, expected):
    assert login(Ldap(directory(slapd, how)), credentials) == expected


@slow
@pytest.mark.parametrize(
    ("credentials", "settings", "expected"),
    [
        ("three:secret", {"filter": "(cn={user})"}, LoginFailed),  # has two other names
        ("anonym:secret", {"filter": "(cn={user})"}, LoginFailed),
        ("alice:secret", {"filter": "(|(uid={user})(uid=jürgen))"}, LoginFailed),
        ("alice:secret", {"filter": "(&(uid={user})(ou=staff))"}, LoginFailed),
        ("alice:secret", {"name": "cn"}, "alice"),
        ("alice:secret", {"name": "mail"}, LoginFailed),
        ("alice:secret", {"bind_dn": ""}, DoorClosed),
        ("alice:secret", {"base": "ou=none,dc=example,dc=org"}, LoginFailed),
        ("alice:secret", {"bind_dn": "cn=nobody,dc=example,dc=org"}, DoorClosed),
        ("alice:secret", {"filter": "(uid={user}"}, DoorClosed),
        ("alice:secret", {"base": "no dn"}, DoorClosed),
    ],
)
def test_what_the_directory_does_not_say_is_not_guessed(slapd, credentials, settings, expected):
    assert login(Ldap(directory(slapd, "search", **settings)), credentials) == expected


@slow
@pytest.mark.parametrize(
    ("url", "settings", "expected"),
    [
        ("ldaps://127.0.0.1:{tls}", {}, "alice"),
        ("ldaps://localhost:{tls}", {}, "alice"),
        ("ldap://localhost:{plain}", {}, "alice"),
        ("ldap://127.0.0.1:{plain}", {"start_tls": False}, "alice"),
        ("ldap://127.0.0.1:{plain}", {"ca": None}, DoorClosed),
        ("ldaps://127.0.0.1:{tls}", {"ca": None}, DoorClosed),
        ("ldap://127.0.0.2:{plain}", {}, DoorClosed),  # not a name of the certificate
        ("ldaps://127.0.0.1:{plain}", {}, DoorClosed),
        ("ldap://127.0.0.1:{tls}", {}, DoorClosed),
    ],
)
def test_a_password_goes_to_the_directory_alone(slapd, url, settings, expected):
    assert login(Ldap(directory(slapd, "template", url, **settings)), "alice:secret") == expected


@slow
def test_a_directory_that_went_down_lets_in_whom_it_knew(slapd, monkeypatch, home):
    """From the configuration to a socket; and then nobody else, until it is back."""
    asked = directory(slapd, "search")
    for key in ("url", "ca", "base", "bind_dn", "password"):
        monkeypatch.setenv(f"PYCARDDAV_LDAP__{key.upper()}", str(getattr(asked, key)))
    monkeypatch.setenv("PYCARDDAV_AUTH__TYPE", "ldap")
    monkeypatch.setenv("PYCARDDAV_SERVER__PORT", "0")
    monkeypatch.setattr(outage, "AGAIN", 0)
    monkeypatch.setattr("pycarddav.auth.gate.CLOSED_FOR", 0)
    alice, two = (f"Authorization: {basic(f'{name}:secret')}" for name in ("alice", "two"))
    with served(load().config) as client:
        assert who(client, alice) == "alice"
        assert who(client, f"Authorization: {basic('alice:wrong')}") == 401
        slapd.stop()
        try:
            assert (who(client, alice), who(client, two)) == ("alice", 503)
            assert who(client, f"Authorization: {basic('alice:wrong too')}") == 503
        finally:
            slapd.start()
        assert who(client, two) == "two"


# Without a directory


@contextmanager
def nobody(answers):
    """The port of something that takes connections and hangs up, or says nothing; how many came."""
    came = []
    with socket.create_server(("127.0.0.1", 0)) as sock:

        def accept():
            with suppress(OSError):
                while True:
                    connection, _ = sock.accept()
                    came.append(connection)
                    if answers:
                        connection.close()

        thread = threading.Thread(target=accept)
        thread.start()
        yield sock.getsockname()[1], came
        sock.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in came:
            connection.close()


@pytest.mark.parametrize("answers", [True, False])
def test_a_directory_that_does_not_answer_lets_nobody_in(monkeypatch, answers):
    pytest.importorskip("ldap3")
    monkeypatch.setattr(ldap, "SECONDS", 1)
    now = 0.0
    with nobody(answers) as (port, came):
        asked = replace(NOWHERE, url=f"ldap://127.0.0.1:{port}", user_dn="uid={user}")
        door = Ldap(asked, Outage(lambda: now))
        for _ in range(3):
            with pytest.raises(DoorClosed):
                door.verify(Login("alice", "secret"))
        with pytest.raises(LoginFailed):
            door.verify(Login("alice", ""))
        assert len(came) == 1
        if answers:
            now += outage.AGAIN
            with pytest.raises(DoorClosed):
                door.verify(Login("alice", "secret"))
            assert len(came) == 2


def test_a_password_that_nobody_can_have_closes_the_door_for_nobody(monkeypatch):
    """ldap3 refuses it before the directory has seen it."""
    pytest.importorskip("ldap3")
    monkeypatch.setattr(ldap, "SECONDS", 1)
    with nobody(False) as (port, _):
        url = f"ldap://127.0.0.1:{port}"
        door = Ldap(replace(NOWHERE, url=url, start_tls=False, user_dn="uid={user}"))
        for password in ("\u00ad", "\ufffd", "\u05d0a"):
            with pytest.raises(LoginFailed):
                door.verify(Login("alice", password))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"user_dn": "uid={user}"}, "needs [ldap] url"),
        ({"url": "ldap://192.0.2.1", "start_tls": False, "user_dn": "uid={user}"}, "in the clear"),
        ({"url": "ldap://dc.example", "start_tls": False, "user_dn": "uid={user}"}, "in the clear"),
        ({"url": "ldaps://dc.example"}, "needs [ldap] user_dn, or base"),
        ({"url": "ldaps://dc.example", "user_dn": "uid=alice"}, "needs {user} in [ldap] user_dn"),
        ({"url": "ldaps://dc.example", "base": "dc=x", "filter": "(uid=alice)"}, "a filter with"),
    ],
)  # fmt: skip
def test_settings_that_let_nobody_in_or_give_passwords_away_are_refused(settings, message):
    pytest.importorskip("ldap3")
    with pytest.raises(DoorUnusable) as refused:
        Ldap(replace(NOWHERE, **settings))
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("names", "user", "expected"),
    [
        (["alice"], "ALICE", "alice"),
        (["alice"], "alice@example.org", "alice"),
        (["alice", "bob"], "Bob", "bob"),
        (["alice", "bob"], "carol", None),
        (["bob", "Bob"], "bob", None),
        ([], "alice", None),
    ],
)
def test_a_user_is_called_as_the_directory_has_it(names, user, expected):
    if expected:
        assert spelled(names, user) == expected
    else:
        with pytest.raises(LoginFailed):
            spelled(names, user)
