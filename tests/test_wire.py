"""What goes over a real socket: the corrections of serve/waitress.py, each held in place.

Known to be true of waitress 3.0.2; the range that setup.cfg allows is checked here as well, for
whoever widens it to run these tests first.
"""

import configparser
from pathlib import Path

import pytest
from wire import Client, echo, serving

from pycarddav.protocol.context import Limits
from pycarddav.protocol.messages import Response
from pycarddav.serve.waitress import CannotListen, Server, listen


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
        Server(None, host, port, Limits())
    with pytest.raises(CannotListen, match=r"cannot listen on 192\.0\.2\.1:0"):
        listen("192.0.2.1", 0)


def test_one_port_serves_every_address_of_a_name():
    sockets = listen("localhost", 0)
    assert len({sock.getsockname()[1] for sock in sockets}) == 1
    for sock in sockets:
        sock.close()
