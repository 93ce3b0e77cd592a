"""Changing a file of users: one line at a time, the others stay byte for byte."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from .files import edit
from .htpasswd import HtpasswdUnreadable, read_line
from .names import check_name, check_new_name
from .passwords import hash_password
from .tokens import beside, revoke_all


class UserNotFound(LookupError):
    """There is no such user; the message is the name."""


class UserExists(Exception):
    """There is such a user already; the message is the name."""


def users(path: Path) -> list[str]:
    """The users of the file, in its order; HtpasswdUnreadable."""
    try:
        return [user for line in BytesIO(path.read_bytes()) if (user := _user(line))]
    except OSError as error:
        raise HtpasswdUnreadable(f"{path}: {error.strerror}") from error


def add_user(path: Path, user: str, password: str) -> None:
    """Make the user, and the file too, for its owner alone; UserExists, UserNameRefused."""
    check_name(user)
    added = _line(user, password)

    def add(lines: list[bytes]) -> list[bytes]:
        taken = [name for line in lines if (name := _user(line))]
        if user in taken:
            raise UserExists(user)
        check_new_name(user, taken)
        return [*lines, added]

    _edit(path, add, create=True)


def set_password(path: Path, user: str, password: str) -> None:
    """UserNotFound, PasswordRefused."""
    _replace(path, user, [_line(user, password)])


def remove_user(path: Path, user: str) -> None:
    """UserNotFound.  What the user has in the storage stays; tokens do not come back."""
    _replace(path, user, [])
    revoke_all(beside(path), user)


def _replace(path: Path, user: str, by: list[bytes]) -> None:
    def replace(lines: list[bytes]) -> list[bytes]:
        places = [number for number, line in enumerate(lines) if _user(line) == user]
        if not places:
            raise UserNotFound(user)
        first, *again = places  # the further ones would come to life with the first one gone
        kept = [b"" if number in again else line for number, line in enumerate(lines)]
        return kept[:first] + by + kept[first + 1 :]

    _edit(path, replace)


def _line(user: str, password: str) -> bytes:
    return f"{user}:{hash_password(password)}\n".encode()


def _user(line: bytes) -> str | None:
    """Whose line this is, whatever its hash is worth."""
    try:
        found = read_line(line)
    except ValueError:
        return None
    return found and found.user


def _edit(path: Path, change: Callable[[list[bytes]], list[bytes]], create: bool = False) -> None:
    try:
        edit(path, change, create)
    except OSError as error:
        raise HtpasswdUnreadable(f"{path}: {error.strerror or error}") from error
