"""Texts that were made of the cards of a book, by etag: derived, and dropped on any doubt.

A head, then one record after the other; whoever has made some adds them at the end, in whichever
process.  What was added since the last look is looked through for where things are; that a text
is what was made of its card is proven by a digest whenever it is read.
"""

import hashlib
import logging
import os
import secrets
import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Lock

from ... import haste
from . import files, member

log = logging.getLogger(__name__)

LARGEST = 2**16 - 1  # octets of a text that is kept; what has pictures is read from its file
_SMALL = 2**20  # octets of a file in which nothing is too much
_RECORD = struct.Struct(">16s16sI")  # a digest of all that follows: etag, length, and the text
_FILE = "texts-"  # and the form
_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_ID = 16  # octets at the end of a head, which tell a file from the one that it has replaced


class Damaged(ValueError):
    """What is in the file cannot be what was written."""


def forms(state: str) -> list[str]:
    """The forms of which texts are kept in this folder."""
    return [
        file.removeprefix(_FILE) for file in sorted(os.listdir(state)) if file.startswith(_FILE)
    ]


class Texts:
    """The texts of one form in the folder *state*; *title* says also what has made them."""

    def __init__(self, state: str, form: str, title: str) -> None:
        self.path = os.path.join(state, _FILE + form)
        self._title = f"pycarddav-texts 1 {title} ".encode()
        self._lock = Lock()
        self._trouble = ""
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._head = b""
        self._places: dict[int, int] = {}  # where a record is and how long, by half of its etag
        self._end = 0  # as far as the file was looked through
        self._most = _SMALL  # octets before it is tidied

    def get(self, etags: Iterable[str]) -> dict[str, bytes]:
        """What is kept for these etags."""
        found = {}
        with self._held(), self._dropped_on_doubt(), self._opened() as descriptor:
            for etag in etags:
                if place := self._places.get(_half(etag)):
                    record = _read(descriptor, place)
                    if record[16:32] == bytes.fromhex(etag[1:-1]):
                        found[etag] = record[_RECORD.size :]
        return found

    def lacking(self, etags: Mapping[str, str]) -> list[str]:
        """Of these, as name -> etag, the names of which nothing is kept."""
        with self._held(), self._dropped_on_doubt(), self._opened():
            pass
        return [name for name, etag in etags.items() if _half(etag) not in self._places]

    def add(self, texts: Mapping[str, bytes], current: Callable[[], Collection[str]]) -> None:
        """Keep these too; if it gets too much, nothing else but what has a *current* etag."""
        new = [_record(etag, text) for etag, text in texts.items() if 0 < len(text) <= LARGEST]
        if not new:
            return
        haste.wait()
        with self._lock, self._dropped_on_doubt():
            with suppress(FileNotFoundError), self._opened() as descriptor:
                if self._end > self._most:
                    self._tidy(descriptor, current())
            if not self._head:
                self._replace([])
            self._append(b"".join(new))

    def problem(self) -> str | None:
        """Why this would be dropped: it reads everything."""
        try:
            with self._lock, self._opened() as descriptor:
                for place in self._places.values():
                    _read(descriptor, place)
        except FileNotFoundError:
            return None
        except (OSError, Damaged) as error:
            return str(error)
        return None

    def drop(self) -> None:
        """Remove the file."""
        self._begin_anew()
        with suppress(OSError):
            os.unlink(self.path)

    @contextmanager
    def _held(self) -> Iterator[None]:
        """The lock, of whoever adds and tidies; WouldWait."""
        if not self._lock.acquire(blocking=not haste.hasty()):
            haste.wait()
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def _dropped_on_doubt(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            self._begin_anew()
        except (OSError, Damaged) as error:
            passing = isinstance(error, OSError) and error.errno in member.PASSING
            if str(error) != self._trouble:
                log.warning("%s is %s: %s", self.path, "not used" if passing else "dropped", error)
            self._trouble = str(error)
            if not passing:
                self.drop()

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The file, looked through."""
        descriptor = os.open(self.path, os.O_RDONLY | _FLAGS)
        try:
            self._recognise(descriptor)
            self._look(descriptor)
            yield descriptor
        finally:
            os.close(descriptor)

    def _recognise(self, descriptor: int) -> None:
        head = files.read_at(descriptor, len(self._title) + _ID, 0)
        if not head.startswith(self._title) or len(head) != len(self._title) + _ID:
            raise Damaged("it is of another version, or damaged")
        if head != self._head:
            self._begin_anew()
            self._head, self._end = head, len(head)

    def _look(self, descriptor: int) -> None:
        """Find out what was added since the last look."""
        size = os.fstat(descriptor).st_size
        while (begin := self._end + _RECORD.size) <= size:
            haste.work()
            head = files.read_at(descriptor, _RECORD.size, self._end)
            _, etag, length = _RECORD.unpack(head)
            if length > LARGEST:
                raise Damaged("it is damaged")
            if begin + length > size:
                return  # somebody is writing it
            self._places[int.from_bytes(etag[:8])] = self._end << 16 | length
            self._end = begin + length

    def _tidy(self, descriptor: int, current: Collection[str]) -> None:
        """Leave out what is of no card any more, if that is more than half."""
        places = {place for etag in current if (place := self._places.get(_half(etag)))}
        most = max(_SMALL, 2 * sum(_RECORD.size + (place & LARGEST) for place in places))
        if self._end > most:
            self._replace([_read(descriptor, place) for place in places])
        self._most = most

    def _replace(self, records: list[bytes]) -> None:
        """Put a file with these records in the place of the one that may be there."""
        self._begin_anew()
        head = self._title + secrets.token_hex(_ID // 2).encode()
        files.replace(self.path, b"".join((head, *records)))
        with self._opened():
            pass

    def _append(self, records: bytes) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | _FLAGS)
        try:
            # At once, for another process may do the same; what a full disk does not take of it
            # is found to be damaged, and everything is dropped.
            os.write(descriptor, records)
        finally:
            os.close(descriptor)


def _half(etag: str) -> int:
    return int(etag[1:17], 16)


def _record(etag: str, text: bytes) -> bytes:
    rest = _RECORD.pack(b"", bytes.fromhex(etag[1:-1]), len(text))[16:] + text
    return hashlib.sha256(rest).digest()[:16] + rest


def _read(descriptor: int, place: int) -> bytes:
    """The record at this place.  Damaged."""
    haste.work()
    record = files.read_at(descriptor, _RECORD.size + (place & LARGEST), place >> 16)
    if hashlib.sha256(record[16:]).digest()[:16] != record[:16]:
        raise Damaged("it is damaged")
    return record
