"""What the kernel can do and Python does not ask: birth times, kinds of file systems, inotify,
a rename that replaces nothing.
"""

import ctypes
import errno
import os
import struct
from functools import cache

_AT_FDCWD, _AT_SYMLINK_NOFOLLOW, _STATX_BTIME = -100, 0x100, 0x800
_RENAME_NOREPLACE = 1

# What this C library, kernel, file system, or a container's filter answers for an unknown call
_MISSING = (None, errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.EOPNOTSUPP)

# <linux/magic.h>: where others can write behind this kernel's back
_REMOTE = {
    0x6969: "nfs",
    0x517B: "smb",
    0xFF534D42: "cifs",
    0xFE534D42: "smb2",
    0x65735546: "fuse",
    0x01021997: "9p",
    0x00C36400: "ceph",
    0x5346414F: "afs",
    0x73757245: "coda",
    0x01161970: "gfs2",
    0x7461636F: "ocfs2",
}


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def birth(path: str) -> int:
    """When a file was made, in ns; 0 where that is not known.  It tells reused inodes apart.

    OSError.
    """
    buffer = ctypes.create_string_buffer(256)  # struct statx
    try:
        _call("statx", _AT_FDCWD, os.fsencode(path), _AT_SYMLINK_NOFOLLOW, _STATX_BTIME, buffer)
    except OSError as error:
        if error.errno not in _MISSING:
            raise
        return 0
    (mask,) = struct.unpack_from("I", buffer, 0)
    seconds, nanoseconds = struct.unpack_from("qI", buffer, 80)
    return seconds * 1_000_000_000 + nanoseconds if mask & _STATX_BTIME else 0


def is_remote(path: str) -> bool:
    """Whether others can change this folder unheard.  OSError."""
    buffer = ctypes.create_string_buffer(512)  # struct statfs; a long f_type comes first
    _call("statfs", os.fsencode(path), buffer)
    return ctypes.c_ulong.from_buffer(buffer).value & 0xFFFFFFFF in _REMOTE


def rename_new(source: str, path: str) -> None:
    """Rename a file.  FileExistsError; NotImplementedError where this cannot be done at once."""
    names = _AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(path)
    try:
        _call("renameat2", *names, _RENAME_NOREPLACE)
    except OSError as error:
        if error.errno in _MISSING:
            raise NotImplementedError from error
        raise


def sync_disk(descriptor: int) -> None:
    """Write out the file system of an open file; unlike sync(2) it tells of errors.  OSError."""
    _call("syncfs", descriptor)


def inotify_init() -> int:
    """A queue that does not block.  OSError."""
    return _call("inotify_init1", os.O_NONBLOCK | os.O_CLOEXEC)


def inotify_add(queue: int, path: str, mask: int) -> int:
    """Listen to *path*; the number of the watch.  OSError."""
    return _call("inotify_add_watch", queue, os.fsencode(path), mask)


def inotify_remove(queue: int, number: int) -> None:
    """Stop listening.  OSError."""
    _call("inotify_rm_watch", queue, number)


def _call(name: str, *arguments: object) -> int:
    try:
        result = int(getattr(_libc(), name)(*arguments))
    except AttributeError as error:  # this is not Linux, or an old C library
        raise OSError(f"there is no {name}() here") from error
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
