"""The lock of one book: one writer at a time, among threads and among processes."""

import os
import threading
from types import TracebackType
from typing import TYPE_CHECKING

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

    def __enter__(self) -> None:
        if not self._threads.acquire(timeout=_PATIENCE):
            raise Unavailable(f"{self._path} is held for too long")
        try:
            with files.trouble("the lock"):
                self._acquire()
        except BaseException:
            self._threads.release()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._processes is not None  # noqa: S101 - entered
        self._processes.release()
        self._threads.release()

    def _acquire(self) -> None:
        from filelock import FileLock, Timeout  # 50 ms and 10 MB that a reader never needs

        if self._processes is None:
            self._processes = FileLock(
                self._path, mode=0o600, poll_interval=0.01, fallback_to_soft=False
            )
        files.make_folders(os.path.dirname(self._path))
        try:
            self._processes.acquire(timeout=_PATIENCE)
        except Timeout as error:
            raise Unavailable(f"{self._path} is held by another process") from error
