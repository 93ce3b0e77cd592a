"""App passwords: random, one a device, each with its own limits and its own end.

They stand beside the file of users, one JSON object a line.  Only a digest is kept, and a fast one
is enough: nobody tries out 2⁹⁹ passwords, so they are not throttled either.
"""

import json
import logging
import os
import time
from bisect import bisect
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from . import Identity, Login, LoginFailed
from .basic import BASIC
from .files import Followed, edit
from .names import check_name
from .passwords import random_password

log = logging.getLogger(__name__)

GROUPS = 5  # of four letters, 99 bits in all
MAX_NAME = 100  # characters


class TokenExists(Exception):
    """The user has a token of this name already; the message is the name."""


class TokenNotFound(LookupError):
    """The user has no token of this name; the message is the name."""


class TokenRefused(ValueError):
    """A token cannot be called that; the message says why."""


@dataclass(frozen=True)
class Token:
    """*books* are the names of those it reaches, None for all; times are in seconds (POSIX)."""

    user: str
    name: str
    digest: str
    created: float
    expires: float | None = None
    read_only: bool = False
    books: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Use:
    """When a token was used, and by which program; to within a quarter of an hour."""

    at: float
    agent: str


@dataclass(frozen=True)
class Table:
    """The tokens by digest, and when the next ones end."""

    tokens: Mapping[str, Token]
    ends: tuple[float, ...]


def beside(htpasswd: Path) -> Path:
    """Where the tokens of a file of users are."""
    return htpasswd.with_name(f"{htpasswd.name}.tokens")


def tokens(path: Path) -> list[Token]:
    """All of them, in the order they were made."""
    try:
        return list(parse(path.read_bytes()).tokens.values())
    except FileNotFoundError:
        return []


def add_token(
    path: Path,
    user: str,
    name: str,
    *,
    expires: float | None = None,
    read_only: bool = False,
    books: tuple[str, ...] | None = None,
) -> str:
    """Make a token and return the password, which is kept nowhere; TokenExists, TokenRefused."""
    check_name(user)
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise TokenRefused(f"a token's name has 1 to {MAX_NAME} characters that can be shown")
    password = random_password(GROUPS)
    token = Token(user, name, _digest(password), time.time(), expires, read_only, books)

    def add(lines: list[bytes]) -> list[bytes]:
        if any(_is(line, user, name) for line in lines):
            raise TokenExists(name)
        return [*lines, json.dumps(asdict(token)).encode() + b"\n"]

    edit(path, add, create=True)
    return password


def revoke(path: Path, user: str, name: str) -> None:
    """TokenNotFound.  Whoever has it is out with the next request."""
    if _remove(path, lambda line: _is(line, user, name)) == 0:
        raise TokenNotFound(name)


def revoke_all(path: Path, user: str) -> int:
    """How many the user had."""
    return _remove(path, lambda line: _is(line, user))


def _remove(path: Path, condemned: Callable[[bytes], bool]) -> int:
    removed = 0

    def remove(lines: list[bytes]) -> list[bytes]:
        nonlocal removed
        kept = [line for line in lines if not condemned(line)]
        removed = len(lines) - len(kept)
        return kept

    try:
        edit(path, remove)
    except FileNotFoundError:
        return 0
    return removed


def parse(data: bytes) -> Table:
    """The tokens in a file; what is none is skipped, with a warning."""
    found = [(number, read_line(line)) for number, line in enumerate(data.splitlines(), 1)]
    wrong = [str(number) for number, token in found if token is None]
    if wrong:
        log.warning("no tokens in lines %s", ", ".join(wrong[:20]))
    known = {token.digest: token for _, token in found if token}
    return Table(known, tuple(sorted(t.expires for t in known.values() if t.expires is not None)))


def read_line(line: bytes) -> Token | None:
    """The token in a line; None if it is no whole one: a limit must not get lost."""
    try:
        fields = json.loads(line)
        books = fields.pop("books")
        token = Token(**fields, books=None if books is None else tuple(books))
        check_name(token.user)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    kinds = (token.name, str), (token.digest, str), (token.read_only, bool)
    numbers = (token.created, token.expires or 0.0)
    whole = all(isinstance(value, kind) for value, kind in kinds)
    return token if whole and all(isinstance(value, float | int) for value in numbers) else None


def _is(line: bytes, user: str, name: str | None = None) -> bool:
    token = read_line(line)
    return token is not None and token.user == user and name in (None, token.name)


def _digest(password: str) -> str:
    """Of what is typed: hyphens and capitals do not matter."""
    return sha256(password.replace("-", "").casefold().encode()).hexdigest()


class Tokens:
    """Verifies app passwords of users who are *known*; *uses* is the folder of their last uses."""

    scheme = BASIC
    guessable = costly = False

    def __init__(
        self,
        path: Path,
        uses: Path,
        known: Callable[[str], bool],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._file = Followed(path, parse, missing=b"")
        self._uses, self._known, self._clock = uses, known, clock

    def generation(self) -> tuple[bytes, int]:
        """Changes when a token comes, goes or expires."""
        file = self._file.now()
        return file.digest, bisect(file.value.ends, self._clock())

    def knows(self, user: str) -> bool:
        return self._known(user)

    def verify(self, login: Login) -> Identity | None:
        """None unless this is a token of this user; LoginFailed when it has expired."""
        token = self._file.now().value.tokens.get(_digest(login.secret))
        if token is None or token.user != login.user or not self._known(login.user):
            return None
        if token.expires is not None and token.expires <= self._clock():
            raise LoginFailed("expired")
        self._remember(token, login.request.header("user-agent", ""))
        return Identity(login.user, personal=False, read_only=token.read_only, books=token.books)

    def _remember(self, token: Token, agent: str) -> None:
        """Not worth failing, and not worth a sync: it is to recognise a device by."""
        file = _use(self._uses, token)
        beside = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            self._uses.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside.write_text(json.dumps({"at": self._clock(), "agent": agent[:200]}))
            beside.replace(file)
        except OSError as error:
            log.warning("%s: %s", file, error.strerror)


def last_use(uses: Path, token: Token) -> Use | None:
    """None if it was never used."""
    try:
        fields = json.loads(_use(uses, token).read_bytes())
        return Use(float(fields["at"]), str(fields["agent"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _use(uses: Path, token: Token) -> Path:
    return uses / f"{token.digest[:32]}.json"
