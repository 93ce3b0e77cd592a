"""What is known of a book at one moment: immutable, and replaced as a whole."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from . import token
from .members import Layered, Member, Members, named
from .token import EMPTY, Part


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
    """*state* is the sum of the members' weights: it knows neither order nor past.

    *seq* counts the changes that led here; *apart* has the name of each UID that is not in the
    name of its card; *size* is that of all cards, in octets; *times* is the sum of their mtimes,
    and another one when somebody touches a file without changing it.
    """

    seq: int = 0
    state: int = EMPTY
    members: Members = field(default_factory=lambda: Members(Layered({})))
    apart: Layered[str] = field(default_factory=lambda: Layered({}))
    size: int = 0
    times: int = 0

    @classmethod
    def of(cls, members: Members, seq: int, state: int) -> "Snapshot":
        """The snapshot of these members."""
        size = times = 0
        for octets, mtime in members.sizes_and_times():
            size, times = size + octets, times + mtime
        return cls(seq, state, members, Layered(members.apart()), size, times)

    @property
    def part(self) -> Part:
        """All of a token that names this state."""
        return Part(self.seq, self.state)

    @cached_property
    def token(self) -> str:
        """The token of who has everything."""
        return token.write((self.part,))

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

    def at(self, seq: int) -> "Snapshot":
        """The same, after so many changes."""
        return self if seq == self.seq else replace(self, seq=seq)

    def changed(self, changes: Mapping[str, Member | None], state: int, seq: int) -> "Snapshot":
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
        return Snapshot(seq, state, members, self.apart.changed(apart), size, times)
