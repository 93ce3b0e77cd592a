"""TLS without a proxy, on a real socket."""

import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace

import pytest
from wire import Client, echo, running, serving

from pycarddav import haste
from pycarddav.auth import accounts
from pycarddav.config import load
from pycarddav.protocol.context import Limits
from pycarddav.protocol.messages import Response
from pycarddav.serve import site, tls
from pycarddav.serve.recall import Recall
from pycarddav.serve.sockets import listen
from pycarddav.serve.tls import Certificate, CertificateUnusable
from pycarddav.serve.waitress import Server
from pycarddav.serve.wsgi import Application

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="certificates need openssl")


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True)


def make(folder, name):
    """A certificate and key for localhost, by *name*; the path of the certificate."""
    openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost", "-days", "2"),
        *("-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"),
    )
    return folder / f"{name}.pem"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    make(folder, "one")
    make(folder, "two")
    openssl(
        "pkey",
        "-in",
        folder / "one.key",
        "-aes128",
        "-passout",
        "pass:x",
        "-out",
        folder / "locked.key",
    )
    (folder / "both.pem").write_bytes(
        (folder / "one.pem").read_bytes() + (folder / "one.key").read_bytes()
    )
    return folder


@pytest.fixture
def certificate(files):
    return Certificate(files / "one.pem", files / "one.key")


def trusting(file, version=None):
    """What a client needs that trusts the certificate in *file* alone."""
    context = ssl.create_default_context(cafile=file)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_requests_are_served_over_tls(files, certificate, version):
    def serve(request):
        return Response(200, {}, f"{request.origin} {len(request.body)}".encode())

    trusted = trusting(files / "one.pem", version)
    with (
        serving(serve, certificate=certificate) as address,
        Client(address, tls=trusted) as client,
    ):
        for size in (1, 100_000, 3_000_000):
            assert (
                client.ask("PUT / HTTP/1.1", b"x" * size)[2] == f"https://localhost {size}".encode()
            )
        assert client.socket.version() == version.name.replace("_", ".")


def test_large_answers_arrive_whole_on_many_connections(files, certificate):
    body = bytes(range(256)) * 12_000
    trusted = trusting(files / "one.pem")
    with (
        serving(lambda request: Response(200, {}, body), certificate=certificate) as address,
        ExitStack() as stack,
    ):
        clients = [stack.enter_context(Client(address, tls=trusted)) for _ in range(10)]
        for client in clients:
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        for client in clients:
            assert [client.answer()[2] for _ in range(2)] == [body] * 2


def greeted(address, trusted):
    """A connection whose client has all of a handshake, and has still to send the end of it."""
    sock = socket.create_connection(address, 20)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    secret = trusted.wrap_bio(incoming, outgoing, server_hostname="localhost")
    while True:
        try:
            secret.do_handshake()
            return sock, secret, incoming, outgoing
        except ssl.SSLWantReadError:
            sock.sendall(outgoing.read())
            incoming.write(sock.recv(2**16))


def read(sock, secret, incoming):
    while True:
        try:
            return secret.read(2**16)
        except ssl.SSLWantReadError:
            incoming.write(sock.recv(2**16))


def test_a_request_that_comes_with_the_end_of_a_handshake_waits_for_the_next_turn(
    files, certificate, caches_are_on
):
    """What this turn of the loop has seen may be older than what its client knows."""
    inside = {path: threading.Event() for path in ("/slow", "/first")}
    free = {path: threading.Event() for path in inside}
    looks = []

    @haste.once
    def look():
        looks.append("look")
        return str(len(looks)).encode()

    def serve(request):
        found = look()
        if request.path in inside:
            inside[request.path].set()
            free[request.path].wait(20)
        return Response(200, {}, found)

    trusted, recall = trusting(files / "one.pem", ssl.TLSVersion.TLSv1_3), Recall(lambda _: None)
    with (
        serving(serve, certificate=certificate, recall=recall) as address,
        Client(address, tls=trusted) as slow,
        Client(address, tls=trusted) as first,
    ):
        for number, client in ((b"1", slow), (b"2", first)):
            assert client.ask("GET / HTTP/1.1")[2] == number
        sock, secret, incoming, outgoing = greeted(address, trusted)
        slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        assert inside["/slow"].wait(20)
        first.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n")
        sock.sendall(outgoing.read())
        free["/slow"].set()
        assert inside["/first"].wait(20)
        secret.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        sock.sendall(outgoing.read())
        free["/first"].set()
        assert slow.answer()[2] == b"3"
        assert first.answer()[2] == b"4"
        assert read(sock, secret, incoming).endswith(b"5")
        sock.close()


@pytest.mark.parametrize("size", [100, tls.RECORD])
def test_requests_and_records_need_not_begin_together(files, certificate, monkeypatch, size):
    monkeypatch.setattr(tls, "RECORD", size)
    with (
        serving(echo, certificate=certificate) as address,
        Client(address, tls=trusting(files / "one.pem")) as client,
    ):
        for octet in b"PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi":
            client.send(bytes([octet]))
        assert client.answer()[2] == b"PUT /a hi"
        client.send("GET /b HTTP/1.1\r\nHost: a\r\n\r\n" * 5)
        assert [client.answer()[2] for _ in range(5)] == [b"GET /b "] * 5


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_old_versions_are_not_spoken(files, certificate):
    trusted = trusting(files / "one.pem", ssl.TLSVersion.TLSv1_1)
    trusted.set_ciphers("ALL:@SECLEVEL=0")
    with serving(echo, certificate=certificate) as address, pytest.raises(ssl.SSLError):
        Client(address, tls=trusted)


@pytest.mark.parametrize(
    "data", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\x16"]
)
def test_what_is_not_tls_harms_nobody(files, certificate, data):
    with serving(echo, Limits(idle_seconds=1), certificate=certificate) as address:
        with Client(address) as client:
            client.send(data)
            if not data:
                client.socket.shutdown(socket.SHUT_WR)
            client.closed()
        with Client(address, tls=trusting(files / "one.pem")) as client:
            assert client.ask("GET / HTTP/1.1")[0] == 200


def test_a_client_that_is_gone_before_it_is_met_closes_nothing(files, certificate):
    server = Server(Application(echo), listen("127.0.0.1", 0), Limits(), certificate)
    with socket.create_connection(server.address) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(b"\x16")
    trusted = trusting(files / "one.pem")
    with running(server), Client(server.address, tls=trusted) as client:
        assert client.ask("GET / HTTP/1.1")[0] == 200


def test_the_end_of_a_connection_is_said(files, certificate):
    trusted = trusting(files / "one.pem")
    with serving(echo, certificate=certificate) as address, Client(address, tls=trusted) as client:
        client.socket.suppress_ragged_eofs = False
        assert client.ask("GET / HTTP/1.1\r\nConnection: close")[0] == 200
        assert client.closed()  # and not ssl.SSLEOFError


def test_a_refusal_arrives_over_tls(files, certificate):
    trusted = trusting(files / "one.pem")
    with (
        serving(echo, Limits(max_body_size=1000), certificate=certificate) as address,
        Client(address, tls=trusted) as client,
    ):
        assert client.ask("PUT / HTTP/1.1", b"x" * 1_000_000)[0] == 413


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("one.pem", "two.key"), "two.key is not the key of .*one.pem$"),
        (("one.pem", "none.key"), "none.key: No such file or directory$"),
        (("none.pem", "one.key"), "none.pem: No such file or directory$"),
        (("one.pem", None), "^no certificate and key in PEM: "),
        (("one.key", "one.key"), "^no certificate and key in PEM: "),
        (("one.pem", "locked.key"), "locked.key has a password; "),
    ],
)
def test_files_that_do_not_fit_are_one_clear_error(files, names, message):
    with pytest.raises(CertificateUnusable, match=message):
        Certificate(*(files / name if name else None for name in names))


def test_certificate_and_key_may_be_in_one_file(files):
    assert Certificate(files / "both.pem").context


SERVER = """
import sys, logging
from pathlib import Path
from pycarddav.auth import accounts
from pycarddav.config import load
from pycarddav.protocol.context import Limits
from pycarddav.protocol.messages import Response
from pycarddav.serve import site, tls
from pycarddav.serve.sockets import listen
from pycarddav.serve.tls import Certificate
from pycarddav.serve.waitress import Server
from pycarddav.serve.wsgi import Application

logging.basicConfig(level="INFO", format="%(message)s", stream=sys.stdout)
certificate = Certificate(*map(Path, sys.argv[1:]))
application = Application(lambda request: Response(204))
server = Server(application, listen("127.0.0.1", 0), Limits(), certificate)
print(server.address[1], flush=True)
server.run()
"""


def test_a_new_certificate_is_taken_without_losing_a_connection(files, tmp_path):
    pem, key = tmp_path / "tls.pem", tmp_path / "tls.key"

    def install(name, name_of_key=None):
        shutil.copy(files / f"{name}.pem", pem)
        shutil.copy(files / f"{name_of_key or name}.key", key)

    install("one")
    command = [sys.executable, "-u", "-c", SERVER, str(pem), str(key)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        address = ("127.0.0.1", int(process.stdout.readline()))
        with Client(address, tls=trusting(files / "one.pem")) as old:
            install("one", "two")
            process.send_signal(signal.SIGHUP)
            assert any("stays as it was" in line for line in process.stdout)
            with Client(address, tls=trusting(files / "one.pem")) as client:
                assert client.ask("GET / HTTP/1.1")[0] == 204
            install("two")
            process.send_signal(signal.SIGHUP)
            assert any("read again" in line for line in process.stdout)
            with Client(address, tls=trusting(files / "two.pem")) as client:
                assert client.ask("GET / HTTP/1.1")[0] == 204
            assert old.ask("GET / HTTP/1.1")[0] == 204
        process.terminate()
        assert process.wait(10) == 0


def test_a_configured_server_speaks_tls_and_sends_plain_http_there(files, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "c.ini").write_text(f"[server]\ncertificate = {files}/both.pem\nhsts = 60\n")
    config = load(str(tmp_path / "c.ini")).config
    accounts.add_user(tmp_path / "htpasswd", "alice", "secret")
    config = replace(
        config,
        server=replace(config.server, port=0, redirect_port=free_port()),
        storage=replace(config.storage, folder=tmp_path / "data"),
        auth=replace(config.auth, htpasswd=tmp_path / "htpasswd"),
    )
    with (
        site.listening(config) as bound,
        site.serving(config, bound) as server,
        running(server),
    ):
        host, port = server.address
        with Client((host, config.server.redirect_port)) as client:
            status, headers, _ = client.ask("PROPFIND /.well-known/carddav?x HTTP/1.1")
            location = f"https://localhost:{port}/.well-known/carddav"
            assert (status, headers["location"]) == (308, location)
            assert "strict-transport-security" not in headers
        with Client(server.address, tls=trusting(files / "one.pem")) as client:
            status, headers, _ = client.ask("PROPFIND / HTTP/1.1\r\nDepth: 0")
            assert (status, headers["strict-transport-security"]) == (401, "max-age=60")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]
