"""A lock of a book or a home: one writer at a time, among threads and among processes."""

import errno
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ... import floor, haste
from ...dav.errors import Unavailable
from . import files

_PATIENCE = 30.0  # seconds; who holds it longer is hanging, or a backup under flock(1)
_POLL = 0.01  # seconds: flock(2) itself would wait without end


class Lock:
    """Exclusive, and not held while a disk is asked to sync, but for a journal that is begun.

    A threading.Lock around the file's: whoever polls may be unlucky, and wait long.
    The file is never removed: whoever deletes a lock file lets two in.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._threads = threading.Lock()

    @contextmanager
    def within(self, patience: float = _PATIENCE, looking: bool = False) -> Iterator[None]:
        """Hold the lock; Unavailable when it cannot be had within *patience* seconds.

        Who is only *looking* needs none on a read-only disk, where nobody changes anything.
        """
        haste.wait()
        if not self._threads.acquire(blocking=False) and not self._awaited(patience):
            raise Unavailable(f"{self._path} is held for too long")
        try:
            file = self._acquired(patience, looking)
            try:
                yield
            finally:
                if file is not None:
                    _release(file)
        finally:
            self._threads.release()

    def _awaited(self, patience: float) -> bool:
        with floor.given():
            return self._threads.acquire(timeout=patience)

    def _acquired(self, patience: float, looking: bool) -> int | None:
        until = time.monotonic() + patience
        with files.trouble(self._path):
            try:
                while (file := _locked(self._path)) is None:
                    if time.monotonic() > until:
                        raise Unavailable(f"{self._path} is held by another process")
                    with floor.given():
                        time.sleep(_POLL)
            except OSError as error:
                if not looking or error.errno != errno.EROFS:
                    raise
                return None
        return file


def _locked(path: str) -> int | None:
    """The open file, if nobody else has it locked."""
    from filelock import lock_descriptor  # 30 ms and 3 MB that a command may never need

    file = _opened(path)
    try:
        if lock_descriptor(file, blocking=False) and os.fstat(file).st_nlink:
            return file  # and not one that somebody has deleted since it was opened
    except OSError:
        os.close(file)
        raise
    os.close(file)
    return None


def _opened(path: str) -> int:
    # For writing, though nothing is written: NFS wants it.
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        files.make_folders(os.path.dirname(path))
        return os.open(path, flags, 0o600)


def _release(file: int) -> None:
    from filelock import unlock_descriptor

    try:
        unlock_descriptor(file)  # for a child's copy of it as well
    finally:
        os.close(file)
