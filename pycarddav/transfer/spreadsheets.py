"""Spreadsheets as text (RFC 4180, and what is called CSV beside it): one person a row."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import BinaryIO

from ..dav.errors import Error
from ..vcard import content, files
from . import columns, people
from .columns import Place, Target, TargetRefused
from .sources import Found

ENDINGS = (".csv", ".tsv")
_SEPARATORS = ",;\t"
_LONGEST = 2**20  # characters of one cell

Chosen = dict[str, Target | None]  # by a column's name, or by its number


@dataclass(frozen=True)
class Spreadsheets:
    """Reads spreadsheets, in which some columns are *chosen* to be something."""

    chosen: Chosen = field(default_factory=dict)

    def read(self, where: str, file: BinaryIO) -> Iterator[Found]:
        """A card of each row."""
        lines = _Lines(file)
        first = next((line for line in lines if line.strip()), "")
        rows = csv.reader(chain([first], lines), delimiter=_separator(first), strict=True)
        limit = csv.field_size_limit(_LONGEST)
        try:
            yield from self._found(where, rows, lines)
        except content.Unreadable as error:
            yield Found(where, lines.number, b"", problem=f"{error}; what follows was not read")
        finally:
            csv.field_size_limit(limit)

    def _found(self, where: str, rows: Iterator[list[str]], lines: "_Lines") -> Iterator[Found]:
        targets: list[Place] | None = None
        start = lines.number
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:  # the reader goes on with the next line
                yield Found(where, start, b"", problem=f"{error}, up to line {lines.number}")
            else:
                if self._numbered:
                    yield from _person(where, start, self._by_number(row), row)
                elif targets:
                    yield from _person(where, start, targets, row)
                elif not any(isinstance(item, Target) for item in self._by_name(row)):
                    yield Found(where, start, _written(row), problem=_unknown(row))
                    return
                else:
                    targets = self._by_name(row)
            start = lines.number + 1

    @property
    def _numbered(self) -> bool:
        """Whether the columns are chosen by number, and have no names."""
        return bool(self.chosen) and all(name.isdecimal() for name in self.chosen)

    def _by_number(self, row: list[str]) -> list[Place]:
        numbers = map(str, range(1, len(row) + 1))
        return [self.chosen.get(number, f"column {number}") for number in numbers]

    def _by_name(self, head: list[str]) -> list[Place]:
        return [
            self.chosen.get(columns.normal(column), target)
            for column, target in zip(head, columns.known(head), strict=True)
        ]


def read_map(text: str) -> Chosen:
    """What a file for --map says: rows of a column's name and its target.  TargetRefused."""
    chosen: Chosen = {}
    rows = csv.reader(text.splitlines())
    for row in rows:
        if not any(row) or row[0].startswith("#"):
            continue
        if len(row) != 2:
            raise TargetRefused(f"line {rows.line_num}: a row has a column and what it is")
        try:
            chosen[columns.normal(row[0])] = columns.target(row[1])
        except TargetRefused as error:
            raise TargetRefused(f"line {rows.line_num}: {error}") from None
    if not chosen:
        raise TargetRefused("it names no column")
    return chosen


class _Lines:
    """The lines of a file as text; *number* is that of the last."""

    def __init__(self, file: BinaryIO) -> None:
        self._lines = files.lines(file)
        self.number = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        line = line.removeprefix(content.BOM) if self.number == 1 else line
        try:
            return line.decode()
        except UnicodeDecodeError:  # what Outlook writes in the west
            return line.decode("cp1252", "replace")


def _separator(line: str) -> str:
    """What stands between the cells of this line, outside of quotes."""
    plain = "".join(line.split('"')[::2])
    return max(_SEPARATORS, key=plain.count)


def _unknown(head: list[str]) -> str:
    named = ", ".join(map(repr, head[:5]))
    return f"no column of {named} is known: --map FILE says what they are"


def _person(where: str, line: int, targets: list[Place], row: list[str]) -> Iterator[Found]:
    if len(row) > len(targets) and any(row[len(targets) :]):
        problem = f"{len(row)} values for {len(targets)} columns"
        yield Found(where, line, _written(row), problem=problem)
        return
    try:
        data = people.card(list(zip(targets, row, strict=False)))
    except Error as error:
        yield Found(where, line, _written(row), problem=str(error))
        return
    if data:
        yield Found(where, line, data)


def _written(row: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(row)
    return text.getvalue().encode(errors="replace")
