"""What systemd is told (sd_notify(3)), where it has started this process and wants to know.

By hand: it is one datagram, and systemd's own Python module has to be compiled.
"""

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import Any


def notify(*facts: str) -> None:
    """Say these, such as ``READY=1``, to whoever listens."""
    where = os.environ.get("NOTIFY_SOCKET")
    if where:
        address = f"\0{where[1:]}" if where.startswith("@") else where
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto("\n".join(facts).encode(), address)


def reloading() -> None:
    """To be followed by ``READY=1``.  systemd wants to know when, for Type=notify-reload."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


def watchdog() -> float:
    """Seconds within which we have to be heard of; infinite where nobody listens."""
    ours = os.environ.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
    return int(os.environ.get("WATCHDOG_USEC", "0") if ours else "0") / 1e6 or inf


class Heart:
    """Lets the watchdog hear that requests are answered, not merely that there is a process.

    It beats when the loop that reads requests turns, and when a thread that answers them becomes
    free: *first* is to run a task before all others.
    """

    def __init__(self, first: Callable[[Any], None]) -> None:
        self._first = first
        self._pause = watchdog() / 3
        self._due = time.monotonic() if self._pause < inf else inf

    def turn(self, now: float) -> None:
        """To be called by the loop, more often than it has to beat."""
        if now >= self._due:
            self._due = now + self._pause
            self._first(self)

    def service(self) -> None:
        notify("WATCHDOG=1")

    def cancel(self) -> None:
        """The server stops."""


class Ear:
    """Hears the heart of a child process, in the way in which systemd hears its parent's."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind("")  # Linux finds an abstract name (unix(7), "Autobind")

    def attach(self) -> None:
        """In the child: what it says with :func:`notify` is for this ear."""
        os.environ["NOTIFY_SOCKET"] = f"@{self._socket.getsockname()[1:].decode()}"
        os.environ["WATCHDOG_PID"] = str(os.getpid())

    def hears(self) -> bool:
        """Whether the heart has beaten since this was asked the last time."""
        beaten = False
        with suppress(BlockingIOError):
            while said := self._socket.recv(1000):
                beaten = beaten or b"WATCHDOG=1" in said
        return beaten
