"""What the doctor says of names and certificates."""

import shutil
import socket
import socketserver
import subprocess
import threading
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from dns import message, rcode, rdatatype, resolver, rrset
from wire import echo, serving

from pycarddav.client import Access
from pycarddav.doctor import Visit, door, network
from pycarddav.doctor.findings import Stop
from pycarddav.serve.tls import Certificate

HOST = "contacts.example.org"
ELSEWHERE = "0 1 443 dav.example.net."
NONE = "0 0 0 ."


def names(findings):
    return [finding.name or finding.what for finding in findings]


@contextmanager
def zone(records):
    """A resolver that knows these: (name, type) → text."""

    class Answer(socketserver.BaseRequestHandler):
        def handle(self):
            data, sock = self.request
            query = message.from_wire(data)
            asked, answer = query.question[0], message.make_response(query)
            kind = rdatatype.to_text(asked.rdtype)
            if text := records.get((asked.name.to_text(), kind)):
                answer.answer.append(rrset.from_text(asked.name, 60, "IN", kind, text))
            else:
                answer.set_rcode(rcode.NXDOMAIN)
            sock.sendto(answer.to_wire(), self.client_address)

    with socketserver.UDPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        asked = resolver.Resolver(configure=False)
        asked.nameservers, asked.port = ["127.0.0.1"], server.server_address[1]
        try:
            yield asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ({}, ["no SRV records: people have to be told the host name, not only the domain"]),
        (
            {(f"_carddavs._tcp.{HOST}.", "SRV"): f"0 1 443 {HOST}."},
            [f"_carddavs._tcp.{HOST} leads to {HOST}:443"],
        ),
        (
            {
                ("_carddavs._tcp.example.org.", "SRV"): f"0 1 443 {HOST}.",
                ("_carddavs._tcp.example.org.", "TXT"): '"path=/c/"',
                ("_carddav._tcp.example.org.", "SRV"): NONE,
            },
            [f"_carddavs._tcp.example.org leads to {HOST}:443/c/"],
        ),
        ({(f"_carddavs._tcp.{HOST}.", "SRV"): ELSEWHERE}, ["srv-elsewhere"]),
        ({(f"_carddavs._tcp.{HOST}.", "SRV"): NONE}, ["srv-none"]),
        ({(f"_carddav._tcp.{HOST}.", "SRV"): f"0 1 80 {HOST}."}, ["srv-plain"]),
    ],
    ids=["nothing", "the server", "the domain's", "elsewhere", "no service", "without TLS"],
)
def test_what_a_zone_says_of_the_server(records, expected):
    with zone(records) as asked:
        assert names(network.dns(Visit(f"https://{HOST}/", Access(), asked))) == expected


def test_a_domain_leads_to_the_host_in_its_zone():
    with zone({("_carddavs._tcp.example.org.", "SRV"): f"0 1 8443 {HOST}."}) as asked:
        visit = Visit("https://example.org/", Access(), asked, by_domain=True)
        list(network.dns(visit))
    assert visit.url == f"https://{HOST}:8443/"


def test_name_servers_that_do_not_answer(monkeypatch):
    monkeypatch.setattr(network, "PATIENCE", 0.1)
    with socketserver.UDPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as silent:
        asked = resolver.Resolver(configure=False)
        asked.nameservers, asked.port = ["127.0.0.1"], silent.server_address[1]
        found = list(network.dns(Visit(f"https://{HOST}/", Access(), asked)))
    assert names(found) == ["dns-silent"]


openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="certificates need openssl")

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
SAN = "subjectAltName=DNS:{}"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A CA, in ca.pem, and a way to have it sign."""
    folder = tmp_path_factory.mktemp("ca")

    def run(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    strict = ("-addext", "keyUsage=critical,keyCertSign")  # as Python 3.13 wants it
    made = ("-days", "2", "-keyout", "ca.key", "-out", "ca.pem")
    run("req", "-x509", *EC, "-subj", "/CN=ca", *strict, *made)
    run("req", *EC, "-subj", "/CN=server", "-keyout", "key.pem", "-out", "request.pem")

    def sign(name, days):
        (folder / "san").write_text(SAN.format(name))
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "san")
        run("x509", "-req", "-in", "request.pem", "-days", str(days), *signed, "-out", "signed.pem")
        return Certificate(folder / "signed.pem", folder / "key.pem")

    return folder, sign


def judged(address, access, host="localhost"):
    try:
        return names(network.tls(Visit(f"https://{host}:{address[1]}/", access)))
    except Stop as stop:
        return [stop.finding.name]


@openssl
@pytest.mark.parametrize(
    ("name", "days", "expected"),
    [
        ("localhost", 90, ["TLS 1.3, a certificate for localhost, 89 days left"]),
        ("localhost", 900, ["tls-long"]),
        ("localhost", -1, ["tls-expired"]),
        ("contacts.example.org", 90, ["tls-name"]),
    ],
)
def test_what_a_certificate_is(authority, name, days, expected):
    folder, sign = authority
    with serving(echo, certificate=sign(name, days)) as address:
        assert judged(address, Access(ca=folder / "ca.pem")) == expected


@openssl
def test_whom_a_certificate_leads_to(authority):
    folder, sign = authority
    with serving(echo, certificate=sign("localhost", 90)) as address:
        assert judged(address, Access()) == ["tls-chain"]
        assert judged(address, Access(insecure=True)) == ["tls-chain"]
    own = Certificate(folder / "ca.pem", folder / "ca.key")
    with serving(echo, certificate=own) as address:
        assert judged(address, Access()) == ["tls-self-signed"]


@openssl
def test_an_address_is_a_name_as_well(authority):
    folder, sign = authority
    with serving(echo, certificate=sign("localhost", 90)) as address:
        assert judged(address, Access(ca=folder / "ca.pem"), "127.0.0.1") == ["tls-name"]


@pytest.mark.parametrize(
    ("age", "left", "expected"),
    [(80, 10, "tls-soon"), (60, 30, "ok"), (1, 5, "ok"), (1, 900, "tls-long"), (1, 824, "ok")],
)
def test_how_long_a_certificate_is_valid(age, left, expected):
    begin, end = (
        (datetime.now(UTC) + timedelta(days, hours=1)).strftime("%b %d %H:%M:%S %Y GMT")
        for days in (-age, left)
    )
    certificate = {"notBefore": begin, "notAfter": end, "subjectAltName": (("DNS", HOST),)}
    finding = network.judge(Visit(f"https://{HOST}/", Access()), certificate, "TLSv1.3")
    assert (finding.name or finding.level) == expected


@pytest.mark.parametrize(
    ("url", "status", "there", "expected"),
    [
        (f"https://{HOST}/x", 301, f"https://{HOST}/y/", None),
        (f"http://{HOST}/x", 301, f"https://{HOST}/y/", None),
        (f"http://{HOST}:81/x", 301, f"https://{HOST}:444/y/", None),
        (f"https://{HOST}/x", 301, f"http://{HOST}/y/", "redirect-plain"),
        (f"https://{HOST}/x", 301, f"https://{HOST}:5236/y/", "redirect-elsewhere"),
        (f"https://{HOST}/x", 301, "https://other.example/y/", "redirect-elsewhere"),
        (f"https://{HOST}/x", 303, f"https://{HOST}/y/", "redirect-status"),
        (f"https://{HOST}/x", 308, f"https://{HOST}/y", "redirect-slash"),
    ],
)
def test_where_a_redirect_may_lead(url, status, there, expected):
    wrong = door.misled(url, status, there)
    assert (wrong and wrong.name) == expected


def test_a_port_without_tls():
    with serving(echo) as address:
        assert judged(address, Access()) == ["tls-absent"]


def test_an_address_without_tls():
    visit = Visit("http://192.168.1.20/", Access())
    assert names(network.tls(visit)) == ["no-tls"]


@pytest.mark.parametrize(
    ("place", "access", "goes_on"),
    [
        ("192.168.1.20", Access("ada", "secret"), True),
        ("8.8.8.8", Access(), True),
        ("8.8.8.8", Access("ada", "secret"), False),
        ("8.8.8.8", Access("ada", "secret", insecure=True), True),
    ],
)
def test_no_password_goes_over_the_internet_for_all_to_read(place, access, goes_on):
    visit = Visit(f"http://{HOST}/", access)
    visit.places = (place,)
    with nullcontext() if goes_on else pytest.raises(Stop):
        assert names(network.tls(visit)) == ["no-tls"]


def test_each_address_of_a_name_has_to_answer(monkeypatch):
    found = [(2, 1, 6, "", (place, 0)) for place in ("127.0.0.1", "127.0.0.2")]
    lookup = socket.getaddrinfo
    monkeypatch.setattr(
        "socket.getaddrinfo",
        lambda host, *rest, **more: found if host == HOST else lookup(host, *rest, **more),
    )
    with serving(echo) as (_, port):
        visit = Visit(f"http://{HOST}:{port}/", Access())
        [answers, dead] = network.address(visit)
    assert (answers.what, dead.name) == (
        f"{HOST} (127.0.0.1) answers on port {port}",
        "dead-address",
    )


def test_an_address_that_there_is_not():
    def found(url, **options):
        with pytest.raises(Stop) as stop:
            list(network.address(Visit(url, Access(), **options)))
        return stop.value.finding.name

    assert found(f"https://{'x' * 64}.example/") == "unknown-host"  # without asking anybody
    with serving(echo) as (_, port):
        pass
    assert found(f"http://127.0.0.1:{port}/") == "unreachable"
    assert found(f"http://127.0.0.1:{port}/", own=True) == "not-running"
