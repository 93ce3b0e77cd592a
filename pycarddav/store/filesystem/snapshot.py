"""What is known of a book at one moment: immutable, and replaced as a whole."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Generic, NamedTuple, TypeVar

from . import token
from .token import EMPTY, Part


class Member(NamedTuple):
    """A card as it was when its file was last read.

    *ctime* is 0 where the file's times prove nothing: it may have changed within their tick.
    """

    etag: str
    uid: str | None = None
    size: int = 0
    mtime: int = 0  # nanoseconds, like ctime
    ctime: int = 0
    inode: int = 0


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


Value = TypeVar("Value")


class Layered(Mapping[str, Value], Generic[Value]):
    """An immutable mapping; a changed copy of it costs the same however large it is."""

    _MOST = 256  # changes on top of what is shared; then one copy of everything is due

    def __init__(self, below: dict[str, Value], above: dict[str, Value | None]) -> None:
        if len(above) > self._MOST:
            merged: dict[str, Value | None] = {**below, **above}
            below = {key: value for key, value in merged.items() if value is not None}
            above = {}
        self._below, self._above = below, above
        self._length = len(below)
        for key, value in above.items():
            self._length += (value is not None) - (key in below)

    def __getitem__(self, key: str) -> Value:
        if key not in self._above:
            return self._below[key]
        value = self._above[key]
        if value is None:
            raise KeyError(key)
        return value

    def get(self, key: str, default: object = None) -> Value | None:  # type: ignore[override]
        """The value, or None: the default of Mapping is of no use here, and slow."""
        return self._above[key] if key in self._above else self._below.get(key)

    def __iter__(self) -> Iterator[str]:
        above = self._above
        yield from (key for key in self._below if key not in above)
        yield from (key for key, value in above.items() if value is not None)

    def __len__(self) -> int:
        return self._length

    def changed(self, changes: Mapping[str, Value | None]) -> "Layered[Value]":
        """With these values; without the keys whose value is None."""
        return Layered(self._below, {**self._above, **changes})


@dataclass(frozen=True, eq=False)
class Snapshot:
    """*state* is the sum of the members' weights: it knows neither order nor past.

    *seq* counts the changes that led here; *size* is that of all cards, in octets; *times* is the
    sum of their mtimes, and another one when somebody touches a file without changing it.
    """

    seq: int = 0
    state: int = EMPTY
    members: Layered[Member] = field(default_factory=lambda: Layered({}, {}))
    uids: Layered[str] = field(default_factory=lambda: Layered({}, {}))  # UID -> name
    size: int = 0
    times: int = 0

    @classmethod
    def of(cls, members: dict[str, Member], seq: int, state: int) -> "Snapshot":
        """The snapshot of these members."""
        uids = {member.uid: name for name, member in members.items() if member.uid is not None}
        size = sum(member.size for member in members.values())
        times = sum(member.mtime for member in members.values())
        return cls(seq, state, Layered(members, {}), Layered(uids, {}), size, times)

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

    def at(self, seq: int) -> "Snapshot":
        """The same, after so many changes."""
        return self if seq == self.seq else replace(self, seq=seq)

    def changed(self, changes: Mapping[str, Member | None], state: int) -> "Snapshot":
        """The snapshot after these members came, changed or (None) went."""
        uids: dict[str, str | None] = {}
        size, times = self.size, self.times
        for name in changes:
            if not (old := self.members.get(name)):
                continue
            size, times = size - old.size, times - old.mtime
            if old.uid is not None and self.uids.get(old.uid) == name:
                uids[old.uid] = None
        for name, member in changes.items():
            if not member:
                continue
            size, times = size + member.size, times + member.mtime
            if member.uid is not None:
                uids[member.uid] = name
        members = self.members.changed(changes)
        return Snapshot(self.seq, state, members, self.uids.changed(uids), size, times)
