"""A lock of a book or a home: one writer at a time, among threads and among processes."""

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from os.path import dirname
from typing import TYPE_CHECKING

from ... import haste
from ...dav.errors import Unavailable
from . import files

if TYPE_CHECKING:
    from filelock import FileLock

_PATIENCE = 30.0  # seconds; who holds it longer is hanging, or a backup under flock(1)


class Lock:
    """Exclusive, fair among threads, never held while a disk is asked to sync.

    A threading.Lock around the file's: FileLock polls, and lets the unlucky thread wait long.
    The file is never removed: whoever deletes a lock file lets two in.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._threads = threading.Lock()
        self._processes: FileLock | None = None

    @contextmanager
    def within(self, patience: float = _PATIENCE, looking: bool = False) -> Iterator[None]:
        """Hold the lock; Unavailable when it cannot be had within *patience* seconds.

        Who is only *looking* needs none on a read-only disk, where nobody changes anything.
        """
        haste.wait()
        if not self._threads.acquire(timeout=patience):
            raise Unavailable(f"{self._path} is held for too long")
        try:
            processes = self._acquired(patience, looking)
            try:
                yield
            finally:
                processes.release()
        finally:
            self._threads.release()

    def _acquired(self, patience: float, looking: bool) -> "FileLock":
        from filelock import FileLock, Timeout  # 50 ms and 10 MB that a reader never needs

        if self._processes is None:
            self._processes = FileLock(
                self._path, mode=0o600, poll_interval=0.01, fallback_to_soft=False
            )
        with files.trouble(self._path):
            try:
                files.make_folders(dirname(self._path))
                self._processes.acquire(timeout=patience)
            except Timeout as error:
                raise Unavailable(f"{self._path} is held by another process") from error
            except OSError as error:
                if not looking or error.errno != errno.EROFS:
                    raise
        return self._processes
