"""waitress' connections, with what they leave to be desired put right.

Here, and in ``Server``, is everything that is not in waitress' documentation: the methods
that these classes override and the attributes that they read.  tests/test_wire.py holds each of
them against a real socket, and names the versions for which that is known to be true.
"""

import re
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from math import inf
from typing import Any

from waitress.buffers import ReadOnlyFileBasedBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import BadRequest

from .. import floor
from ..haste import WouldWait, haste
from ..protocol.context import Limits
from .log import log_refusal
from .recall import Kept, Recall
from .wsgi import KEPT, SECURITY

READING = {"GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"}  # methods: they can begin anew
READING_BEGINS = {method[0].encode() for method in READING}  # what else begins so is not known
LINGER = 5.0  # seconds that a client may go on sending what has been refused
MAX_LINE = 256  # octets of a chunk's size and extensions
MAX_TRAILER = 8192
FRAMES = 2**16  # octets that may be around chunks, beyond as many as are in them
TLS_HELLO = b"\x16"  # the first octet of a handshake (RFC 8446 §5.1)
TRANSFER_ENCODING = re.compile(rb"(?im)^transfer-encoding:([^\r\n]*)")


class Gathered:
    """waitress' buffer for a body in chunks, written to once a packet.

    A packet may have a thousand chunks, for each of which waitress would go to the disk four times,
    and let other threads run before it goes on.
    """

    def __init__(self, buffer: Any) -> None:
        self._buffer = buffer
        self._pieces: list[bytes] = []
        self._held = 0

    def append(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._held += len(piece)

    def write(self) -> None:
        if self._pieces:
            self._buffer.append(b"".join(self._pieces))
            self._pieces.clear()
            self._held = 0

    def __len__(self) -> int:
        return len(self._buffer) + self._held

    def __getattr__(self, name: str) -> Any:
        return getattr(self._buffer, name)


class Parser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no annotations
    """Refuses what a proxy in front could read in another way (RFC 9112 §6.3, §3.2)."""

    error: Any

    def __init__(self, adj: Any) -> None:
        super().__init__(adj)
        self.born = time.monotonic()
        self.octets = b""  # all of the request, if they arrived at once and alone

    def parse_header(self, header_plus: bytes) -> None:
        codings = TRANSFER_ENCODING.findall(header_plus)  # waitress removes what it understood
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # urlsplit(): http://[
            raise ParsingError("this is not a request target") from error
        if self.version not in ("1.0", "1.1"):
            raise ParsingError("HTTP/1.0 and HTTP/1.1 are spoken here")
        if codings and (self.version == "1.0" or "CONTENT_LENGTH" in self.headers):
            raise ParsingError("Transfer-Encoding in HTTP/1.0, or beside a Content-Length")
        if codings and [coding.strip(b" \t").lower() for coding in codings] != [b"chunked"]:
            raise ParsingError("Transfer-Encoding can be chunked, once")
        if self.chunked:
            self.body_rcv.buf = Gathered(self.body_rcv.buf)
        host = self.headers.get("HOST", "" if self.version == "1.1" else "none")
        if not host or "," in host:
            raise ParsingError("one Host is needed")

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        if self.chunked and self.body_rcv:
            self.body_rcv.buf.write()
        if self.error:
            self.expect_continue = False  # or waitress asks for the body that it has refused
        elif self.chunked and self._hardly_a_body():
            self.headers_finished = self.completed = True
            self.error = BadRequest("chunks without end, or smaller than what is around them")
        return consumed

    def _hardly_a_body(self) -> bool:
        """Whether what waitress has no bound for takes more time than the body is worth."""
        body = self.body_rcv
        around = self.body_bytes_received - len(body)
        return (
            len(body.control_line) > MAX_LINE  # it is copied with every packet
            or len(body.trailer) > MAX_TRAILER
            or around > FRAMES + len(body)  # 0.4 s a megabyte, for chunks of one octet
        )


class Task(WSGITask):  # type: ignore[misc]
    """An answer, after which the connection stays open where its end can be told."""

    head = b""

    def build_response_header(self) -> bytes:
        self.head = super().build_response_header()
        return self.head

    def finish(self) -> None:
        super().finish()
        self.channel.send_now()
        kept = self.environ.get(KEPT)
        if kept and self.request.octets and self.version == "1.1" and not self.close_on_finish:
            self.channel.keep(self.request.octets, kept, self.head)

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
        self.channel.refused = True
        self.response_headers.extend(SECURITY.items())
        super().execute()
        log_refusal(self.channel.addr[0], self.status)


@dataclass
class Fetching:
    """An answer that is being fetched, and when the last of its octets went."""

    since: float
    moved: float
    left: int = 0
    most: int = 0

    def too_slow(self, now: float, left: int, limits: Limits) -> bool:
        """Whether that takes too long, or has come to a stop, with *left* octets to go."""
        if left != self.left:
            self.left, self.moved, self.most = left, now, max(left, self.most)
        stopped = now > self.moved + limits.idle_seconds
        return stopped or now > self.since + limits.seconds(self.most)


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection."""

    parser_class = Parser
    task_class = Task
    error_task_class = Refusal

    def __init__(self, server: Any, sock: socket.socket, addr: Any, adj: Any, map: Any) -> None:
        # A socket of both families, such as systemd's, has IPv4 addresses in another form
        # (RFC 4291 §2.5.5.2), and whoever looks at them would have to know.
        addr = (addr[0].removeprefix("::ffff:"), *addr[1:])
        super().__init__(server, sock, addr, adj, map=map)
        self.idle_since = time.monotonic()
        self.fetching: Fetching | None = None
        self.following: list[Any] = []  # requests that came before the answer to one was sent
        self.refused = False
        self.lingers_until = 0.0  # 0: it does not
        self.due = False  # whether a whole request has just arrived

    def handle_read_event(self) -> None:
        floor.take()  # until the loop turns
        super().handle_read_event()

    def received(self, data: bytes) -> bool:
        if self.lingers_until:
            return False
        if self.request is None and data[:1] == TLS_HELLO:
            self.handle_close()  # https: on this port; waiting for a line would take long
            return False
        alone = self.request is None and not self.requests
        if alone and data[:1] in READING_BEGINS and self._recalled(data):
            return True
        taken = bool(super().received(data))
        if self.due:
            self.due = False
            if alone and self.request is None and len(self.requests) == 1:
                self.requests[0].octets = data
            if not self._answered_in_haste():
                self.server.task_dispatcher.add_task(self)
        return taken

    def _recalled(self, data: bytes) -> bool:
        """Whether these octets are a request that has been answered before, and is again now."""
        answer = self._recall.find(data, self.addr[0]) if self._recall else None
        if answer is None:
            return False
        sent = self.send(answer)
        if sent < len(answer) and self.connected:
            self.write_soon(answer[sent:])
        self.idle_since = time.monotonic()
        return True

    def keep(self, octets: bytes, kept: Kept, head: bytes) -> None:
        """What was answered to these *octets*, so that it can be recalled."""
        if self._recall:
            self._recall.keep(octets, self.addr[0], kept, head)

    @property
    def _recall(self) -> Recall | None:
        recall: Recall | None = self.server.recall
        return recall

    def _answered_in_haste(self) -> bool:
        """Whether the request has been answered here, on the loop, which waits for nothing."""
        request = self.requests[0]
        if request.error or request.command not in READING or not self._recall:
            return False
        try:
            with haste():
                self.service()
        except WouldWait:
            request.get_body_stream().seek(0)
            return False
        return True

    def send_now(self) -> None:
        """Send what has been written: head and body in one packet, and not when the loop turns."""
        with self.outbuf_lock:
            self._flush_exception(self._flush_some, do_close=False)

    def service(self) -> None:
        # waitress would serve all requests that have arrived in a row, and keep this thread until
        # the client fetches the first answers.
        with self.requests_lock:
            self.following += self.requests[1:]
            del self.requests[1:]
        with floor.taken():
            super().service()
        self.idle_since = time.monotonic()

    def readable(self) -> bool:
        if self.following and super().readable():
            with self.requests_lock:
                self.requests.append(self.following.pop(0))
            self.server.task_dispatcher.add_task(self)
        return bool(self.lingers_until or super().readable())

    def handle_close(self) -> None:
        # Closing while a refused request is still arriving would reset the connection, and the
        # client would never see the answer (RFC 9112 §9.6).
        if self.refused and self.connected and not self.lingers_until:
            self.lingers_until = time.monotonic() + LINGER
            self.will_close = False
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
        else:
            super().handle_close()

    @property
    def busy(self) -> bool:
        """Whether somebody would miss something if it were closed now."""
        return bool(self.requests or self.total_outbufs_len or self.request or self.following)

    @property
    def waiting_since(self) -> float:
        """Since when it is the client's turn to send or to fetch; infinity while it is ours."""
        if self.requests:
            return inf
        if self.total_outbufs_len:
            return self.fetching.since if self.fetching else inf
        return float(self.request.born if self.request else self.idle_since)

    @property
    def arrived(self) -> int:
        """Octets of body that are kept for a request that is not complete."""
        return int(self.request.body_bytes_received) if self.request else 0

    @property
    def unsent(self) -> int:
        """Octets of answers that are kept in memory; those of a spool are on the disk."""
        files = [out for out in [*self.outbufs] if isinstance(out, ReadOnlyFileBasedBuffer)]
        return sum(file.remain for file in files if isinstance(file.file, BytesIO))

    def too_slow(self, now: float, limits: Limits) -> bool:
        """Whether a request has been arriving, or an answer been fetched, for too long."""
        if self.lingers_until:
            return now > self.lingers_until
        if left := self.total_outbufs_len:
            self.fetching = self.fetching or Fetching(now, now)
            return self.fetching.too_slow(now, left, limits)
        self.fetching = None
        if self.request is None or self.requests:
            return False
        return bool(now > self.request.born + limits.seconds(self.arrived))
