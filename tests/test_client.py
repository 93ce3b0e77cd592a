"""The client of other servers: what it finds, and what it does not let them do to it."""

import shutil
import ssl
import subprocess
import time
from hashlib import md5
from urllib.parse import urlsplit

import pytest
from elsewhere import about, book, elsewhere, home, leads, nobody, principal, says

from pycarddav.client import (
    Access,
    Client,
    ForeignHost,
    Garbled,
    LoginRefused,
    TooLarge,
    TooManyRedirects,
    Unexpected,
    Unreachable,
    digest,
    discovery,
    http,
    multistatus,
)
from pycarddav.dav.names import DAV
from pycarddav.dav.xml import E

BOOK = "/dav/alice/friends/"


@pytest.fixture
def there():
    with elsewhere() as server:
        yield server


@pytest.fixture
def client(there):
    with Client(there.url, Access("alice", "secret", seconds=10, whole=20)) as client:
        yield client


def raw(*octets, close=True):
    """An answer that is exactly these octets."""

    def reply(handler):
        handler.wfile.write(b"".join(octets))
        handler.close_connection = close

    return reply


FOUND = {
    "from the host": ("", {"/.well-known/carddav": leads("/dav/"), "/dav/": "principal"}),
    "from the root": ("", {"/": "principal"}),
    "from a path": ("/dav/", {"/dav/": "principal"}),
    "from a path that is nothing": (
        "/x",
        {"/.well-known/carddav": leads("../dav/"), "/dav/": "home"},
    ),
    "from a home": ("/dav/alice/", {"/dav/alice/": says(about("/dav/alice/"), book(BOOK))}),
    "from a book": (BOOK, {}),
}


@pytest.mark.parametrize(("path", "replies"), FOUND.values(), ids=FOUND)
def test_address_books_are_found(there, path, replies):
    said = {
        "principal": says(principal("/dav/me/", "/dav/")),
        "home": says(home("alice/", "/dav/")),
    }
    there.replies = {
        (None, "/dav/me/"): says(home(f"{there.url}/dav/alice/", "/dav/me/")),
        (None, "/dav/alice/"): says(about("/dav/alice/"), book("friends/"), about("x.vcf")),
        (None, BOOK): says(book(BOOK)),
    } | {
        (None, at): said[reply] if isinstance(reply, str) else reply
        for at, reply in replies.items()
    }
    with Client(there.url + path, Access("alice", "secret")) as client:
        assert [urlsplit(found).path for found in discovery.books(client)] == [BOOK]


def test_where_nothing_leads_to_a_book_it_is_said_what_was_tried(there, client):
    there.replies[None, "/.well-known/carddav"] = 200, {}, b"<html>"
    there.replies[None, "/"] = 405, {}, b""
    with pytest.raises(Unexpected) as caught:
        discovery.books(client)
    assert f"PROPFIND {there.url}/.well-known/carddav: 200" in str(caught.value)
    assert f"PROPFIND {there.url}/: 405" in str(caught.value)


@pytest.mark.parametrize(("status", "error"), [(401, LoginRefused), (500, Unexpected)])
def test_a_server_that_says_no_is_not_asked_elsewhere(there, client, status, error):
    there.replies[None, "/.well-known/carddav"] = status, {}, b""
    with pytest.raises(error):
        discovery.books(client)
    assert len(there.asked) == 1


def test_another_way_to_log_in_is_named(there, client):
    there.replies[None, "/"] = 401, {"WWW-Authenticate": "Negotiate"}, b""
    with pytest.raises(LoginRefused, match="wants Negotiate authentication, not Basic or Digest"):
        client.get("/")


# RFC 7616 §3.9.1: what these challenges are answered with.
RFC = {
    "realm": '"http-auth@example.org"',
    "nonce": '"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"',
    "opaque": '"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
}
ANSWERS = {
    "MD5": "8ca523f5e9506fed4657c9700eebdbec",
    "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
}


@pytest.mark.parametrize("algorithm", ANSWERS)
def test_a_digest_is_that_of_the_rfc(monkeypatch, algorithm):
    nonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    monkeypatch.setattr(digest.secrets, "token_hex", lambda size: nonce)
    said = ", ".join(f"{name}={value}" for name, value in RFC.items())
    found = digest.challenge(f'Digest qop="auth, auth-int", algorithm={algorithm}, {said}')
    answer = found.answer("GET", "/dir/index.html", "Mufasa", "Circle of Life")
    assert f'response="{ANSWERS[algorithm]}"' in answer
    assert "nc=00000001" in answer


@pytest.mark.parametrize(
    ("header", "nonce"),
    [
        ('Digest realm="a, b", nonce="n"', "n"),
        ('Negotiate, Digest nonce="n", realm=x, qop=auth', "n"),
        ('Digest nonce="1", algorithm=SHA-512-256, Digest nonce="2", algorithm=MD5', "2"),
        ('Digest nonce="1", qop="auth-int"', None),
        ('Basic realm="Digest nonce=1"', None),
        ("Digest", None),
        ("", None),
    ],
)
def test_which_challenges_are_answered(header, nonce):
    found = digest.challenge(header)
    assert (found and found.nonce) == nonce


def test_a_digest_is_sent_where_it_is_wanted(there, client):
    def reply(handler):
        if "Digest " in handler.headers["Authorization"]:
            handler.say(200, {}, b"x")
        else:
            handler.say(401, {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'}, b"")

    there.replies[None, "/"] = reply
    assert [client.get("/").body for _ in range(2)] == [b"x", b"x"]
    assert [login.split()[0] for login in there.logins] == ["Basic", "Digest", "Digest"]
    assert "nc=00000002" in there.logins[-1]


def test_a_digest_is_of_octets(there):
    """RFC 7616 §4: a name and a password in UTF-8, and whatever the server calls its realm."""
    there.replies[None, "/"] = 401, {"WWW-Authenticate": 'Digest realm="\xc3\xa9", nonce="n"'}, b""
    with Client(there.url, Access("müller", "ß")) as client, pytest.raises(LoginRefused):
        client.get("/")
    secret = md5("müller:é:ß".encode(), usedforsecurity=False).hexdigest()
    what = md5(b"GET:/", usedforsecurity=False).hexdigest()
    response = md5(f"{secret}:n:{what}".encode(), usedforsecurity=False).hexdigest()
    assert f'response="{response}"' in there.logins[-1]
    assert 'username="müller"'.encode() in there.logins[-1].encode("latin-1")


def test_a_digest_that_is_refused_is_not_sent_again_and_again(there, client):
    there.replies[None, "/"] = 401, {"WWW-Authenticate": 'Digest realm="r", nonce="n"'}, b""
    with pytest.raises(LoginRefused, match="does not take this user and password"):
        client.get("/")
    assert len(there.asked) == 2


@pytest.mark.parametrize("status", http.REDIRECTS)
def test_a_password_goes_to_no_other_server(there, client, status):
    with elsewhere() as thief:
        for url in (thief.url, thief.url.replace("127.0.0.1", "localhost")):
            there.replies[None, "/"] = leads(f"{url}/", status)
            with pytest.raises(ForeignHost) as caught:
                client.get("/")
            assert caught.value.url == f"{url}/"
        assert thief.asked == []


@pytest.mark.parametrize(
    ("home", "url", "allowed"),
    [
        ("http://a", "https://a/x", True),
        ("http://a:5232", "https://a/x", True),
        ("https://a", "http://a/x", False),
        ("https://a", "https://a:8443/x", False),
        ("https://a", "https://b/x", True),
        ("https://a", "http://b/x", False),
        ("https://a", "https://a.b/x", False),
        ("https://a", "https://b.a/x", False),
    ],
)
def test_which_server_may_have_the_password(home, url, allowed):
    client = Client(home, Access("alice", "secret", hosts=frozenset({"b"})))
    try:
        client._permitted(home, url)
    except ForeignHost:
        assert not allowed
    else:
        assert allowed


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("/a/b.vcf", "https://h:8443/a/b.vcf"),
        ("b.vcf", "https://h:8443/dav/b.vcf"),
        ("http://h/a", "https://h:8443/a"),  # a proxy does TLS, and the server does not know
        (" \n/a b/ä.vcf ", "https://h:8443/a b/ä.vcf"),
        ("../../../etc/passwd", "https://h:8443/etc/passwd"),
        ("https://x/a", ForeignHost),
        ("//x/a", ForeignHost),
        ("file:///etc/passwd", Garbled),
        ("http://[", Garbled),
        ("http://h:x/", Garbled),
    ],
)
def test_where_an_href_leads(href, url):
    client = Client("https://h:8443/dav/", Access())
    if isinstance(url, str):
        assert client.locate("https://h:8443/dav/", href) == url
    else:
        with pytest.raises(url):
            client.locate("https://h:8443/dav/", href)


def test_redirects_come_to_an_end(there, client):
    there.replies[None, "/"] = leads("/")
    with pytest.raises(TooManyRedirects):
        client.get("/")
    assert len(there.asked) == http.MAX_REDIRECTS + 1


def test_a_redirect_can_be_looked_at(there, client):
    there.replies[None, "/"] = leads("/x", 308)
    assert client.request("GET", "/", follow=False).headers["location"] == "/x"


def test_a_connection_is_used_again_and_made_again_when_it_was_closed(there, client):
    ports = []

    def reply(handler):
        ports.append(handler.client_address)
        handler.say(200, {}, b"x")
        handler.close_connection = len(ports) == 2  # without saying so

    there.replies[None, "/"] = reply
    for _ in range(3):
        assert client.get("/").body == b"x"
    assert ports[0] == ports[1] != ports[2]


BROKEN = {
    "nothing": (raw(), Unreachable),
    "no HTTP": (raw(b"220 ready\r\n"), Garbled),
    "half of it": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), Unreachable),
    "half a chunk": (
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf"),
        Garbled,
    ),
    "too much": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", b"x" * 99), TooLarge),
    "endless header": (raw(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 99_000), Garbled),
}


@pytest.mark.parametrize(("reply", "error"), BROKEN.values(), ids=BROKEN)
def test_an_answer_that_is_none(there, client, reply, error):
    there.replies[None, "/"] = reply
    with pytest.raises(error):
        client.get("/", largest=50)


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"])
def test_a_drop_now_and_then_is_no_answer(there, start):
    def drip(handler):
        octets = start
        try:
            while True:
                handler.wfile.write(octets)
                octets = b"x"
                time.sleep(0.01)
        except OSError:
            handler.close_connection = True

    there.replies[None, "/"] = drip
    with (
        Client(there.url, Access(seconds=10, whole=0.2)) as client,
        pytest.raises(Unreachable, match="no answer in time"),
    ):
        client.get("/")


def test_a_server_that_is_down():
    with Client(nobody(), Access()) as client, pytest.raises(Unreachable, match="refused"):
        client.get("/")


@pytest.mark.parametrize("url", ["", "host", "ftp://host/", "http://", "http://h:99999/"])
def test_what_is_no_url(url):
    with pytest.raises(Garbled, match="is not an http or https URL"):
        Client(url, Access())


GARBAGE = {
    "a page": (200, {}, b"<!DOCTYPE html><html><title>Log in</title></html>"),
    "a page with 207": (207, {}, b"<!DOCTYPE html><html><title>Log in</title></html>"),
    "not well-formed": (207, {}, b"<D:multistatus xmlns:D='DAV:'><D:resp"),
    "another document": (207, {}, b"<error xmlns='DAV:'/>"),
    "nothing": (207, {}, b""),
    "entities": (
        207,
        {},
        b"<!DOCTYPE x [<!ENTITY a 'b'>]><multistatus xmlns='DAV:'>&a;</multistatus>",
    ),
}


@pytest.mark.parametrize("reply", GARBAGE.values(), ids=GARBAGE)
def test_what_is_no_multistatus(there, client, reply):
    there.replies[None, "/"] = reply
    with pytest.raises(Garbled):
        client.propfind("/")


def test_a_multistatus_as_real_servers_write_it():
    body = b"""<?xml version="1.0"?>
      <multistatus xmlns="DAV:">
        <response>
          <href>
            /a/1.vcf
          </href>
          <propstat><prop><getetag>"1"</getetag></prop></propstat>
          <propstat><prop><displayname>x</displayname></prop><status>1.1 404</status></propstat>
        </response>
        <response>
          <href>/a/2.vcf</href><href>/a/3.vcf</href><status>HTTP/2.0 507 </status>
        </response>
        <response><status>no href</status></response>
        <sync-token> t </sync-token>
      </multistatus>"""
    found = multistatus.read(body, "/")
    assert [(item.href, item.status, list(item.props)) for item in found.responses] == [
        ("/a/1.vcf", 200, [DAV.getetag]),
        ("/a/2.vcf", 507, []),
        ("/a/3.vcf", 507, []),
    ]
    assert found.sync_token == "t"


def test_one_control_character_does_not_hide_a_listing(there, client):
    status, headers, body = says(about("/a", E(DAV.displayname, "A\tB")))
    there.replies[None, "/"] = status, headers, body.replace(b"\t", b"\x0b&#x1;&#11;")
    (found,) = client.propfind("/")[0].responses
    assert found.text(DAV.displayname) == "AB"


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    """A certificate for localhost, and its key."""
    if not shutil.which("openssl"):
        pytest.skip("certificates need openssl")
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "c.pem", folder / "k.pem"
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    made = ["openssl", "req", "-x509", *curve, *names, "-keyout", key, "-out", certificate]
    subprocess.run(made, check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def safe(pem):
    """A server with TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pem)
    with elsewhere() as server:
        server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
        server.url = server.url.replace("http://127.0.0.1", "https://localhost")
        server.replies[None, "/"] = 200, {}, b"x"
        yield server


def test_a_certificate_is_trusted_only_when_somebody_says_so(safe, pem):
    with Client(safe.url, Access()) as client, pytest.raises(Unreachable) as caught:
        client.get("/")
    assert caught.value.untrusted
    for access in (Access(ca=pem[0]), Access(insecure=True)):
        with Client(safe.url, access) as client:
            assert client.get("/").body == b"x"


def test_who_was_sent_to_https_stays_there(there, safe):
    there.replies[None, "/"] = leads(f"{safe.url}/")
    url = there.url.replace("127.0.0.1", "localhost")
    with Client(url, Access("alice", "secret", insecure=True)) as client:
        answer = client.get("/")
        assert client.get(client.locate(answer.url, "/")).body == b"x"
    assert (len(there.asked), len(safe.asked)) == (1, 2)


def test_a_home_on_another_host_is_followed_when_somebody_says_so(there, safe):
    """iCloud sends every user to a host of their own."""
    there.replies[None, "/"] = says(principal("/me/", "/"))
    there.replies[None, "/me/"] = says(home(f"{safe.url}/alice/", "/me/"))
    safe.replies[None, "/alice/"] = says(about("/alice/"), book("/alice/friends/"))
    with (
        Client(there.url, Access("alice", "secret", insecure=True)) as client,
        pytest.raises(ForeignHost, match=f"leads to {safe.url}/alice/, another server"),
    ):
        discovery.books(client)
    assert safe.asked == []
    access = Access("alice", "secret", insecure=True, hosts=frozenset({"localhost"}))
    with Client(there.url, access) as client:
        assert discovery.books(client) == [f"{safe.url}/alice/friends/"]
