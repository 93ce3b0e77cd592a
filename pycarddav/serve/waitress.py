"""waitress, with what it leaves to be desired put right.

Everything here that is not in waitress' documentation is in these classes and in ``Server._poll``:
``Task``, ``Parser``, ``Channel`` with the attributes they read.  tests/test_wire.py holds each of
them against a real socket, and names the versions for which that is known to be true.
"""

import errno
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import create_server
from waitress.task import ErrorTask, ThreadedTaskDispatcher, WSGITask
from waitress.utilities import BadRequest

from ..protocol.context import Limits
from .log import log_refusal
from .wsgi import SECURITY

THREADS = 8
GRACE = 10.0  # seconds that answers may take after the signal to stop
TICK = 1.0  # seconds between two looks for connections that are too slow
MAX_LINE = 256  # octets of a chunk's size and extensions
MAX_TRAILER = 8192
TLS_HELLO = b"\x16"  # the first octet of a handshake (RFC 8446 §5.1)
STOP = (signal.SIGTERM, signal.SIGINT)


class CannotListen(Exception):
    """There is nothing to serve on; the message says where and why."""


class Parser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no annotations
    """Refuses what a proxy in front could read in another way (RFC 9112 §6.3, §3.2)."""

    error: Any

    def __init__(self, adj: Any) -> None:
        super().__init__(adj)
        self.born = time.monotonic()

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        fields = self.headers
        if self.version not in ("1.0", "1.1"):
            raise ParsingError("HTTP/1.0 and HTTP/1.1 are spoken here")
        if self.chunked and "CONTENT_LENGTH" in fields:
            raise ParsingError("Content-Length and Transfer-Encoding")
        if "TRANSFER_ENCODING" in fields:  # waitress leaves it, and does not look at it, in 1.0
            raise ParsingError("Transfer-Encoding in HTTP/1.0")
        if "," in fields.get("HOST", "") or ("HOST" not in fields and self.version == "1.1"):
            raise ParsingError("one Host is needed")

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        if self.error:
            self.expect_continue = False  # or waitress asks for the body that it has refused
        elif self.chunked and (
            len(self.body_rcv.control_line) > MAX_LINE or len(self.body_rcv.trailer) > MAX_TRAILER
        ):
            # waitress has no bound here, and copies all of it with every packet.
            self.headers_finished = self.completed = True
            self.error = BadRequest("a chunk without end")
        return consumed


class Task(WSGITask):  # type: ignore[misc]
    """An answer, after which the connection stays open where its end can be told."""

    def set_close_on_finish(self) -> None:
        # waitress closes after every answer without Content-Length, but 204, 304 and chunks
        # have an end of their own (RFC 9112 §6.3); phones would have to do a new handshake.
        delimited = self.chunked_response or not self.has_body
        asked = self.request.headers.get("CONNECTION", "").lower() == "close"
        if self.version != "1.1" or asked or not delimited:
            super().set_close_on_finish()


class Refusal(ErrorTask):  # type: ignore[misc]
    """The answer to what is not even a request."""

    def execute(self) -> None:
        self.response_headers.extend(SECURITY.items())
        super().execute()
        log_refusal(self.channel.addr[0], self.status)


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection."""

    parser_class = Parser
    task_class = Task
    error_task_class = Refusal

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.unsent_since = 0.0
        self.unsent_most = 0

    def received(self, data: bytes) -> bool:
        if self.request is None and data[:1] == TLS_HELLO:
            self.handle_close()  # https: on this port; waiting for a line would take long
            return False
        return bool(super().received(data))

    @property
    def busy(self) -> bool:
        """Whether somebody would miss something if it were closed now."""
        return bool(self.requests or self.total_outbufs_len or self.request)

    def too_slow(self, now: float, limits: Limits) -> bool:
        """Whether a request has been arriving, or an answer been fetched, for too long."""
        if self.total_outbufs_len:
            self.unsent_since = self.unsent_since or now
            self.unsent_most = max(self.unsent_most, self.total_outbufs_len)
            since, octets = self.unsent_since, self.unsent_most
        else:
            self.unsent_since = self.unsent_most = 0
            if self.request is None or self.requests:
                return False
            since, octets = self.request.born, self.request.body_bytes_received
        return bool(now > since + limits.head_seconds + octets / limits.slowest)


class Server:
    """Serves a WSGI *application*; *address* is where, in truth.  CannotListen."""

    def __init__(
        self, application: Callable[..., Any], host: str, port: int, limits: Limits
    ) -> None:
        self._limits = limits
        self._map: dict[int, Any] = {}
        self._stopping = 0
        sockets = listen(host, port)
        self.address: tuple[str, int] = sockets[0].getsockname()[:2]
        self._dispatcher = ThreadedTaskDispatcher()
        self._dispatcher.set_thread_count(THREADS)
        self._listeners = [self._serve(application, sock) for sock in sockets]

    def _serve(self, application: Callable[..., Any], sock: socket.socket) -> Any:
        listener = create_server(
            application,
            map=self._map,
            _dispatcher=self._dispatcher,
            sockets=[sock],
            asyncore_use_poll=True,  # select() ends at descriptor 1024
            channel_timeout=self._limits.idle_seconds,
            cleanup_interval=1,
            clear_untrusted_proxy_headers=False,  # wsgi.py knows whom to trust
            connection_limit=self._limits.max_connections,
            ident=None,
            log_socket_errors=False,
            max_request_body_size=self._limits.max_body_size + 1,  # the first size refused
            max_request_header_size=self._limits.max_head_size,
            server_name=self.address[0],
        )
        listener.channel_class = Channel
        return listener

    def run(self) -> None:
        """Serve until :meth:`stop`, SIGTERM or Ctrl-C; answers that were begun are finished."""
        next_look = 0.0
        with self._signals():
            try:
                while not self._stopping:
                    self._poll(TICK)
                    if time.monotonic() >= next_look:
                        self._close_the_slow()
                        next_look = time.monotonic() + TICK
                self._drain()
            finally:
                self.close()

    def stop(self) -> None:
        """From any thread or a signal: finish what was begun, and return from :meth:`run`.

        The second time, do not even finish.
        """
        self._stopping += 1
        self._wake()

    def _poll(self, seconds: float) -> None:
        wasyncore.loop(seconds, use_poll=True, map=self._map, count=1)

    def _wake(self) -> None:
        if self._map:  # otherwise it is closed, and others may have its descriptors
            self._listeners[0].pull_trigger()

    def _channels(self) -> list[Channel]:
        return [item for item in list(self._map.values()) if isinstance(item, Channel)]

    def _close_the_slow(self) -> None:
        now = time.monotonic()
        for channel in self._channels():
            if channel.too_slow(now, self._limits):
                channel.will_close = True

    def _drain(self) -> None:
        """Let the answers that were begun reach their clients."""
        for listener in self._listeners:
            listener.del_channel()
            listener.socket.close()
        until = time.monotonic() + GRACE
        while self._stopping == 1 and time.monotonic() < until:
            channels = self._channels()
            for channel in channels:
                if not channel.busy:
                    channel.handle_close()
            if not any(channel.busy for channel in channels):
                return
            self._poll(0.1)

    def close(self) -> None:
        """Let go of everything at once; :meth:`run` does it at its end."""
        self._dispatcher.shutdown(timeout=0 if self._stopping > 1 else 5)
        wasyncore.close_all(self._map, ignore_all=True)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT stop the server, if this thread may say so."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def handle(number: int, frame: FrameType | None) -> None:
            self.stop()

        before = {number: signal.signal(number, handle) for number in STOP}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def listen(host: str, port: int) -> list[socket.socket]:
    """Sockets bound to every address that *host* has, all on one port; CannotListen."""
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, address in dict.fromkeys(found):
            number = sockets[0].getsockname()[1] if sockets else port
            sockets.append(_bind(family, (address[0], number, *address[2:])))
    except OSError as error:
        for sock in sockets:
            sock.close()
        raise CannotListen(_reason(error, f"{host}:{port}")) from error
    return sockets


def _bind(family: int, address: tuple[Any, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # no waiting at a restart
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen()
    except OSError:
        sock.close()
        raise
    return sock


def _reason(error: OSError, where: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{where} is in use by another program"
    if error.errno == errno.EACCES:
        return f"{where} may not be used by this user: ports below 1024 are for root"
    return f"cannot listen on {where}: {error.strerror}"
