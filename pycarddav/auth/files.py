"""Small files that others may change at any time: followed while they do, and edited safely."""

import fcntl
import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Generic, TypeVar

from .. import haste

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_SIZE = 16 * 2**20  # bytes of a file that is still believed to be the right one
SETTLED = 2_000_000_000  # nanoseconds: no file system's clock ticks more slowly
NOWHERE: tuple[int, ...] = ()  # where a file is that there is not


@dataclass(frozen=True)
class Content(Generic[T]):
    """What a file said: *digest* is of its bytes, *seen* where they were found.

    Unless it is *settled*, a second change at the same time would not be seen.
    """

    value: T
    digest: bytes
    seen: tuple[int, ...]
    settled: bool


class Followed(Generic[T]):
    """What *parse* makes of a file as it is now; while it cannot be read, of what it was.

    *missing* is what a file that is not there says; None if there has to be one.  OSError if
    there is none to begin with.
    """

    def __init__(
        self, path: Path, parse: Callable[[bytes], T], missing: bytes | None = None
    ) -> None:
        self._path, self._parse, self._missing = path, parse, missing
        self._lock = threading.Lock()
        self._complained = ""
        self._content = self._read(None)

    @haste.once
    def now(self) -> Content[T]:
        """The content, read again if the file is not the one it was made of."""
        if not self._unchanged():
            haste.wait()
            try:
                with self._lock:
                    self._content = self._read(self._content)
                    self._complained = ""
            except OSError as error:
                self._complain(f"{self._path}: {error.strerror or error}; it counts as it was")
        return self._content

    def _unchanged(self) -> bool:
        try:
            seen = _identity(os.stat(self._path))
        except FileNotFoundError:
            seen = NOWHERE
        except OSError:
            return False  # reading it will say what is wrong
        return self._content.settled and seen == self._content.seen

    def _complain(self, message: str) -> None:
        """Once, until it can be read again: this is called with every request."""
        if message != self._complained:
            self._complained = message
            log.warning("%s", message)

    def _read(self, old: Content[T] | None) -> Content[T]:
        """The content as it is now; OSError if that cannot be told."""
        try:
            data, seen, settled = _load(self._path)
        except FileNotFoundError:
            if self._missing is None:
                raise
            data, seen, settled = self._missing, NOWHERE, True
        digest = blake2b(data, digest_size=32).digest()
        if old and old.digest == digest:
            return replace(old, seen=seen, settled=settled)
        if old and seen[:2] == old.seen[:2] and not data.strip() and not settled:
            raise OSError("emptied in place; somebody may be writing it")
        return Content(self._parse(data), digest, seen, settled)


def _load(path: Path) -> tuple[bytes, tuple[int, ...], bool]:
    """The bytes of a file, its identity, and whether that will show the next change."""
    with open(path, "rb", opener=_never_waiting) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_SIZE:
            raise OSError("not a file of the kind that belongs here")
        data = file.read()
    changed = max(status.st_mtime_ns, status.st_ctime_ns)
    return data, _identity(status), time.time_ns() - changed > SETTLED


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _never_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO would wait for a writer


def edit(path: Path, change: Callable[[list[bytes]], list[bytes]], create: bool = False) -> None:
    """Replace the lines of a file by what *change* makes of them, atomically and durably."""
    path = Path(os.path.realpath(path))  # a symbolic link stays one
    with _locked(path, create) as held:
        lines = list(BytesIO(path.read_bytes()))
        if lines and not lines[-1].endswith(b"\n"):
            lines[-1] += b"\n"
        _write(path, b"".join(change(lines)), os.fstat(held))


@contextmanager
def _locked(path: Path, create: bool) -> Iterator[int]:
    """A descriptor of the file, held by nobody else (no lock file that root would own)."""
    while True:
        held = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            # Whoever had the lock has put another file in this one's place: lock that one.
            if path.exists() and os.path.samestat(os.fstat(held), path.stat()):
                yield held
                return
        finally:
            os.close(held)


def _write(path: Path, data: bytes, like: os.stat_result) -> None:
    """Put *data* in the file's place, with its mode and owner."""
    beside = path.with_name(f".{path.name}.new")  # the lock makes the name ours
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            if (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(descriptor, like.st_uid, like.st_gid)  # root changes a service's file
            os.fchmod(descriptor, like.st_mode & 0o777)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
