"""Changing a file of users: one line at a time, the others stay byte for byte."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .htpasswd import HtpasswdUnreadable, read_line
from .names import check_name, check_new_name
from .passwords import hash_password


class UserNotFound(LookupError):
    """There is no such user; the message is the name."""


class UserExists(Exception):
    """There is such a user already; the message is the name."""


def users(path: Path) -> list[str]:
    """The users of the file, in its order; HtpasswdUnreadable."""
    try:
        return [user for line in path.read_bytes().splitlines() if (user := _user(line))]
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
    """UserNotFound.  What the user has in the storage stays."""
    _replace(path, user, [])


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
    """Replace the lines of the file by what *change* makes of them, atomically and durably."""
    path = Path(os.path.realpath(path))  # a symbolic link stays one
    try:
        with _locked(path, create) as held:
            lines = path.read_bytes().splitlines(keepends=True)
            if lines and not lines[-1].endswith(b"\n"):
                lines[-1] += b"\n"
            _write(path, b"".join(change(lines)), os.fstat(held))
    except OSError as error:
        raise HtpasswdUnreadable(f"{path}: {error.strerror or error}") from error


@contextmanager
def _locked(path: Path, create: bool) -> Iterator[int]:
    """A descriptor of the file, held by nobody else (no lock file that root would own)."""
    while True:
        held = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            # Whoever had the lock has put another file in this one's place: lock that one.
            if path.exists() and os.path.samestat(os.fstat(held), path.stat()):
                yield held
                return
        finally:
            os.close(held)


def _write(path: Path, data: bytes, like: os.stat_result) -> None:
    """Put *data* in the file's place, with its mode and owner."""
    beside = path.with_name(f".{path.name}.new")  # the lock makes the name ours
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            if (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(descriptor, like.st_uid, like.st_gid)  # root changes a service's file
            os.fchmod(descriptor, like.st_mode & 0o777)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
