"""The books that were deleted: put away whole, to be brought back or, after a time, dropped."""

import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from ...dav.errors import Conflict, NotFound
from ...model import Author
from . import files, leaving
from .journal import Cause
from .root import Root, folders, inode

FOLDER = ".deleted"  # among the owners' states
CARDS = "cards"
_CAUSE = "cause"


@dataclass(frozen=True)
class Deleted:
    """A book that was deleted at *time*; *path* is where it is put away.

    *reason* is what was done: it was deleted, or another was moved or copied to its place.
    """

    owner: str
    name: str
    time: datetime
    path: str
    reason: str
    author: Author

    @classmethod
    def at(cls, path: str) -> "Deleted":
        """What is put away there."""
        owner, name, _ = path.split(os.sep)[-3:]
        time = datetime.fromtimestamp(os.stat(path).st_mtime, UTC)
        return cls(owner, name, time, path, *_signed(path))


def sign(path: str, cause: Cause) -> None:
    """Say beside a book that is put away who did it, and why."""
    said = {"reason": cause.reason, "user": cause.author.user, "agent": cause.author.agent}
    files.replace(os.path.join(path, _CAUSE), json.dumps(said).encode() + b"\n")


def _signed(path: str) -> tuple[str, Author]:
    """What sign() said; nothing where the folder had vanished before."""
    try:
        said = json.loads(files.read(os.path.join(path, _CAUSE), 10_000)[0])
        return str(said["reason"]), Author(str(said["user"]), str(said["agent"]))
    except (OSError, ValueError, LookupError, TypeError):
        return "", Author("")


def books(root: Root) -> list[Deleted]:
    """What was deleted and is still there; the oldest first."""
    return [book for book in _all(root) if inode(os.path.join(book.path, CARDS))]


def _all(root: Root) -> list[Deleted]:
    """The same, with what is left of books that had vanished before, or are not yet here."""
    found = [[root.state(FOLDER)]]
    for _ in range(3):  # owner, name, time
        inner = [(path, os.path.join(*path)) for path in found]
        found = [[*path, name] for path, full in inner if inode(full) for name in folders(full)]
    return sorted((Deleted.at(os.path.join(*path)) for path in found), key=lambda book: book.time)


def bring_back(root: Root, book: Deleted) -> None:
    """Put a book where it was, with all that was known of it.  Conflict where there is one."""
    path, state = os.path.join(root.path, book.owner, book.name), root.state(book.owner, book.name)
    with files.trouble(book.path):
        leaving.finish(state)
    if not inode(os.path.dirname(path)):
        raise NotFound(f"{book.owner} has no home")
    if os.path.lexists(path) or os.path.exists(os.path.join(state, "journal")):
        raise Conflict(f"{book.owner} has another book {book.name}")
    with files.trouble(book.path):
        files.make_folders(state)
        os.rename(os.path.join(book.path, CARDS), path)  # from now on there is the book
        for file in os.listdir(book.path):
            if file != _CAUSE:
                os.rename(os.path.join(book.path, file), os.path.join(state, file))
        files.sync_folder(os.path.dirname(path))
        with suppress(OSError):
            os.unlink(os.path.join(book.path, _CAUSE))
            os.removedirs(book.path)


def drop(root: Root, since: datetime) -> None:
    """Drop for good what was deleted before."""
    for book in _all(root):
        if book.time < since:
            shutil.rmtree(book.path, ignore_errors=True)
