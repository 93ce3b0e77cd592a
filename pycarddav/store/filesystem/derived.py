"""What somebody has derived from a whole book: one file each, whole, and dropped on any doubt."""

import hashlib
import logging
import os
from contextlib import suppress

from . import files

log = logging.getLogger(__name__)

_FORMAT = b"pycarddav-derived 1 "
_FILE = "derived-"  # and what it is
_LARGEST = 2**26  # octets


def path(state: str, what: str) -> str:
    """Where this is kept in the folder *state*."""
    return os.path.join(state, _FILE + what)


def paths(state: str) -> list[str]:
    """All that is kept there."""
    return [os.path.join(state, file) for file in os.listdir(state) if file.startswith(_FILE)]


def load(path: str) -> bytes | None:
    """What was saved last, if it is still there."""
    try:
        return _data(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        log.warning("%s is dropped: %s", path, error)
        drop(path)
        return None


def save(path: str, data: bytes) -> None:
    """Keep this.  Not synced: what a power cut does to it is noticed."""
    try:
        files.replace(path, b"".join((_FORMAT, _digest(data), b"\n", data)))
    except OSError as error:
        log.warning("%s: %s", path, error)


def problem(path: str) -> str | None:
    """Why this would be dropped."""
    try:
        _data(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        return str(error)
    return None


def drop(path: str) -> None:
    """Remove the file."""
    with suppress(OSError):
        os.unlink(path)


def _data(path: str) -> bytes:
    head, _, data = files.read(path, _LARGEST)[0].partition(b"\n")
    if head != _FORMAT + _digest(data):
        raise ValueError("it is of another format, or damaged")
    return data


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()
