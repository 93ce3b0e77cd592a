"""What is known of a book at one moment: immutable, and replaced as a whole."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from . import token
from .members import Layered, Member, Members, named
from .token import START, Part, Point


def weight(name: str, etag: str) -> int:
    """What one member adds to the state."""
    return int.from_bytes(hashlib.sha256(f"{name}\0{etag}".encode()).digest()[:16])


def total(etags: Mapping[str, str]) -> int:
    """The state of a book with these members, as name -> etag."""
    return sum(weight(*item) for item in etags.items()) % (1 << 128)


def moved(state: int, name: str, old: str | None, new: str | None) -> int:
    """The state after the etag of *name* went from *old* to *new* (None: no card)."""
    gone = weight(name, old) if old else 0
    come = weight(name, new) if new else 0
    return (state - gone + come) % (1 << 128)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The state of *point* is the sum of the members' weights: it knows neither order nor past.

    *apart* has the name of each UID that is not in the name of its card; *size* is that of all
    cards, in octets; *times* is the sum of their mtimes, and another one when somebody touches a
    file without changing it.
    """

    point: Point = START
    members: Members = field(default_factory=lambda: Members(Layered({})))
    apart: Layered[str] = field(default_factory=lambda: Layered({}))
    size: int = 0
    times: int = 0

    @classmethod
    def of(cls, members: Members, point: Point) -> "Snapshot":
        """The snapshot of these members."""
        size = times = 0
        for octets, mtime in members.sizes_and_times():
            size, times = size + octets, times + mtime
        return cls(point, members, Layered(members.apart()), size, times)

    @cached_property
    def token(self) -> str:
        """The token of who has everything."""
        return token.write((Part(self.point),))

    @cached_property
    def names(self) -> list[str]:
        """All names, in order."""
        return sorted(self.members)

    def owner(self, uid: str) -> str | None:
        """The name of the card with this UID."""
        if (name := self.apart.get(uid)) is not None:
            return name
        name = named(uid)
        return name if self.members.is_called(name, uid) else None

    def at(self, point: Point) -> "Snapshot":
        """The same members, which another past has led to."""
        return self if point == self.point else replace(self, point=point)

    def changed(self, changes: Mapping[str, Member | None], point: Point) -> "Snapshot":
        """The snapshot after these members came, changed or (None) went."""
        apart: dict[str, str | None] = {}
        size, times = self.size, self.times
        for name in changes:
            if not (old := self.members.get(name)):
                continue
            size, times = size - old.size, times - old.mtime
            if old.uid is not None and self.apart.get(old.uid) == name:
                apart[old.uid] = None
        for name, member in changes.items():
            if not member:
                continue
            size, times = size + member.size, times + member.mtime
            if member.uid is not None and named(member.uid) != name:
                apart[member.uid] = name
        members = self.members.changed(changes)
        return Snapshot(point, members, self.apart.changed(apart), size, times)
