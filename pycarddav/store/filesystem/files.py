"""Files that are whole or absent: written beside and renamed, read without following anything."""

import errno
import os
import secrets
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

from ... import floor, haste
from ...dav.errors import Error, InsufficientStorage, Unavailable
from . import libc

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_MUCH = 2**16  # octets: more are not read in haste, because something will be done with them
_PIECE = 2**13  # octets
TEMPORARY = ".tmp-"  # begins the name of a file that is being written


class Synced:
    """How often this process has waited for the disk, and for how many seconds in all."""

    def __init__(self) -> None:
        self.number, self.seconds = 0, 0.0
        self._lock = threading.Lock()

    def add(self, seconds: float) -> None:
        with self._lock:
            self.number += 1
            self.seconds += seconds


synced = Synced()


def _sync(descriptor: int) -> None:
    haste.wait()
    with floor.given():
        begun = time.perf_counter()
        os.fsync(descriptor)
        synced.add(time.perf_counter() - begun)


class trouble:
    """As a context: turns what the operating system refuses into InsufficientStorage, Unavailable.

    A class, because a request meets a dozen of them: a generator takes three times as long.
    """

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, OSError):
            raise _translated(error, self._what) from error


def _translated(error: OSError, what: str) -> Error:
    kind = InsufficientStorage if error.errno in _FULL else Unavailable
    return kind(f"{what}: {error.strerror or error}")


def read(path: str, largest: int) -> tuple[bytes, os.stat_result]:
    """The content of a regular file, and what it was at that moment.

    ValueError for what is no regular file, too large, or changes while it is read.
    """
    haste.work()
    # O_NONBLOCK: a FIFO in a book must not stop the server.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise ValueError("is not a regular file")
        if before.st_size > largest:
            raise ValueError(f"is larger than {largest} octets")
        if haste.hasty():
            data = _at_once(descriptor, before.st_size)
        else:
            data = os.read(descriptor, before.st_size + 1)
        while len(data) < before.st_size and (more := os.read(descriptor, before.st_size)):
            data += more
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if len(data) != after.st_size or before.st_mtime_ns != after.st_mtime_ns:
        raise ValueError("is being written")
    return data, after


def _at_once(descriptor: int, size: int) -> bytes:
    """What is in a file of this *size*, if the kernel need not ask the disk for it; WouldWait."""
    if size > _MUCH:
        haste.wait()
    return read_at(descriptor, size, 0)


def read_at(descriptor: int, size: int, offset: int) -> bytes:
    """As pread(2); in haste, if the kernel need not ask the disk for it.  WouldWait."""
    if not haste.hasty():
        return os.pread(descriptor, size, offset)
    buffer = bytearray(size)
    try:
        got = os.preadv(descriptor, [buffer], offset, os.RWF_NOWAIT)
    except (OSError, AttributeError):  # EAGAIN; a file system, or a system, that cannot say
        got = -1
    if got != size:
        haste.wait()
    return bytes(buffer)


def read_from(path: str, offset: int) -> bytes:
    """The content of a file behind its first octets."""
    descriptor, found = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), b""
    try:
        while part := os.pread(descriptor, _PIECE, offset + len(found)):
            found += part
    finally:
        os.close(descriptor)
    return found


class Temporary:
    """Content that is on disk and in no one's way yet; removed when the block ends unplaced."""

    def __init__(self, folder: str, data: bytes, sync: bool = True) -> None:
        self.path = os.path.join(folder, f"{TEMPORARY}{secrets.token_hex(8)}")
        try:
            write(self.path, data, sync)
        except BaseException:
            self._discard()
            raise

    def __enter__(self) -> "Temporary":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._discard()

    def _discard(self) -> None:
        with suppress(OSError):
            os.unlink(self.path)


def rename_new(source: str, path: str) -> None:
    """Rename a file.  FileExistsError when something is at *path*, whoever put it there."""
    try:
        libc.rename_new(source, path)
    except NotImplementedError:  # NFS, FUSE: whoever is killed here leaves both names
        _link_new(source, path)


def _link_new(source: str, path: str) -> None:
    try:
        os.link(source, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: some network shares
        if os.path.lexists(path):
            raise FileExistsError(path) from None
        os.rename(source, path)
    else:
        os.unlink(source)


def rename_over(source: str, path: str) -> None:
    """Rename a file in the place of what is at *path*."""
    if os.lstat(source).st_nlink > 1 and are_one(source, path):
        os.unlink(source)  # rename(2) does nothing, and leaves both names
    else:
        os.rename(source, path)


@contextmanager
def brought(path: str, folder: str) -> Iterator[str]:
    """A file that can be renamed into *folder*: the one at *path*, or a copy that takes its place.

    Whoever is killed on the way from one file system to another leaves both.
    """
    status = os.lstat(path)
    if status.st_dev == os.stat(folder).st_dev:
        yield path
        return
    data, _ = read(path, status.st_size)
    with Temporary(folder, data) as temporary:
        os.utime(temporary.path, ns=(status.st_atime_ns, status.st_mtime_ns))
        yield temporary.path
        os.unlink(path)


def are_one(path: str, other: str) -> bool:
    """Whether two paths are names of one file."""
    try:
        return os.path.samestat(os.lstat(path), os.lstat(other))
    except FileNotFoundError:
        return False


def is_temporary(file: str) -> bool:
    """Whether a file of this name is what a killed process of ours left behind."""
    return file.startswith(TEMPORARY)


def write(path: str, data: bytes, sync: bool) -> None:
    """Make a file with this content, where none is."""
    haste.wait()
    descriptor = os.open(
        path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
    )
    try:
        write_all(descriptor, data)
        if sync:
            _sync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write everything: the kernel may take less at once, above 2 GB or before the disk is full."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def make_folders(path: str) -> None:
    """Make a folder and those above it, for nobody else to read (os.makedirs: only the last)."""
    if not os.path.isdir(path):
        make_folders(os.path.dirname(path))
        with suppress(FileExistsError):
            os.mkdir(path, 0o700)


def save(path: str, data: bytes) -> None:
    """Replace a file as a whole; it is there after a power cut."""
    folder = os.path.dirname(path)
    with Temporary(folder, data) as temporary:
        os.rename(temporary.path, path)
    sync_folder(folder)


def replace(path: str, data: bytes) -> None:
    """Replace a file as a whole; after a power cut it may be empty."""
    with Temporary(os.path.dirname(path), data, sync=False) as temporary:
        os.rename(temporary.path, path)


@contextmanager
def opened(folder: str) -> Iterator[int]:
    """The descriptor of a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def sync_folder(folder: str) -> None:
    """Make what was renamed in *folder* survive a power cut."""
    with opened(folder) as descriptor:
        _sync(descriptor)


def sync_disk(folder: str) -> None:
    """Make everything on the disk of *folder* survive a power cut: for many files at once.

    As many times fsync(2) would have a memory card write everything as many times.
    """
    with opened(folder) as descriptor, floor.given():
        libc.sync_disk(descriptor)


def sync_file(path: str) -> None:
    """Make the content of a file survive a power cut, whoever wrote it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)
