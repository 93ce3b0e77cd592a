"""waitress, from the first connection to the last answer."""

import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from math import inf
from operator import itemgetter
from types import FrameType
from typing import Any

from waitress import wasyncore
from waitress.server import create_server
from waitress.task import ThreadedTaskDispatcher

from .. import floor
from ..haste import hasty, turn
from ..protocol.context import Limits
from .connection import Channel
from .place import Place
from .recall import Recall
from .sockets import allow_descriptors
from .systemd import Heart, notify, reloading
from .tls import Certificate, CertificateUnusable, opener

THREADS = 8
DESCRIPTORS = 4  # for a connection: itself, a body on the disk; and as many for the storage
GRACE = 10.0  # seconds that answers may take after the signal to stop
TICK = 1.0  # seconds between two looks for connections that are too slow
MOMENT = 0.001  # seconds between two looks at a connection that is left to another worker
BODIES = 8  # as many bodies of the largest size may be arriving at once
AT_ONCE = 32  # connections that are accepted before anything else is done
PACKET = 2**16  # octets of an answer that are sent before there are more of them
ANSWERS = 2**28  # octets that may wait in memory for clients to fetch them

log = logging.getLogger(__name__)


class Pool(ThreadedTaskDispatcher):  # type: ignore[misc]  # waitress has no annotations
    """The threads that answer."""

    def add_first(self, task: Any) -> None:
        """Run this task as soon as a thread is free, whatever else waits."""
        with self.lock:
            self.queue.appendleft(task)
            self.queue_cv.notify()


class Server:
    """Serves a WSGI *application* on these *sockets*; *address* is that of the first.

    SIGHUP makes it read the certificate again.  With *recall*, which keeps answers to give them
    again, an application says when it would have to wait: what it can do in haste, the loop does.
    """

    def __init__(
        self,
        application: Callable[..., Any],
        sockets: Sequence[socket.socket],
        limits: Limits,
        certificate: Certificate | None = None,
        recall: Recall | None = None,
    ) -> None:
        self._limits = limits
        self._map: dict[int, Any] = {}
        self._place: Place | None = None
        self._stopping = 0
        self._hung_up = self._closed = False
        self._closing = threading.RLock()  # a signal may come while it is held
        self._certificates: list[Certificate] = []
        self._listeners: list[Any] = []
        self._dispatcher = Pool()
        allow_descriptors(DESCRIPTORS * limits.max_connections)
        self.address = address(sockets[0])
        self.add(application, sockets, certificate, recall)
        self._dispatcher.set_thread_count(THREADS)

    def add(
        self,
        application: Callable[..., Any],
        sockets: Iterable[socket.socket],
        certificate: Certificate | None = None,
        recall: Recall | None = None,
    ) -> None:
        """Serve *application* on these as well."""
        if certificate:
            self._certificates.append(certificate)
        for sock in sockets:
            listener = self._listener(application, sock, "https" if certificate else "http")
            listener.channel_class = opener(certificate) if certificate else Channel
            listener.recall = recall
            listener.add_task = _take_note
            listener.pull_trigger = partial(_wake_loop, listener.pull_trigger)
            listener.adj.send_bytes = PACKET
            listener.handle_accept = partial(self._accept, listener, listener.handle_accept)
            self._listeners.append(listener)

    def _listener(self, application: Callable[..., Any], sock: socket.socket, scheme: str) -> Any:
        return create_server(
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
            url_scheme=scheme,
        )

    def _accept(self, listener: Any, accept: Callable[[], None]) -> None:
        """Take who waits at the door.

        waitress takes one, and looks at all connections before it takes the next.  So does a
        worker: others may have fewer by then.
        """
        if self._place and self._place.leaves(self._connections()):
            return
        for _ in range(1 if self._place else AT_ONCE):
            known = len(self._map)
            if known < self._limits.max_connections:
                accept()
            if len(self._map) <= known:
                break

    def _connections(self) -> int:
        return sum(len(listener.active_channels) for listener in self._listeners)

    def run(self, place: Place | None = None) -> None:
        """Serve until :meth:`stop`, SIGTERM or Ctrl-C; answers that were begun are finished.

        A worker has a *place*, and does not serve without its master.
        """
        self._place = place
        next_look = 0.0
        heart = Heart(self._dispatcher.add_first)
        with self._signals(once=place is not None):
            try:
                notify("READY=1")
                while not self._stopping and not (place and place.orphaned):
                    self._make_room()
                    if place and place.turn(self._connections()):
                        self._look_away()
                    else:
                        self._poll(TICK)
                    if self._hung_up:
                        self._hung_up = False
                        self._reload()
                    if time.monotonic() >= next_look:
                        self._close_the_slow()
                        heart.turn(time.monotonic())
                        next_look = time.monotonic() + TICK
                self._stopping = self._stopping or 1
                notify("STOPPING=1")
                if place:
                    place.vacate()
                self._drain()
            finally:
                self.close()

    def stop(self) -> None:
        """From any thread or a signal: finish what was begun, and return from :meth:`run`.

        The second time, do not even finish.
        """
        self._stopping += 1
        self._wake()

    def _reload(self) -> None:
        reloading()
        for certificate in self._certificates:
            try:
                certificate.reload()
            except CertificateUnusable as error:
                log.error("%s; the certificate stays as it was", error)
            else:
                log.info("the certificate was read again")
        notify("READY=1")

    def _poll(self, seconds: float) -> None:
        try:
            with turn():
                wasyncore.loop(seconds, use_poll=True, map=self._map, count=1)
        finally:
            floor.give()

    def _look_away(self) -> None:
        """Leave the door alone for a moment, then see at once whether somebody still waits there.

        To look on would take the CPU, where it is short, from the worker that is to come.
        """
        for listener in self._listeners:
            listener.accepting = False
        self._poll(MOMENT)
        for listener in self._listeners:
            listener.accepting = True
        self._poll(0)

    def _wake(self) -> None:
        with self._closing:
            if not self._closed:  # otherwise others may have its descriptors
                self._listeners[0].trigger.pull_trigger()

    def _channels(self) -> list[Channel]:
        return [item for item in list(self._map.values()) if isinstance(item, Channel)]

    def _close_the_slow(self) -> None:
        # Not by will_close: waitress acts on that when the client reads, and some never do.
        now = time.monotonic()
        for channel in self._channels():
            if channel.too_slow(now, self._limits):
                channel.handle_close()
        # Bodies wait in memory and on the disk before anybody knows who sent them.
        self._close_the_largest(
            BODIES * self._limits.max_body_size, lambda channel: channel.arrived
        )
        self._close_the_largest(ANSWERS, lambda channel: channel.unsent)

    def _close_the_largest(self, most: int, octets: Callable[[Channel], int]) -> None:
        """Let *octets* of all connections add up to at most that."""
        held = sorted(
            ((octets(channel), channel) for channel in self._channels()), key=itemgetter(0)
        )
        total = sum(size for size, _ in held)
        while total > most:
            size, channel = held.pop()
            channel.handle_close()
            total -= size

    def _make_room(self) -> None:
        """Close who has sent nothing for longest, so that others can always connect."""
        if len(self._map) >= self._limits.max_connections:
            channels = sorted(self._channels(), key=lambda channel: channel.waiting_since)
            for channel in channels[: len(channels) // 8 + 1]:
                if channel.waiting_since < inf:
                    channel.handle_close()

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
        with self._closing:
            self._closed = True
            wasyncore.close_all(self._map, ignore_all=True)

    @contextmanager
    def _signals(self, once: bool) -> Iterator[None]:
        """SIGTERM and SIGINT stop the server, SIGHUP reloads, if this thread may say so.

        To stop is said *once* only, where systemd says it to every process and the master as well.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def handle(number: int, frame: FrameType | None) -> None:
            if number == signal.SIGHUP:
                self._hung_up = True
                self._wake()
            elif not (once and self._stopping):
                self.stop()

        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        before = {number: signal.signal(number, handle) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _take_note(channel: Channel) -> None:
    """A request has arrived; waitress holds a lock of the channel at this moment."""
    channel.due = True


def _wake_loop(wake: Callable[[], None]) -> None:
    """A channel's turn is over: the loop has to look at it again, and does if this is the loop."""
    if not hasty():
        wake()


def address(sock: socket.socket) -> tuple[str, int]:
    """Host and port; a path and 0 of a unix socket."""
    name = sock.getsockname()
    return (name, 0) if sock.family == socket.AF_UNIX else name[:2]
