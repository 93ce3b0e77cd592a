"""An index over the cards of one book: which of them can match a filter at all, from memory.

For each indexed property one run of bytes holds the folded values of all cards, so a rare text is
found by one search through it.  A card that changes gets a new row; its old one is dead until the
rows are packed.  What is found is a superset: whoever asks still matches the cards themselves.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate, pairwise
from threading import Lock

from . import query
from .content import VCard
from .query import Filter, PropFilter, TextMatch

# What clients search by, and short enough to be kept.
NAMES: tuple[str, ...] = ("FN", "N", "NICKNAME", "EMAIL", "TEL", "ORG", "CATEGORIES", "UID")
NAMES += ("KIND", "X-ADDRESSBOOKSERVER-KIND")
REVISION = 1  # to be raised with every change to what is found where: some keep an index
_LONGEST = 1_000  # octets of one property in one card; longer ones can always match
_BEFORE = b"\xff"  # each value; never part of UTF-8
_MIN_DEAD = 64  # rows, before packing is worth it
_ROW = 200 + 4 * len(NAMES)  # octets: its name among the names and rows, an end in each column

Rows = set[int]


class _Column:
    """The values of one property, row after row."""

    def __init__(self) -> None:
        self.text = bytearray()
        self.ends = array("I")
        self.overlong: Rows = set()

    @classmethod
    def of(cls, text: bytes, ends: bytes, overlong: bytes, rows: int) -> "_Column":
        """A column with what parts() has given.  ValueError where that cannot be."""
        column = cls()
        column.text, column.ends = bytearray(text), _numbers(ends)
        column.overlong = set(_numbers(overlong))
        order = sorted(column.ends)  # a search would never end in another
        if len(order) != rows or [*column.ends] != order or order[-1:] not in ([], [len(text)]):
            raise ValueError("the columns do not fit")
        if column.overlong and max(column.overlong) >= rows:
            raise ValueError("there are no such rows")
        return column

    def parts(self) -> tuple[bytes, bytes, bytes]:
        """All that it is."""
        overlong = array("I", sorted(self.overlong))
        return bytes(self.text), self.ends.tobytes(), overlong.tobytes()

    def append(self, value: bytes) -> None:
        if len(value) > _LONGEST:
            self.overlong.add(len(self.ends))
            value = _BEFORE
        self.text += value
        self.ends.append(len(self.text))

    def __getitem__(self, row: int) -> bytes:
        if row in self.overlong:
            return bytes(_LONGEST + 1)  # stays overlong when it is copied
        return bytes(self.text[self.ends[row - 1] if row else 0 : self.ends[row]])

    def present(self) -> Rows:
        """The rows that have the property."""
        starts = [0, *self.ends]
        return {row for row, end in enumerate(self.ends) if starts[row] != end}

    def containing(self, needle: bytes) -> Rows:
        """The rows that have *needle* in a value."""
        rows = set(self.overlong)
        start = self.text.find(needle)
        while start >= 0:
            row = bisect_right(self.ends, start)
            rows.add(row)
            start = self.text.find(needle, self.ends[row])
        return rows


class Index:
    """Names of cards by what is in them.  Safe to use from several threads."""

    def __init__(self, cards: Iterable[tuple[str, VCard]] = ()) -> None:
        self._lock = Lock()
        self._names: list[str | None] = []  # by row; None where the row is dead
        self._rows: dict[str, int] = {}
        self._columns = {name: _Column() for name in NAMES}
        for name, vcard in cards:
            self.put(name, vcard)

    @classmethod
    def load(cls, data: bytes) -> "Index":
        """The index that dump() has made this of.  ValueError where it cannot have."""
        number = 1 + 3 * len(NAMES)
        sizes = _numbers(data[: 4 * number])
        at = [*accumulate(sizes, initial=4 * number)]
        if len(sizes) != number or at[-1] != len(data):
            raise ValueError("the parts do not fit")
        names, *parts = (data[begin:end] for begin, end in pairwise(at))
        index = cls()
        index._names += names.decode().split("\0") if names else []
        index._rows = {name: row for row, name in enumerate(index._names) if name is not None}
        for n, name in enumerate(NAMES):
            text, ends, overlong = parts[3 * n : 3 * n + 3]
            index._columns[name] = _Column.of(text, ends, overlong, len(index._names))
        return index

    def dump(self) -> bytes:
        """All that it knows."""
        with self._lock:
            self._pack()
            parts = ["\0".join(self._rows).encode()]
            for name in NAMES:
                parts += self._columns[name].parts()
        return b"".join((array("I", map(len, parts)).tobytes(), *parts))

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def size(self) -> int:
        """Octets of memory, about."""
        rows = len(self._names)
        return rows * _ROW + sum(len(column.text) for column in self._columns.values())

    def put(self, name: str, vcard: VCard) -> None:
        """Add a card, or replace it."""
        values = {column: _values(vcard, column) for column in NAMES}
        with self._lock:
            self._discard(name)
            self._append(name, values)

    def remove(self, name: str) -> None:
        """Forget a card, if it is known."""
        with self._lock:
            self._discard(name)

    def candidates(self, wanted: Filter) -> set[str] | None:
        """The names of all cards that can match, and maybe more; None if the index cannot tell."""
        with self._lock:
            parts = [self._prop(item) for item in wanted.props]
            rows = _combined(wanted.test, parts)
            if rows is None:
                return None
            return {name for row in rows if (name := self._names[row]) is not None}

    def _append(self, name: str, values: dict[str, bytes]) -> None:
        self._rows[name] = len(self._names)
        self._names.append(name)
        for column, value in values.items():
            self._columns[column].append(value)

    def _discard(self, name: str) -> None:
        row = self._rows.pop(name, None)
        if row is not None:
            self._names[row] = None
            if len(self._names) > 2 * len(self._rows) + _MIN_DEAD:
                self._pack()

    def _pack(self) -> None:
        """Drop the dead rows."""
        old_rows, old = self._rows, self._columns
        self._names, self._rows = [], {}
        self._columns = {column: _Column() for column in NAMES}
        for name, row in old_rows.items():
            self._append(name, {column: old[column][row] for column in NAMES})

    def _prop(self, item: PropFilter) -> Rows | None:
        column = self._columns.get(item.name)
        if column is None or (item.group and not item.defined):
            return None
        if not item.defined:
            return set(range(len(self._names))) - column.present()
        parts = [_text(column, text) for text in item.texts] + [None] * len(item.params)
        rows = _combined(item.test, parts)
        return column.present() if rows is None else rows


def _numbers(data: bytes) -> "array[int]":
    numbers = array("I")
    numbers.frombytes(data)
    return numbers


def _combined(test: str, parts: list[Rows | None]) -> Rows | None:
    """The rows for which the test can hold; None, for any part and for all, means all of them."""
    known = [part for part in parts if part is not None]
    if not known or (test == "anyof" and len(known) < len(parts)):
        return None
    return set.union(*known) if test == "anyof" else set.intersection(*known)


def _text(column: _Column, text: TextMatch) -> Rows | None:
    """Every kind of match needs the text somewhere; what is folded otherwise cannot be searched."""
    if text.negate or not (text.text.isascii() or text.collation == query.DEFAULT_COLLATION):
        return None
    return column.containing(query.unicode_casemap(text.text).encode()) if text.text else None


def _values(vcard: VCard, name: str) -> bytes:
    found = (query.unicode_casemap(query.candidates(item)[0]) for item in vcard.get(name))
    return b"".join(_BEFORE + value.encode() for value in found)
