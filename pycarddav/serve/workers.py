"""Several processes that serve together: who has died is replaced.

The master does nothing else.  It has no thread, so that it can fork at any time, and it takes its
signals one after the other, when it has the time for them: no handler interrupts anything.
"""

import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import inf

from .place import Place, tally
from .systemd import Ear, notify, reloading, watchdog
from .waitress import GRACE

log = logging.getLogger(__name__)

STOP = {signal.SIGTERM, signal.SIGINT}
HEARD = {*STOP, signal.SIGHUP, signal.SIGCHLD}
LONGEST_PAUSE = 60.0  # seconds before a worker is replaced that dies again and again
HEALTHY = 60.0  # seconds after which it does not die again, but for the first time
PATIENCE = GRACE + 10.0  # seconds that the workers have to end by themselves


@dataclass
class Worker:
    """One of the processes; *pid* is 0 while there is none."""

    place: Place
    pid: int = 0
    begun: float = 0.0
    due: float = 0.0  # when it may begin, by the monotonic clock
    pause: float = 0.0
    ear: Ear | None = None  # where there is a watchdog
    heard: float = 0.0

    def silent(self, now: float) -> bool:
        """Whether it has answered no requests for as long as the watchdog waits."""
        if self.ear and self.ear.hears():
            self.heard = now
        return bool(self.pid) and now - self.heard > watchdog()

    def died(self, now: float) -> None:
        """It is to begin again: at once, or later and later if it never lived for long."""
        short = now - self.begun < HEALTHY
        self.pause = min(max(1.0, 2 * self.pause), LONGEST_PAUSE) if short else 0.0
        self.pid, self.due = 0, now + self.pause
        self.place.vacate()

    @property
    def number(self) -> int:
        return self.place.number


class Workers:
    """*work* in as many processes, each of which is told its place.

    *sockets* are those that it serves on.
    """

    def __init__(
        self,
        work: Callable[[Place], None],
        processes: int,
        sockets: Iterable[socket.socket],
    ) -> None:
        self._work, self._sockets = work, sockets
        held = tally(processes)
        self._workers = [Worker(Place(number, held)) for number in range(processes)]
        if watchdog() < inf:
            for worker in self._workers:
                worker.ear = Ear()

    def run(self) -> None:
        """Until SIGTERM or Ctrl-C; then the answers that were begun are finished."""
        with _blocked(HEARD):
            try:
                while (number := self._next_signal()) not in STOP:
                    if number == signal.SIGHUP:
                        reloading()
                        self._tell(signal.SIGHUP)
                    self._bury()
                notify("STOPPING=1")
            finally:
                for sock in self._sockets:
                    sock.close()  # nobody shall wait for those who go
                self._end()

    def _end(self) -> None:
        """Let all of them end, and see to it.  Whoever says stop again does not want to wait."""
        self._tell(signal.SIGTERM)
        until = time.monotonic() + PATIENCE
        while self._living() and (left := until - time.monotonic()) > 0:
            info = signal.sigtimedwait(HEARD, left)
            if info and info.si_signo in STOP:
                break
        self._tell(signal.SIGKILL)
        while self._living():
            signal.sigtimedwait({signal.SIGCHLD}, 1)

    def _next_signal(self) -> int | None:
        """What has been heard; None when it is time to begin a worker."""
        now = time.monotonic()
        for worker in self._workers:
            if not worker.pid and worker.due <= now:
                self._begin(worker)
            if worker.silent(now):
                log.error("worker %d (process %d) does not answer", worker.number, worker.pid)
                os.kill(worker.pid, signal.SIGKILL)  # SIGCHLD says when it is to be replaced
                worker.heard = now
        notify("READY=1", "WATCHDOG=1")
        waiting = [worker.due - now for worker in self._workers if not worker.pid]
        pause = min([LONGEST_PAUSE, watchdog() / 3, *waiting])
        info = signal.sigtimedwait(HEARD, max(0.0, pause))
        return info.si_signo if info else None

    def _begin(self, worker: Worker) -> None:
        worker.begun = worker.heard = time.monotonic()
        worker.pid = os.fork()
        if not worker.pid:
            status = 1
            try:
                os.setpgid(0, 0)  # Ctrl-C is for the master, who tells everybody
                os.environ.pop("NOTIFY_SOCKET", None)  # systemd listens to the master only
                if worker.ear:
                    worker.ear.attach()
                signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it serves; it would be killed
                signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)
                self._work(worker.place)
                status = 0
            except Exception:
                log.exception("worker %d", worker.number)
            finally:
                os._exit(status)  # what the master was in the middle of is not for its child

    def _bury(self) -> None:
        """Say how those ended who did, and when they are replaced."""
        for worker, status in self._reaped():
            pid = worker.pid
            worker.died(time.monotonic())
            again = f"another begins in {worker.pause:.0f} s" if worker.pause else "another begins"
            log.error("worker %d (process %d) %s; %s", worker.number, pid, _how(status), again)

    def _living(self) -> int:
        """How many there are still."""
        for worker, _ in self._reaped():
            worker.pid = 0
        return sum(1 for worker in self._workers if worker.pid)

    def _reaped(self) -> Iterator[tuple[Worker, int]]:
        """Who has ended, and how."""
        for worker in self._workers:
            if worker.pid:
                pid, status = os.waitpid(worker.pid, os.WNOHANG)
                if pid:
                    yield worker, os.waitstatus_to_exitcode(status)

    def _tell(self, number: int) -> None:
        for worker in self._workers:
            if worker.pid:
                with suppress(ProcessLookupError):
                    os.kill(worker.pid, number)


def _how(code: int) -> str:
    if code >= 0:
        return f"ended with {code}"
    return f"was killed by {signal.Signals(-code).name}"


@contextmanager
def _blocked(signals: set[signal.Signals]) -> Iterator[None]:
    """Let these wait until somebody asks for them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
