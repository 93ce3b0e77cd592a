"""A card's file: what is in it, or what is wrong with it."""

import errno
import os
import stat
import sys
import time

from ...dav.errors import InvalidAddressData, UnsupportedAddressData
from ...vcard import content, skim, validate
from .. import etag
from . import files
from .members import Member

LARGEST = 32 * 2**20  # octets of a file that is taken for a card; what PUT accepts is less

# What may be over the next time, though nobody has touched the file.
PASSING = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOMEM, errno.EMFILE, errno.ENFILE}

_TICK = 20_000_000  # ns: kernels stamp files with a clock of 1 to 10 ms
_COARSE_TICK = 2_000_000_000  # ns: FAT

# <linux/time.h> CLOCK_REALTIME_COARSE, with which the kernel stamps files.  On a busy machine it
# stands still for longer than its tick while the precise one goes on: a file of this moment would
# look settled, and the next write to it, of the same stamp, not be seen.
_CLOCK = 5 if sys.platform == "linux" else time.CLOCK_REALTIME


class Broken(Exception):
    """This file holds no card that could be served; says why.

    *stamp* is that of the file, so that one knows when to look again; *waits* that the reason lies
    in another file.
    """

    def __init__(self, reason: str, stamp: tuple[int, ...] = (), waits: bool = False) -> None:
        super().__init__(reason)
        self.stamp, self.waits = stamp, waits


def stamp(status: os.stat_result) -> tuple[int, ...]:
    """What differs when a file is not the same, or not in the same state."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def is_one(stamp: tuple[int, ...], known: Member) -> bool:
    """Whether this is the stamp of the *known* file, which nobody has written to since."""
    return bool(stamp) and (*stamp[:2], stamp[3]) == (known.size, known.mtime, known.inode)


def now() -> int:
    """The time in ns, by the clock that stamps files."""
    return time.clock_gettime_ns(_CLOCK)


def look(path: str, known: Member | None = None) -> Member | None:
    """What is in this file; None when there is none.  Broken.

    Of what is *known* already the UID need not be looked for.
    """
    before = now()
    try:
        data, status = files.read(path, LARGEST)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        passing = isinstance(error, OSError) and error.errno in PASSING
        raise Broken(_reason(error), () if passing else stamp_of(path)) from error
    if known and known.uid is not None and known.etag == etag(data):
        return of(data, known.uid, status, before)
    try:
        uid = _uid(data)
    except InvalidAddressData as error:
        raise Broken(str(error), stamp(status)) from error
    return of(data, uid, status, before)


def of(data: bytes, uid: str | None, status: os.stat_result, at: int) -> Member:
    """The member that this content is, read or written at this now()."""
    size, mtime, ctime, inode = stamp(status)
    return Member(etag(data), uid, size, mtime, ctime if is_settled(ctime, at) else 0, inode)


def is_settled(changed: int, at: int) -> bool:
    """Whether what was changed then, in ns, would be stamped otherwise if it changed at *at*."""
    tick = _TICK if changed % 1_000_000_000 else _COARSE_TICK
    return abs(at - changed) > tick


def exists(path: str) -> bool:
    """Whether a regular file is there.  FileExistsError for anything else that is."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(mode):
        raise FileExistsError(path)
    return True


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def stamp_of(path: str) -> tuple[int, ...]:
    """The stamp of the file that is there now; nothing's when there is none."""
    try:
        return stamp(os.lstat(path))
    except OSError:
        return ()


def _uid(data: bytes) -> str | None:
    """The UID of one whole card; InvalidAddressData.  A 2.1 card may stay: somebody chose it."""
    if uid := skim.uid(data):
        return uid
    data = data.removeprefix(content.BOM)
    try:
        return validate.validate(data)
    except UnsupportedAddressData:
        return content.parse(data).uid
