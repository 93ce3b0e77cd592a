"""What goes over a real socket: the corrections of serve/connection.py, each held in place.

Known to be true of waitress 3.0.2; the range that setup.cfg allows is checked here as well, for
whoever widens it to run these tests first.
"""

import configparser
import itertools
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waitress.adjustments import Adjustments
from wire import HOST, Client, echo, running, serving, wait_for

from pycarddav.protocol.context import Limits
from pycarddav.protocol.messages import Response
from pycarddav.serve.connection import Parser
from pycarddav.serve.sockets import CannotListen, inherited, listen, listen_all, port_of
from pycarddav.serve.waitress import BODIES, Server
from pycarddav.serve.wsgi import SECURITY, Application


@pytest.fixture(scope="module")
def address():
    with serving(echo) as address:
        yield address


@pytest.fixture
def client(address):
    with Client(address) as client:
        yield client


def test_the_private_parts_of_waitress_are_known_for_these_versions():
    config = configparser.ConfigParser()
    config.read(Path(__file__).parents[1] / "setup.cfg")
    assert "waitress>=3.0.2,<4" in config["options"]["install_requires"].split()


def test_a_request_is_answered(client):
    status, headers, body = client.ask("PROPFIND /alice/?x HTTP/1.1", b"<propfind/>")
    assert (status, body) == (200, b"PROPFIND /alice/ <propfind/>")
    assert "server" not in headers


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_body_keeps_the_connection(status):
    with serving(lambda request: Response(status)) as address, Client(address) as client:
        for _ in range(3):
            answer = client.ask("GET / HTTP/1.1")
            assert answer[0] == status
            assert not {"connection", "content-length", "transfer-encoding"} & set(answer[1])


def test_a_client_that_asks_for_it_is_left(client):
    answer = client.ask("GET / HTTP/1.1\r\nConnection: close")
    assert answer[1]["connection"] == "close"
    assert client.closed()


def test_http_1_0_is_answered_and_left(address):
    with Client(address) as client:
        client.send("GET / HTTP/1.0\r\n\r\n")
        assert client.answer()[0] == 200
        assert client.closed()


def test_head_has_a_length_and_no_body(client):
    for _ in range(2):
        status, headers, _ = client.ask("HEAD /x HTTP/1.1")
        assert (status, headers["content-length"]) == (200, str(len(b"HEAD /x ")))
    assert client.ask("GET /x HTTP/1.1")[2] == b"GET /x "


def test_a_stream_keeps_the_connection():
    def serve(request):
        return Response(200, {}, (b"x" * 100_000 for _ in range(5)))

    with serving(serve) as address, Client(address) as client:
        for _ in range(2):
            assert client.ask("GET / HTTP/1.1")[2] == b"x" * 500_000
        assert client.ask("HEAD / HTTP/1.1")[1]["content-length"] == "500000"


def test_a_large_body_arrives_whole():
    body = bytes(range(256)) * 40_000
    with serving(lambda request: Response(200, {}, body)) as address, Client(address) as client:
        assert client.ask("GET / HTTP/1.1")[2] == body
        assert client.ask("GET / HTTP/1.1")[2] == body


def test_chunks_are_put_together(client):
    for _ in range(2):
        client.send("PUT /a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.send("5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\n")
        assert client.answer()[2] == b"PUT /a hello world"


def test_a_client_may_wait_to_be_asked_for_the_body(client):
    for _ in range(2):
        client.send(
            "PUT /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        )
        assert client.answer()[0] == 100
        client.send("hello")
        assert client.answer()[2] == b"PUT /a hello"


def test_requests_in_a_row_are_answered_in_order(client):
    client.send(
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPUT /2 HTTP/1.1\r\nHost: a\r\n"
        "Content-Length: 1\r\n\r\nxGET /3 HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    assert [client.answer()[2] for _ in range(3)] == [b"GET /1 ", b"PUT /2 x", b"GET /3 "]


@pytest.mark.parametrize(
    ("request_line", "body"),
    [
        ("GET http://localhost/a%2Fb HTTP/1.1", b"GET /a%2Fb "),
        ("OPTIONS * HTTP/1.1", b"OPTIONS / "),
    ],
)
def test_every_form_of_target_is_understood(client, request_line, body):
    assert client.ask(request_line)[2] == body


def test_a_port_in_use_is_one_clear_error(address):
    host, port = address
    with pytest.raises(CannotListen, match=f"^{host}:{port} is in use by another program$"):
        listen(host, port)
    with pytest.raises(CannotListen, match=r"cannot listen on 192\.0\.2\.1:0"):
        listen("192.0.2.1", 0)


def test_one_port_serves_every_address_of_a_name():
    sockets = listen("localhost", 0)
    assert len({sock.getsockname()[1] for sock in sockets}) == 1
    for sock in sockets:
        sock.close()


def refused(address, data):
    """The status with which the server answers *data* before it closes, None if it only closes."""
    with Client(address) as client:
        client.send(data)
        try:
            status = client.answer()[0]
        except (EOFError, ConnectionResetError):
            return None
        return status if client.closed() else "still open"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET / HTTP/1.1\r\n", 400),
        ("GET / HTTP/1.1\r\nHost:\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n", 400),
        (f"PUT / HTTP/1.1\r\n{HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
        (f"PUT / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400),
        (f"PUT / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked, chunked\r\n", 400),
        (f"PUT / HTTP/1.1\r\n{HOST}transfer-encoding:\r\n chunked\r\n", 400),
        (f"PUT / HTTP/1.1\r\n{HOST}Transfer-Encoding: gzip, chunked\r\n", 501),
        (f"PUT / HTTP/1.1\r\n{HOST}Transfer-Encoding: \x0bchunked\r\n", 400),
        (f"PUT / HTTP/1.1\r\n{HOST}Transfer-Encoding : chunked\r\n", 400),
        (f"PUT / HTTP/1.1\r\n{HOST}Transfer-Encoding:\r\nContent-Length: 5\r\n", 400),
        (f"PUT / HTTP/1.0\r\n{HOST}Transfer-Encoding: chunked\r\n", 400),
        (f"PUT / HTTP/1.1\r\n{HOST}Content-Length: 5\r\nContent-Length: 6\r\n", 400),
        (f"PUT / HTTP/1.1\r\n{HOST}Content-Length: +5\r\n", 400),
        (f"PUT / HTTP/1.1\r\n{HOST}Content-Length: 99999999999\r\n", 413),
        (f"GET / HTTP/1.1\r\n{HOST}X: {'y' * 40_000}\r\n", 431),
        (f"GET / HTTP/2.0\r\n{HOST}", 400),
        ("GET /\r\n", 400),
        (f"get / HTTP/1.1\r\n{HOST}", 400),
        (f"GET /a b HTTP/1.1\r\n{HOST}", 400),
        (f"GET /\nX: y HTTP/1.1\r\n{HOST}", 400),
        (f"GET / HTTP/1.1\r\n{HOST}X\r\n", 400),
        (f"GET / HTTP/1.1\r\n X: y\r\n{HOST}", 400),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(address, head, status):
    smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert refused(address, f"{head}\r\n{smuggled}") == status


@pytest.mark.parametrize(
    "body",
    [
        "5\r\nhelloX\r\n0\r\n\r\n",
        "-5\r\nhello\r\n",
        "0x5\r\nhello\r\n",
        "5;\x00\r\nhello\r\n",
        "5;" + "x" * 10_000,
        "1" * 10_000,
        "0\r\n" + "X: y\r\n" * 5_000,
    ],
    ids=lambda body: body[:12],
)
def test_chunks_that_are_none_are_refused(address, body):
    head = f"PUT / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n"
    assert refused(address, head + body) == 400


@given(
    pieces=st.lists(st.binary(min_size=1, max_size=2000), max_size=20),
    cuts=st.lists(st.integers(1, 3000), max_size=30),
)
def test_a_body_in_chunks_is_the_same_however_it_is_cut(pieces, cuts):
    parser = Parser(Adjustments(inbuf_overflow=5000))
    data = f"PUT / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n".encode()
    data += b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    for size in itertools.chain(cuts, itertools.repeat(len(data))):
        data = data[:size][parser.received(data[:size]) :] + data[size:]
        if parser.completed:
            break
    body = b"".join(pieces)
    assert (parser.error, data) == (None, b"")
    assert parser.headers["CONTENT_LENGTH"] == str(len(body))
    with closing(parser.get_body_stream()) as stream:
        assert stream.read() == body


@pytest.mark.parametrize(("size", "status"), [(1, 400), (4, 400), (8, 200)])
def test_chunks_that_are_hardly_a_body_are_refused(address, size, status):
    """Eight octets in a chunk are few, but somebody may write word by word."""
    with Client(address) as client:
        client.send(f"PUT / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n")
        client.send(f"{size}\r\n{'x' * size}\r\n".encode() * 100_000 + b"0\r\n\r\n")
        answer = client.answer()
    assert answer[0] == status
    if status == 200:
        assert answer[2] == b"PUT / " + b"x" * size * 100_000


def test_a_refusal_is_an_answer_like_any_other(client):
    client.send("GET / HTTP/1.1\r\n\r\n")
    _, headers, _ = client.answer()
    assert headers.items() >= {name.lower(): value for name, value in SECURITY.items()}.items()
    assert headers["connection"] == "close"


def test_a_client_that_speaks_tls_is_not_kept_waiting(address):
    assert refused(address, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc") is None


@pytest.mark.parametrize(
    "framing", ["Content-Length: 30000000", "Transfer-Encoding: chunked"], ids=str.lower
)
def test_a_client_that_sends_too_much_is_told_so(framing):
    limits = Limits(max_body_size=100_000)
    body = b"1c9c380\r\n" + b"x" * 30_000_000  # more than all buffers on the way hold
    with serving(echo, limits) as address:
        head = f"PUT / HTTP/1.1\r\n{HOST}{framing}\r\n\r\n"
        assert refused(address, head.encode() + body) == 413
        with Client(address) as client:
            assert client.ask("PUT / HTTP/1.1", b"x" * 100_000)[0] == 200
        with Client(address) as client:
            assert client.ask("PUT / HTTP/1.1", b"x" * 100_001)[0] == 413


def test_a_body_that_is_too_large_is_not_asked_for(address):
    head = f"PUT / HTTP/1.1\r\n{HOST}Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n"
    assert refused(address, head) == 413


@pytest.mark.parametrize(
    "sent",
    [
        "Content-Length: 10\r\n\r\nBEGIN",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nBEGIN\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nBEGIN\r\n0\r\n",
        "Content-Length: 10\r\nExpect: 100-continue\r\n\r\n",
    ],
)
def test_a_request_that_is_cut_off_never_was(sent):
    served = []
    with serving(lambda request: served.append(request) or Response(201)) as address:
        with Client(address) as client:
            client.send(f"PUT /a HTTP/1.1\r\n{HOST}{sent}")
            client.socket.shutdown(socket.SHUT_WR)
            while client.file.read(1):
                pass
        with Client(address) as client:
            assert client.ask("GET /b HTTP/1.1")[0] == 201
    assert [request.path for request in served] == ["/b"]


def drip(client, data, stop):
    """Send *data* for ever; until the server puts an end to it."""
    with suppress(OSError):
        while not stop.wait(0.02):
            client.send(data)


def test_a_request_that_drips_is_cut_off():
    dripping = [
        ("", "x"),
        (f"GET / HTTP/1.1\r\n{HOST}X: ", "y"),
        (f"PUT / HTTP/1.1\r\n{HOST}Content-Length: 999999\r\n\r\n", "z"),
        (f"PUT / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
    ]
    stop = threading.Event()
    with serving(echo, Limits(head_seconds=1)) as address, ExitStack() as stack:
        threads = []
        for begin, data in dripping:
            client = stack.enter_context(Client(address))
            client.send(begin)
            threads.append(threading.Thread(target=drip, args=(client, data, stop)))
            threads[-1].start()
        for thread in threads:
            thread.join(15)
        alive = [thread.is_alive() for thread in threads]
        stop.set()
    assert alive == [False] * 4


@pytest.mark.parametrize(
    "limits",
    [Limits(head_seconds=1, slowest=10**9), Limits(idle_seconds=1, slowest=1)],
    ids=["too slowly", "not at all"],
)
def test_an_answer_that_is_not_fetched_is_given_up(limits):
    body = b"x" * 20_000_000
    application = Application(lambda request: Response(200, {}, body))
    with (
        running(Server(application, listen("127.0.0.1", 0), limits)) as server,
        Client(server.address) as client,
    ):
        client.send(f"GET / HTTP/1.1\r\n{HOST}\r\n")
        with Client(server.address) as other:
            assert other.ask("GET / HTTP/1.1")[2] == body
        wait_for(lambda: not server._channels())  # although the client has read nothing
        assert len(client.file.read()) < len(body)


def test_bodies_that_never_end_do_not_fill_the_disk():
    limits = Limits(max_body_size=100_000)
    with serving(echo, limits) as address, ExitStack() as stack:
        clients = [stack.enter_context(Client(address)) for _ in range(BODIES + 4)]
        for client in clients:
            client.send(f"PUT / HTTP/1.1\r\n{HOST}Content-Length: 100000\r\n\r\n".encode())
            client.send(b"x" * 99_999)
        time.sleep(3)
        ended = 0
        for client in clients:
            with suppress(OSError, EOFError):
                client.send(b"x")
                ended += client.answer()[0] == 200
    assert ended == BODIES


def test_whoever_says_nothing_makes_room():
    with serving(echo, Limits(max_connections=20)) as address:
        silent = [Client(address) for _ in range(40)]
        with Client(address, timeout=5) as client:
            assert client.ask("GET / HTTP/1.1")[0] == 200
        for other in silent:
            other.__exit__()


def test_whoever_fetches_nothing_makes_room():
    body = bytes(10_000_000)

    def begun(client):
        client.send(f"GET / HTTP/1.1\r\n{HOST}\r\n")
        with suppress(OSError, EOFError):
            return client.line() == "HTTP/1.1 200 OK"

    def served():
        with Client(address) as client:
            return begun(client)

    with (
        serving(lambda _: Response(200, {}, body), Limits(max_connections=10)) as address,
        ExitStack() as stack,
    ):
        for _ in range(10):
            greedy = stack.enter_context(Client(address))
            greedy.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            begun(greedy)
        wait_for(served)


SLOW_SERVER = """
import resource, time
resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
from pycarddav.protocol.context import Limits
from pycarddav.protocol.messages import Response
from pycarddav.serve.sockets import listen
from pycarddav.serve.waitress import Server
from pycarddav.serve.wsgi import Application

def serve(request):
    print("begun", flush=True)
    time.sleep(0.5)
    return Response(200, {}, b"x" * 20_000_000)

server = Server(Application(serve), listen("127.0.0.1", 0), Limits())
print(server.address[1], flush=True)
server.run()
print("ended", flush=True)
"""


@pytest.fixture
def process():
    command = [sys.executable, "-c", SLOW_SERVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        process.address = ("127.0.0.1", int(process.stdout.readline()))
        yield process
        process.kill()


def test_there_is_a_file_for_every_connection(process):
    soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    assert soft >= min(hard, 4 * Limits.max_connections)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_answer_that_was_begun_is_delivered_before_the_end(process, number):
    with Client(process.address) as idle, Client(process.address) as client:
        client.send(f"GET / HTTP/1.1\r\n{HOST}\r\n")
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        time.sleep(1)  # the answer does not fit into the buffers
        assert client.answer()[2] == b"x" * 20_000_000
        assert idle.closed()
    assert process.stdout.readline() == "ended\n"
    assert process.wait(10) == 0


def test_nobody_is_let_in_after_the_signal(process):
    with Client(process.address) as client:
        client.send(f"GET / HTTP/1.1\r\n{HOST}\r\n")
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGTERM)
        client.answer()
    assert process.wait(10) == 0
    with pytest.raises(ConnectionRefusedError):
        Client(process.address)


def ask_unix(path):
    """The status of an answer over a unix socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(path))
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        return int(client.makefile("rb").readline().split()[1])


def test_a_unix_socket_is_served_and_a_stale_one_replaced(tmp_path):
    path = tmp_path / "socket"
    for _ in range(2):
        server = Server(Application(echo), listen(f"unix:{path}", 0), Limits())
        assert server.address == (str(path), 0)
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        with running(server):
            assert ask_unix(path) == 200
            with pytest.raises(CannotListen, match=f"^{path} is in use by another program$"):
                listen(f"unix:{path}", 0)


def test_one_server_is_at_several_addresses(tmp_path):
    sockets = listen_all([f"unix:{tmp_path / 'socket'}", "127.0.0.1", "127.0.0.2"], 0)
    with running(Server(Application(echo), sockets, Limits())):
        assert ask_unix(tmp_path / "socket") == 200
        for host in ("127.0.0.1", "127.0.0.2"):
            with Client((host, port_of(sockets))) as client:
                assert client.ask("GET / HTTP/1.1")[0] == 200


def test_where_one_address_cannot_be_had_none_is_taken(address):
    with pytest.raises(CannotListen):
        listen_all(["127.0.0.2", "127.0.0.1"], address[1])
    for sock in listen("127.0.0.2", address[1]):
        sock.close()


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="needs IPv6")
def test_an_address_of_ipv4_is_one_on_a_socket_of_both_families():
    sock = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    application = Application(lambda request: Response(200, {}, request.remote.encode()))
    port = port_of([sock])
    with running(Server(application, [sock], Limits())), Client(("127.0.0.1", port)) as client:
        assert client.ask("GET / HTTP/1.1")[2] == b"127.0.0.1"


def test_only_a_stale_socket_is_replaced(tmp_path):
    file = tmp_path / "contacts.vcf"
    file.write_text("precious")
    with pytest.raises(CannotListen):
        listen(f"unix:{file}", 0)
    assert file.read_text() == "precious"


SOCKET_ACTIVATED = """
import os, sys
from pycarddav.protocol.context import Limits
from pycarddav.protocol.messages import Response
from pycarddav.serve.sockets import inherited
from pycarddav.serve.waitress import Server
from pycarddav.serve.wsgi import Application

os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
server = Server(Application(lambda request: Response(200)), inherited(), Limits())
print("LISTEN_FDS" in os.environ, os.get_inheritable(3), flush=True)
server.run()
"""


def test_a_socket_of_systemd_is_served(tmp_path):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "socket"))
        sock.listen()
        command = [sys.executable, "-c", SOCKET_ACTIVATED, str(sock.fileno())]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, pass_fds=[sock.fileno()]
        )
    with process:
        assert process.stdout.readline() == "False False\n"
        assert ask_unix(tmp_path / "socket") == 200
        process.terminate()
        assert process.wait(10) == 0


def test_sockets_of_another_process_are_left_alone(monkeypatch):
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setenv("LISTEN_PID", "1")
    assert inherited() == []
