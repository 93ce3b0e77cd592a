"""What is in each file, remembered over a restart: derived, and dropped on any doubt.

A header line with format and checksum, then a column a field: names, etags and UIDs, separated by
NUL, and the numbers as an array.  10 000 cards are read in a few milliseconds; what a hostile file
can do is not more than to be dropped.
"""

import hashlib
import logging
import sys
from array import array
from collections.abc import Iterator, Mapping

from . import files
from .snapshot import Member

log = logging.getLogger(__name__)

_FORMAT = f"pycarddav-index 1 {sys.byteorder}"
_LARGEST = 2**30  # octets
_ABSENT = "\x01"  # in place of a UID: no card can have this one


def load(path: str) -> dict[str, Member]:
    """What was saved; nothing when it cannot be trusted."""
    try:
        return dict(_rows(files.read(path, _LARGEST)[0]))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("%s is dropped: %s", path, error)
        return {}


def problem(path: str) -> str | None:
    """Why the index would be dropped."""
    try:
        list(_rows(files.read(path, _LARGEST)[0]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        return str(error)
    return None


def save(path: str, members: Mapping[str, Member]) -> None:
    """Remember the members.  Not synced: what a power cut does to it is noticed."""
    texts = [
        "\0".join(members),
        "\0".join(member.etag for member in members.values()),
        "\0".join(_ABSENT if m.uid is None else m.uid for m in members.values()),
    ]
    try:
        numbers = array("q", [number for member in members.values() for number in member[2:]])
    except OverflowError:  # a file from after the year 2262: it is read again at every start
        return
    columns = [text.encode() for text in texts]
    sizes = " ".join(str(len(column)) for column in columns)
    body = b"".join([*columns, numbers.tobytes()])
    head = f"{_FORMAT} {hashlib.sha256(body).hexdigest()} {len(members)} {sizes}\n"
    files.replace(path, head.encode() + body)


def _rows(data: bytes) -> Iterator[tuple[str, Member]]:
    head, _, body = data.partition(b"\n")
    *title, digest, count, names_size, etags_size, uids_size = head.decode("ascii").split(" ")
    if " ".join(title) != _FORMAT or hashlib.sha256(body).hexdigest() != digest:
        raise ValueError("it is of another format, or damaged")
    if count == "0":
        return
    columns, at = [], 0
    for size in (names_size, etags_size, uids_size):
        columns.append(body[at : at + int(size)].decode().split("\0"))
        at += int(size)
    numbers = array("q")
    numbers.frombytes(body[at:])
    names, etags, uids = columns
    known = [None if uid == _ABSENT else uid for uid in uids]
    rows = zip(etags, known, *(numbers[n::4] for n in range(4)), strict=True)
    yield from zip(names, map(Member._make, rows), strict=True)
