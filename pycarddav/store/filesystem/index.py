"""What is in each file, remembered over a restart: derived, and dropped on any doubt.

A line with the format and the checksum of the rest; a line that says how much there is, and where
in the journal that was; names, separated by NUL; a row for each (see members); the UIDs that are
in no row.  10 000 cards are read in a few milliseconds; what a hostile file can do is not more
than to be dropped.
"""

import hashlib
import logging
from typing import NamedTuple

from . import files
from .journal import Position, state_of
from .members import ROW, Layered, Members, Row, behind
from .token import Point

log = logging.getLogger(__name__)

_FORMAT = "pycarddav-index 3"
_LARGEST = 2**30  # octets


class Index(NamedTuple):
    """The members, and the place in the journal where they were all that there was."""

    members: Members
    at: Position | None = None


NOTHING = Index(Members(Layered({})))


def load(path: str) -> Index:
    """What was saved; nothing when it cannot be trusted."""
    try:
        return _parsed(files.read(path, _LARGEST)[0])
    except FileNotFoundError:
        return NOTHING
    except (OSError, ValueError) as error:
        log.warning("%s is dropped: %s", path, error)
        return NOTHING


def problem(path: str) -> str | None:
    """Why the index would be dropped."""
    try:
        _parsed(files.read(path, _LARGEST)[0])
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        return str(error)
    return None


def save(path: str, index: Index) -> None:
    """Remember it.  Not synced: what a power cut does to it is noticed."""
    rows = {name: row for name, row in index.members.rows.items() if isinstance(row, bytes)}
    at = index.at if len(rows) == len(index.members) else None  # else it would not be all
    names = "\0".join(rows).encode()
    position = _place(at) if at else "-"
    body = b"".join(
        [
            f"{len(rows)} {len(names)} {position}\n".encode(),
            names,
            *(row[: ROW.size] for row in rows.values()),
            b"\0".join(uid for row in rows.values() if (uid := row[ROW.size :])),
        ]
    )
    files.replace(path, f"{_FORMAT} {hashlib.sha256(body).hexdigest()}\n".encode() + body)


def _parsed(data: bytes) -> Index:
    title, _, rest = data.partition(b"\n")
    if title.decode("ascii") != f"{_FORMAT} {hashlib.sha256(rest).hexdigest()}":
        raise ValueError("it is of another format, or damaged")
    head, _, body = rest.partition(b"\n")
    count, size, *at = head.decode("ascii").split(" ")
    end = int(size) + ROW.size * int(count)
    if not int(size) <= end <= len(body):
        raise ValueError("its sizes are not true")
    names = body[: int(size)].decode().split("\0") if int(count) else []
    cuts = range(int(size), end, ROW.size)
    found = dict(zip(names, [body[cut : cut + ROW.size] for cut in cuts], strict=True))
    _complete(found, body[end:])
    rows: dict[str, Row] = {**found}
    return Index(Members(Layered(rows)), None if at == ["-"] else _position(at))


def _complete(rows: dict[str, bytes], uids: bytes) -> None:
    """Put the UIDs where they belong.  ValueError."""
    lacking = [name for name, row in rows.items() if behind(row)]
    for name, uid in zip(lacking, uids.split(b"\0") if lacking else [], strict=True):
        uid.decode()
        rows[name] += uid


def _place(at: Position) -> str:
    (seq, state, mark), first, offset, digest = at
    return f"{seq} {state:032x} {mark} {first} {offset} {digest}"


def _position(fields: list[str]) -> Position:
    seq, state, mark, first, offset, digest = fields
    if not 0 <= int(first) <= int(seq) < 2**63 or not 0 <= int(mark) < 2**32:
        raise ValueError("nothing counts like this")
    point = Point(int(seq), state_of(state), int(mark))
    return Position(point, int(first), int(offset), digest)
