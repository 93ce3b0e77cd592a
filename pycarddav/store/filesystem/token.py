"""A sync token says which cards a client has, by the states of the book that it saw them in.

Usually it saw one state and has all of it: ``SEQ-STATE``.  A client that was sent a part, in the
order of names, has the new state up to the last name sent and an older one behind it:
``SEQ-STATE.NAME.SEQ-STATE``, and so on if the book moves while it reads.

Nothing in a token refers to a journal: it means the same to a copy of the book, and to a
restored one, and whoever does not know one of its states knows that it does not.
"""

import base64
import re
from dataclasses import dataclass

EMPTY = 0  # the state of a book without cards

MOST = 16  # parts: each costs as much as a sync
_LONGEST = 20_000  # characters
_POINT = re.compile(r"([0-9]{1,18})-([0-9a-f]{32})", re.ASCII)


@dataclass(frozen=True)
class Part:
    """The names above the part before it, up to *last* (None: all others), are as in *state*.

    *seq* is what the book counted in that state: it tells two visits to one state apart.
    """

    seq: int
    state: int
    last: str | None = None

    def holds(self, name: str, above: str) -> bool:
        """Whether *name* is one of this part's, the part before it ending with *above*."""
        return above < name and (self.last is None or name <= self.last)


def write(parts: tuple[Part, ...]) -> str:
    """The token, of characters that a URI may hold."""
    fields = []
    for part in parts:
        fields.append(f"{part.seq}-{part.state:032x}")
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
    for point, last in zip(points, [*bounds, None], strict=True):
        if not (match := _POINT.fullmatch(point)):
            raise ValueError("not a token")
        parts.append(Part(int(match[1]), int(match[2], 16), last))
    return tuple(parts)


def _unpacked(field: str) -> str:
    return base64.b64decode(field + "=" * (-len(field) % 4), altchars=b"-_", validate=True).decode()
