"""The books that were deleted: put away whole, to be brought back or, after a time, dropped."""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from ...dav.errors import Conflict, NotFound
from . import files
from .root import Root, folders, inode

FOLDER = ".deleted"  # among the owners' states
CARDS = "cards"


@dataclass(frozen=True)
class Deleted:
    """A book that was deleted at *time*; *path* is where it is put away."""

    owner: str
    name: str
    time: datetime
    path: str


def books(root: Root) -> list[Deleted]:
    """What was deleted and is still there; the oldest first."""
    found = [[root.state(FOLDER)]]
    for _ in range(3):  # owner, name, time
        inner = [(path, os.path.join(*path)) for path in found]
        found = [[*path, name] for path, full in inner if inode(full) for name in folders(full)]
    return sorted((_deleted(path) for path in found), key=lambda book: book.time)


def _deleted(path: list[str]) -> Deleted:
    _, owner, name, _ = path
    full = os.path.join(*path)
    return Deleted(owner, name, datetime.fromtimestamp(os.stat(full).st_mtime, UTC), full)


def bring_back(root: Root, book: Deleted) -> None:
    """Put a book where it was, with all that was known of it.  Conflict where there is one."""
    path, state = os.path.join(root.path, book.owner, book.name), root.state(book.owner, book.name)
    if not inode(os.path.dirname(path)):
        raise NotFound(f"{book.owner} has no home")
    if os.path.lexists(path) or os.path.exists(os.path.join(state, "journal")):
        raise Conflict(f"{book.owner} has another book {book.name}")
    with files.trouble(book.path):
        files.make_folders(state)
        for file in os.listdir(book.path):
            if file != CARDS:
                os.rename(os.path.join(book.path, file), os.path.join(state, file))
        os.rename(os.path.join(book.path, CARDS), path)
        files.sync_folder(os.path.dirname(path))
        with suppress(OSError):
            os.removedirs(book.path)


def drop(root: Root, since: datetime) -> None:
    """Drop for good what was deleted before."""
    for book in books(root):
        if book.time < since:
            shutil.rmtree(book.path, ignore_errors=True)
