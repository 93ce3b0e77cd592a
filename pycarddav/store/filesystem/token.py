"""A sync token says which cards a client has, by the points that it saw the book at.

Usually it saw one and has all of it: ``SEQ-STATE-MARK``.  A client that was sent a part, in the
order of names, has the new state up to the last name sent and an older one behind it:
``POINT.NAME.POINT``, and so on if the book moves while it reads.

Nothing in a token refers to a journal: it means the same to a copy of the book, and to a
restored one, and whoever does not know one of its points knows that it does not.
"""

import base64
import re
import zlib
from dataclasses import dataclass
from typing import NamedTuple

EMPTY = 0  # the state of a book without cards
UNMARKED = -1  # the mark in a token of before there were marks

MOST = 16  # parts: each costs as much as a sync
_LONGEST = 20_000  # characters
_POINT = re.compile(r"([0-9]{1,18})-([0-9a-f]{32})(?:-([0-9a-f]{8}))?", re.ASCII)


class Point(NamedTuple):
    """A moment of a book: *seq* changes had led to this *state*, the last of them of this *mark*.

    The count tells two visits to one state apart, and the mark two pasts: one may be lost to a
    restore, and the other come to as many changes.
    """

    seq: int = 0
    state: int = EMPTY
    mark: int = 0


START = Point()


def mark(time: str) -> int:
    """What is told of a change by when it was, as the journal has it: 32 bits."""
    return zlib.crc32(time.encode())


@dataclass(frozen=True)
class Part:
    """The names above the part before it, up to *last* (None: all others), are as at *point*."""

    point: Point
    last: str | None = None

    def holds(self, name: str, above: str) -> bool:
        """Whether *name* is one of this part's, the part before it ending with *above*."""
        return above < name and (self.last is None or name <= self.last)


def write(parts: tuple[Part, ...]) -> str:
    """The token, of characters that a URI may hold."""
    fields = []
    for part in parts:
        fields.append(_written(part.point))
        if part.last is not None:
            fields.append(base64.urlsafe_b64encode(part.last.encode()).decode().rstrip("="))
    return ".".join(fields)


def parse(text: str) -> tuple[Part, ...]:
    """The parts, in the order of names.  ValueError for what write() never wrote."""
    if len(text) > _LONGEST:
        raise ValueError("too long")
    fields = text.split(".")
    points, bounds = fields[::2], [_unpacked(field) for field in fields[1::2]]
    if len(points) > MOST or len(points) != len(bounds) + 1 or bounds != sorted(set(bounds)):
        raise ValueError("not a token")
    parts = []
    for field, last in zip(points, [*bounds, None], strict=True):
        if not (match := _POINT.fullmatch(field)):
            raise ValueError("not a token")
        seq, state, made = match.groups()
        point = Point(int(seq), int(state, 16), int(made, 16) if made else UNMARKED)
        parts.append(Part(point, last))
    return tuple(parts)


def _written(point: Point) -> str:
    text = f"{point.seq}-{point.state:032x}"
    return text if point.mark == UNMARKED else f"{text}-{point.mark:08x}"


def _unpacked(field: str) -> str:
    return base64.b64decode(field + "=" * (-len(field) % 4), altchars=b"-_", validate=True).decode()
