"""Users and password hashes in an htpasswd file, which anybody may edit while the server runs."""

import logging
import os
import stat
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from ..model import Principal
from . import LoginFailed
from .names import check_name
from .passwords import kind_of, verify

log = logging.getLogger(__name__)

MAX_SIZE = 16 * 2**20  # bytes of a file that is still believed to be one of users
SETTLED = 2_000_000_000  # nanoseconds: no file system's clock ticks more slowly


class HtpasswdUnreadable(Exception):
    """There is no file of users to work with; the message says which and why."""


class Line(NamedTuple):
    """One line that counts."""

    user: str
    hashed: str


@dataclass(frozen=True)
class Table:
    """What a file said.  *generation* is a digest of its bytes, *seen* where they were found."""

    hashes: Mapping[str, str]
    generation: bytes
    seen: tuple[int, ...]
    settled: bool


def read_line(line: bytes) -> Line | None:
    """A line's user and hash, None for an empty one or a comment; ValueError says what is bad."""
    text = line.strip().removeprefix(b"\xef\xbb\xbf").decode()
    if not text or text.startswith("#"):
        return None
    user, colon, rest = text.partition(":")
    if not colon:
        raise ValueError("no colon")
    check_name(user)
    if rest.startswith("{PLAIN}"):
        return Line(user, rest)  # a colon in a password is one
    return Line(user, rest.partition(":")[0].strip())  # Apache ignores further fields


def parse(data: bytes, accept: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """The hashes by user, and what is wrong with the lines that were skipped."""
    hashes: dict[str, str] = {}
    wrong = []
    for number, raw in enumerate(data.split(b"\n"), 1):
        try:
            line = read_line(raw)
            if line is None:
                continue
            if line.user in hashes:
                raise ValueError("a user twice")  # the first counts, as with Apache
            kind = kind_of(line.hashed)
            if kind is None or (kind.weak and kind.name not in accept):
                raise ValueError(f"{kind.name if kind else 'unknown'} hash not accepted")
            hashes[line.user] = line.hashed
        except UnicodeDecodeError:
            wrong.append(f"line {number}: not UTF-8")
        except ValueError as error:
            wrong.append(f"line {number}: {error}")
    return hashes, wrong


class Htpasswd:
    """Verifies passwords against a file; *accept* names the weak kinds of hash that may log in.

    Once it could be read, the last good state counts while the file cannot be.
    """

    def __init__(
        self, path: Path, accept: Collection[str] = (), admins: Collection[str] = ()
    ) -> None:
        self._path = path
        self._accept = frozenset(accept)
        self._admins = frozenset(admins)
        self._lock = threading.Lock()
        self._complained = ""
        try:
            self._table = self._read()
        except OSError as error:
            raise HtpasswdUnreadable(f"{path}: {error.strerror or error}") from error

    def generation(self) -> bytes:
        return self._current().generation

    def verify(self, user: str, password: str) -> Principal:
        """The principal; LoginFailed takes the same time for a wrong user as for a password."""
        hashes = self._current().hashes
        if user not in hashes:
            if hashes:
                verify(password, self._decoy(user, hashes))
            raise LoginFailed("unknown-user")
        if not verify(password, hashes[user]):
            raise LoginFailed("bad-password")
        return Principal(user, admin=user in self._admins)

    def _decoy(self, user: str, hashes: Mapping[str, str]) -> str:
        """Somebody's hash, always the same for this name, so that it takes that one's time."""
        key = self._table.generation  # nobody outside knows it
        number = int.from_bytes(blake2b(user.encode(), key=key).digest())
        return list(hashes.values())[number % len(hashes)]

    def _current(self) -> Table:
        """The table, read again if the file is not the one it was made of."""
        table = self._table
        try:
            if table.settled and _identity(os.stat(self._path)) == table.seen:
                return table
            with self._lock:
                self._table = self._read()
                self._complained = ""
        except OSError as error:
            self._complain(f"{self._path}: {error.strerror or error}; the users stay as they were")
        return self._table

    def _complain(self, message: str) -> None:
        """Once, until it can be read again: this is called with every request."""
        if message != self._complained:
            self._complained = message
            log.warning("%s", message)

    def _read(self) -> Table:
        """The table as the file has it now; OSError if that cannot be told."""
        with open(self._path, "rb", opener=_never_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_SIZE:
                raise OSError("not a file of users")
            data = file.read()
        # A second change within one tick of the file system's clock would not be seen.
        settled = time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > SETTLED
        generation = blake2b(data, digest_size=32).digest()
        old = getattr(self, "_table", None)
        if old and old.generation == generation:
            return Table(old.hashes, generation, _identity(status), settled)
        if old and old.hashes and not data.strip() and not settled:
            raise OSError("empty; somebody may be writing it")
        hashes, wrong = parse(data, self._accept)
        if wrong:
            more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
            log.warning("%s: skipped %s%s", self._path, "; ".join(wrong[:5]), more)
        return Table(hashes, generation, _identity(status), settled)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _never_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO would wait for a writer
