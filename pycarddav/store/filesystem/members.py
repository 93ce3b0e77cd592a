"""What is known of each card of a book, in a fourth of the room that Python's objects take.

A member is kept as a row of octets; those of 50 000 cards take 8 MB.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar


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


Row = bytes | Member  # the latter where it has no room in the former

ROW = struct.Struct("<16sIqqQB")  # etag, size, mtime, ctime, inode, what the UID is
_unpack, _new = ROW.unpack_from, tuple.__new__
_STAMP, _SIZE_AND_TIME = struct.Struct("<IqqQ"), struct.Struct("<Iq")
_STAMPED, _CTIME = slice(16, 16 + _STAMP.size), slice(28, 36)
_DIGEST = 16  # octets
_NO_UID, _AS_NAMED, _APART = range(3)  # as the name says; or it stands behind the row
_ENDING = ".vcf"  # most clients call a card by its UID: it need not be kept twice


def pack(name: str, member: Member) -> Row:
    """The row of this member."""
    uid, rest = _NO_UID, b""
    try:
        if member.uid is not None:
            uid = _AS_NAMED if named(member.uid) == name else _APART
            rest = member.uid.encode() if uid == _APART else b""
        digest = bytes.fromhex(member.etag[1:-1])
        row = ROW.pack(digest, *member[2:], uid) + rest
    except (ValueError, struct.error):
        return member
    return row if len(digest) == _DIGEST and f'"{digest.hex()}"' == member.etag else member


def unpack(name: str, row: Row) -> Member:
    """The member that this row is.  ValueError; struct.error."""
    if isinstance(row, Member):
        return row
    digest, size, mtime, ctime, inode, what = _unpack(row)
    uid = name[: -len(_ENDING)] if what == _AS_NAMED else _other_uid(row, what)
    # As Member() does it, in half the time: this is asked of every card of a listing.
    return _new(Member, (f'"{digest.hex()}"', uid, size, mtime, ctime, inode))


def behind(row: bytes) -> bool:
    """Whether a UID belongs behind this row."""
    return row[ROW.size - 1] == _APART


def _other_uid(row: bytes, what: int) -> str | None:
    return row[ROW.size :].decode() if what == _APART else None


def named(uid: str) -> str:
    """What most clients call the card with this UID."""
    return uid + _ENDING


def _ctime(row: Row) -> int:
    return row.ctime if isinstance(row, Member) else int.from_bytes(row[_CTIME], "little")


Value = TypeVar("Value")


class Layered(Mapping[str, Value], Generic[Value]):
    """An immutable mapping; a changed copy of it costs the same however large it is."""

    _MOST = 512  # changes on top of what is shared; then one copy of everything is due

    def __init__(
        self,
        below: dict[str, Value],
        above: dict[str, Value | None] | None = None,
        length: int | None = None,
    ) -> None:
        self._below, self._above = below, above or {}
        self._length = len(below) if length is None else length

    def __getitem__(self, key: str) -> Value:
        if (value := self.get(key)) is None:
            raise KeyError(key)
        return value

    def get(self, key: str, default: object = None) -> Value | None:  # type: ignore[override]
        """The value, or None: the default of Mapping is of no use here, and slow."""
        above = self._above
        return above[key] if above and key in above else self._below.get(key)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.get(key) is not None

    def __iter__(self) -> Iterator[str]:
        above = self._above
        yield from (key for key in self._below if key not in above)
        yield from (key for key, value in above.items() if value is not None)

    def __len__(self) -> int:
        return self._length

    def changed(self, changes: Mapping[str, Value | None]) -> "Layered[Value]":
        """With these values; without the keys whose value is None."""
        if not changes:
            return self
        length = self._length
        for key, value in changes.items():
            length += (value is not None) - (self.get(key) is not None)
        above = {**self._above, **changes}
        if len(above) <= self._MOST:
            return Layered(self._below, above, length)
        below = {**self._below, **{key: it for key, it in above.items() if it is not None}}
        for key in [key for key, value in above.items() if value is None]:
            below.pop(key, None)
        return Layered(below)


class Members(Mapping[str, Member]):
    """All members by name: immutable, and cheap to have a changed copy of."""

    def __init__(self, rows: Layered[Row]) -> None:
        self.rows, self._row = rows, rows.get

    @classmethod
    def of(cls, members: Mapping[str, Member]) -> "Members":
        """Those of a mapping."""
        return cls(Layered({name: pack(name, member) for name, member in members.items()}))

    def __getitem__(self, name: str) -> Member:
        return unpack(name, self.rows[name])

    def get(self, name: str, default: object = None) -> Member | None:  # type: ignore[override]
        """The member, or None: the default of Mapping is of no use here, and slow."""
        row = self._row(name)
        return None if row is None else unpack(name, row)

    def __contains__(self, name: object) -> bool:
        return name in self.rows

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def among(self, names: Iterable[str]) -> list[str]:
        """Those of these names that are members', in the same order."""
        row = self._row
        return [name for name in names if row(name) is not None]

    def is_called(self, name: str, uid: str) -> bool:
        """Whether there is a card of this name, with this UID, which is the name's as well."""
        row = self.rows.get(name)
        if isinstance(row, bytes):
            return row[ROW.size - 1] == _AS_NAMED
        return row is not None and row.uid == uid

    def has(self, name: str, stamp: tuple[int, ...]) -> bool:
        """Whether this member's file had this stamp: without unpacking it."""
        row = self.rows.get(name)
        if not isinstance(row, bytes):
            return row is not None and row[2:] == stamp
        try:
            return row[_STAMPED] == _STAMP.pack(*stamp)
        except struct.error:
            return False

    def sizes_and_times(self) -> Iterator[tuple[int, int]]:
        """The size and mtime of each."""
        for row in self.rows.values():
            if isinstance(row, bytes):
                yield _SIZE_AND_TIME.unpack_from(row, _STAMPED.start)
            else:
                yield row.size, row.mtime

    def apart(self) -> dict[str, str]:
        """The UIDs that are not in the names of their cards: UID -> name."""
        found = {}
        for name, row in self.rows.items():
            if isinstance(row, Member) or behind(row):
                member = unpack(name, row)
                if member.uid is not None and named(member.uid) != name:
                    found[member.uid] = name
        return found

    def unsettled(self) -> list[str]:
        """The names of those whose times prove nothing."""
        return [name for name, row in self.rows.items() if not _ctime(row)]

    def changed(self, changes: Mapping[str, Member | None]) -> "Members":
        """With these members; without those that are None."""
        rows = {name: new and pack(name, new) for name, new in changes.items()}
        return Members(self.rows.changed(rows))
