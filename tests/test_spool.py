"""Bodies that are made piece by piece, and who fetches them when."""

import gc
import os
import socket
from contextlib import ExitStack

import pytest
from test_wsgi import call
from wire import HOST, Client, running, serving, wait_for

from pycarddav.dav.errors import Busy, Unavailable
from pycarddav.protocol.context import Limits
from pycarddav.protocol.messages import Response
from pycarddav.serve import waitress
from pycarddav.serve.sockets import listen
from pycarddav.serve.spool import IN_MEMORY, Reader, Spool, Spools
from pycarddav.serve.waitress import THREADS, Server
from pycarddav.serve.wsgi import Application

LARGE = [bytes([number]) * 1000 for number in range(200)]


def whole(body):
    return Reader(body).read() if isinstance(body, Spool) else body


@pytest.mark.parametrize(
    "fragments",
    [[], [b""], [b"a", b"", b"b"], [b"x" * IN_MEMORY], [b"x" * (IN_MEMORY - 1), b"yz"], LARGE],
    ids=lambda fragments: str(sum(map(len, fragments))),
)
def test_what_goes_in_comes_out(tmp_path, fragments):
    body = Spools(tmp_path).body(iter(fragments), None)
    expected = b"".join(fragments)
    assert (whole(body), len(body)) == (expected, len(expected))
    assert isinstance(body, bytes) == (len(expected) < IN_MEMORY)


def test_every_reader_has_a_place_of_its_own(tmp_path):
    body = Spools(tmp_path).body(iter(LARGE), None)
    readers = [Reader(body) for _ in range(3)]
    for reader, start in zip(readers, (0, 70_000, 199_999), strict=True):
        reader.seek(start)
    expected = b"".join(LARGE)
    assert [reader.read(5000) for reader in readers] == [
        expected[:5000],
        expected[70_000:75_000],
        expected[-1:],
    ]
    assert readers[0].seek(-10, os.SEEK_END) == 199_990


def test_the_same_state_is_kept_once_and_as_long_as_somebody_reads_it(tmp_path):
    spools = Spools(tmp_path)
    first, second = (spools.body(iter(LARGE), "state") for _ in range(2))
    assert first is second
    other = spools.body(iter(LARGE), "another")
    assert (other is first, spools.size()) == (False, 400_000)
    del first, second, other
    gc.collect()
    assert (spools.size(), list(tmp_path.iterdir())) == (0, [])


def test_there_is_an_end_to_what_is_kept(tmp_path):
    spools = Spools(tmp_path, most=300_000)
    kept = spools.body(iter(LARGE), None)
    with pytest.raises(Busy):
        spools.body(iter(LARGE), None)
    gc.collect()
    assert spools.size() == len(kept)


def test_no_room_is_an_answer_and_a_line_in_the_log(tmp_path, caplog):
    app = Application(
        lambda request: Response(200, {}, iter(LARGE)), spools=Spools(tmp_path / "none")
    )
    status, headers, _ = call(app)
    assert (status, headers["Retry-After"]) == ("503 Service Unavailable", "300")
    assert "No such file or directory" in caplog.text


def test_what_fails_half_way_is_an_error_and_no_answer():
    def fragments():
        yield from LARGE
        raise Unavailable("/secret/place: Input/output error")

    status, _, body = call(Application(lambda request: Response(200, {}, fragments())))
    assert (status, b"secret" in body) == ("503 Service Unavailable", False)


def ask_and_never_read(stack, address, requests):
    client = stack.enter_context(Client(address))
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.send(f"GET /large HTTP/1.1\r\n{HOST}\r\n" * requests)
    return client


@pytest.mark.parametrize("requests", [1, 20], ids=["one request", "many in a row"])
def test_whoever_reads_nothing_keeps_no_thread(requests):
    """More of them than threads, and more octets than waitress holds without waiting (16 MB)."""

    def serve(request):
        if request.path == "/small":
            return Response(200, {}, b"hello")
        if requests > 1:
            return Response(200, {}, bytes(2**21))
        return Response(200, {"ETag": 'W/"1"'}, (bytes(2**20) for _ in range(24)))

    with serving(serve) as address, ExitStack() as stack:
        greedy = [ask_and_never_read(stack, address, requests) for _ in range(2 * THREADS)]
        for client in greedy:  # the first has begun to be answered when the last one asks
            client.line()
        with Client(address) as honest:
            for _ in range(50):  # as many turns as the others would need to take all threads
                assert honest.ask("GET /small HTTP/1.1")[2] == b"hello"


def test_answers_that_nobody_fetches_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(waitress, "ANSWERS", 30_000_000)
    body = bytes(20_000_000)
    application = Application(lambda request: Response(200, {}, body))
    server = Server(application, listen("127.0.0.1", 0), Limits())
    with running(server), ExitStack() as stack:
        clients = [ask_and_never_read(stack, server.address, 1) for _ in range(3)]
        for client in clients:
            client.line()
        wait_for(lambda: len(server._channels()) == 1)
