"""Where cards come from: files of cards, folders and zip archives of them, spreadsheets.

Everything is read as it goes.  What cannot be read is found as well, with the problem that it has.
"""

import os
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader, RawIOBase
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ..store.filesystem import properties as stored
from ..vcard import content, files

STDIN = "-"
_ZIP = b"PK\x03\x04"

# Deflate can make a thousand times as much of what it is given; of address books it makes ten.
_RATIO = 100
_ALWAYS = 16 * 2**20  # octets that any archive's file may have

# What breaks in the middle of an archive, besides the disk.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class Found:
    """The bytes of a card, or, with a *problem*, of something that is none.

    *line* is its first one in *file*, 0 where there are no lines; *name* that of the card's file,
    if it had one of its own; *notes* say what was not taken over as it was.
    """

    file: str
    line: int
    data: bytes
    name: str | None = None
    problem: str = ""
    notes: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """For people."""
        return f"{self.file}:{self.line}" if self.line else self.file


Reader = Callable[[str, BufferedReader], Iterator[Found]]
Readers = Mapping[str, Reader]  # by the endings of files: ``.csv``


def read(place: str, readers: Readers) -> Iterator[Found]:
    """What is in a file, a folder, or (``-``) standard input.

    *readers* are for files of other endings than cards have: ``.csv``.
    """
    if place == STDIN:
        with open(0, "rb", closefd=False) as file:
            yield from _file("standard input", file, readers)
    elif os.path.isdir(place):
        yield from _folder(place, readers)
    else:
        yield from _path(place, place, readers, own_name=False)


def size(place: str) -> int:
    """How many octets of cards there are, about; 0 where that cannot be told beforehand."""
    try:
        if os.path.isdir(place):
            return sum(size(path) for path in _paths(place, ()))
        if zipfile.is_zipfile(place):
            with zipfile.ZipFile(place) as archive:
                return sum(info.file_size for info in archive.infolist())
        return os.path.getsize(place) if place != STDIN else 0
    except (OSError, *_DAMAGED):
        return 0


def properties(place: str) -> dict[str, Any] | None:
    """The properties of the one book that a folder or an archive holds, if it was exported."""
    try:
        if os.path.isdir(place):
            return stored.parse(Path(place, stored.FILE).read_bytes())
        if not zipfile.is_zipfile(place):
            return None
        with zipfile.ZipFile(place) as archive:
            found = [
                info
                for info in archive.infolist()
                if os.path.basename(info.filename) == stored.FILE
            ]
            if len(found) == 1 and found[0].file_size <= stored.LARGEST:
                return stored.parse(archive.read(found[0]))
    except (OSError, *stored.UNREADABLE, *_DAMAGED):
        pass  # the cards are what matters
    return None


def _folder(place: str, readers: Readers) -> Iterator[Found]:
    path = None
    for path in _paths(place, readers):
        yield from _path(path, path, readers, own_name=True)
    if path is None:
        yield _problem(place, "there is no file of cards in this folder")


def _paths(place: str, endings: Collection[str]) -> Iterator[str]:
    """The files of a folder and those in it that can have cards, but what is hidden."""
    for folder, folders, names in os.walk(place):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and _ending(name) in (".vcf", ".vcard", ".zip", *endings):
                yield os.path.join(folder, name)


def _path(where: str, path: str, readers: Readers, own_name: bool) -> Iterator[Found]:
    try:
        with open(path, "rb") as file:
            yield from _file(where, file, readers, own_name)
    except OSError as error:
        yield _problem(where, error.strerror or str(error))


def _file(
    where: str, file: BufferedReader, readers: Readers, own_name: bool = False
) -> Iterator[Found]:
    if file.peek(4)[:4] == _ZIP:
        yield from _zip(where, file, readers)
    else:
        reader = readers.get(_ending(where))
        yield from reader(where, file) if reader else _cards(where, file, own_name)


def _zip(where: str, file: BufferedReader, readers: Readers) -> Iterator[Found]:
    if not file.seekable():
        yield _problem(where, "an archive cannot be read from a pipe")
        return
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                if _is_wanted(info, readers):
                    yield from _archived(f"{where}/{info.filename}", archive, info, readers)
    except _DAMAGED as error:
        yield _problem(where, f"this is no whole archive: {error}")


def _is_wanted(info: zipfile.ZipInfo, readers: Readers) -> bool:
    parts = PurePosixPath(info.filename).parts
    hidden = any(part.startswith((".", "__MACOSX")) for part in parts)
    return not hidden and _ending(info.filename) in (".vcf", ".vcard", ".zip", *readers)


def _archived(
    where: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo, readers: Readers
) -> Iterator[Found]:
    try:
        with archive.open(info) as packed, BufferedReader(_Bounded(packed, info)) as file:
            if file.peek(4)[:4] == _ZIP:
                yield _problem(where, "archives inside archives are not looked into")
            else:
                # For mypy, and for nobody else, a BufferedReader is generic.
                yield from _file(where, file, readers, own_name=True)  # type: ignore[arg-type]
    except _DAMAGED as error:
        yield _problem(where, f"damaged from here on: {error}")


class _Bounded(RawIOBase):
    """A file of an archive, which may not be a thousand times what it takes there."""

    def __init__(self, file: IO[bytes], info: zipfile.ZipInfo) -> None:
        self._file, self._left = file, _ALWAYS + _RATIO * info.compress_size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # which has no name
        data = self._file.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise zipfile.BadZipFile("it unpacks to far more than address books do")
        buffer[: len(data)] = data
        return len(data)


def _cards(where: str, file: BufferedReader, own_name: bool) -> Iterator[Found]:
    """The cards of a .vcf file; a single one may have the name of its file."""
    pieces = files.pieces(file)
    try:
        first = list(islice(pieces, 2))
        if not any(piece.is_card for piece in first) and len(first) < 2:
            yield _problem(where, "there is no card in it")
            return
        name = os.path.basename(where) if own_name and len(first) == 1 else None
        for piece in chain(first, pieces):
            problem = "" if piece.is_card else "this is in no card"
            yield Found(where, piece.line, piece.data, name, problem)
    except content.Unreadable as error:
        yield _problem(where, f"{error}; what follows was not read")


def _problem(where: str, problem: str) -> Found:
    return Found(where, 0, b"", problem=problem)


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower()
