"""Bodies that are made piece by piece, kept until whoever asked has fetched them.

waitress' loop sends a file, to as many clients as there are; an iterable keeps a thread until the
last client has read its last octet, and eight that never read would be all threads.
"""

import io
import logging
import os
from collections.abc import Hashable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any
from weakref import WeakValueDictionary, finalize

from .. import haste
from ..dav.errors import Busy, Unavailable

IN_MEMORY = 2**16  # octets; less is not worth a file
MOST = 2**30  # octets on the disk, together: each book once, and again in each of its states

log = logging.getLogger(__name__)


class Spool:
    """Octets in a file without a name, which is gone with its last reader."""

    def __init__(self, folder: Path | None) -> None:
        import tempfile  # 10 ms that a server's start does not need

        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - for its readers
        finalize(self, self._file.close)
        self.size = 0

    def __len__(self) -> int:
        return self.size

    def append(self, data: bytes) -> None:
        self._file.write(data)
        self._file.flush()
        self.size += len(data)

    def read_at(self, offset: int, buffer: Any) -> int:
        """Fill *buffer* with what stands at *offset*; how many octets that were."""
        return os.preadv(self._file.fileno(), [buffer], offset)


class Reader(io.RawIOBase):
    """A spool as a file, with a position of its own."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._offset = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = (0, self._offset, self._spool.size)[whence]
        self._offset = start + offset
        return self._offset

    def readinto(self, buffer: Any) -> int:
        read = self._spool.read_at(self._offset, buffer)
        self._offset += read
        return read


class Spools:
    """All spools of a server, in *folder*; None is the system's own for temporary files.

    It should not be in memory, as the system's may be.
    """

    def __init__(self, folder: Path | None = None, most: int = MOST) -> None:
        self._folder, self._most = folder, most
        self._live: WeakValueDictionary[Hashable, Spool] = WeakValueDictionary()

    def body(self, fragments: Iterable[bytes], key: Hashable) -> bytes | Spool:
        """All *fragments*, or what is kept of others with the same *key*; None is no key.

        Busy, Unavailable, and what the fragments raise.
        """
        haste.wait()
        kept = None if key is None else self._live.get(key)
        if kept is not None:
            return kept
        pieces = joined(fragments)
        first = next(pieces, b"")
        if len(first) < IN_MEMORY:
            return first
        try:
            return self._spooled(first, pieces, key)
        except OSError as error:
            log.error("an answer cannot be kept in %s: %s", self._folder, error.strerror)
            raise Unavailable("no room for the answer") from error

    def _spooled(self, first: bytes, pieces: Iterator[bytes], key: Hashable) -> Spool:
        spool = Spool(self._folder)
        self._live[object()] = spool  # counts from its first octet on
        spool.append(first)
        for piece in pieces:
            spool.append(piece)
            if self.size() > self._most:
                raise Busy("too many answers wait for clients who do not fetch them")
        if key is not None:
            self._live[key] = spool
        return spool

    def size(self) -> int:
        """The octets that are kept now."""
        live = {spool for reference in self._live.valuerefs() if (spool := reference())}
        return sum(spool.size for spool in live)


def joined(fragments: Iterable[bytes]) -> Iterator[bytes]:
    """*fragments* in pieces of a size worth writing; only the last is smaller."""
    held = bytearray()
    for fragment in fragments:
        held += fragment
        if len(held) >= IN_MEMORY:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)
