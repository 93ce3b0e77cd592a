"""Users and password hashes in an htpasswd file, which anybody may edit while the server runs."""

import logging
from collections.abc import Collection, Mapping
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from . import Identity, Login, LoginFailed
from .basic import BASIC
from .files import Followed
from .names import check_name
from .passwords import kind_of, verify

log = logging.getLogger(__name__)


class HtpasswdUnreadable(Exception):
    """There is no file of users to work with; the message says which and why."""


class Line(NamedTuple):
    """One line that counts."""

    user: str
    hashed: str


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
    for number, raw in enumerate(BytesIO(data), 1):
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

    scheme = BASIC
    guessable = costly = True

    def __init__(self, path: Path, accept: Collection[str] = ()) -> None:
        self._path = path
        self._accept = frozenset(accept)
        try:
            self._file = Followed(path, self._parse)
        except OSError as error:
            raise HtpasswdUnreadable(f"{path}: {error.strerror or error}") from error

    def _parse(self, data: bytes) -> dict[str, str]:
        hashes, wrong = parse(data, self._accept)
        if wrong:
            more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
            log.warning("%s: skipped %s%s", self._path, "; ".join(wrong[:5]), more)
        return hashes

    def generation(self) -> bytes:
        return self._file.now().digest

    def knows(self, user: str) -> bool:
        return user in self._file.now().value

    def verify(self, login: Login) -> Identity:
        """Whose login it is; LoginFailed takes as long for a wrong user as for a password."""
        file = self._file.now()
        if login.user not in file.value:
            if file.value:
                verify(login.secret, _decoy(login.user, file.value, file.digest))
            raise LoginFailed("unknown-user")
        if not verify(login.secret, file.value[login.user]):
            raise LoginFailed("bad-password")
        return Identity(login.user)


def _decoy(user: str, hashes: Mapping[str, str], key: bytes) -> str:
    """Somebody's hash, always the same for this name, so that it takes that one's time.

    *key* is known to nobody outside.
    """
    number = int.from_bytes(blake2b(user.encode(), key=key).digest())
    return list(hashes.values())[number % len(hashes)]
