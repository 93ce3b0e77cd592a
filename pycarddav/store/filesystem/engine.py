"""Address books as folders of .vcf files: ``<folder>/<owner>/<book>/<name>.vcf``.

What the server needs beside the cards lies in ``<folder>/.pycarddav/<owner>/<book>/``.
"""

import os
import secrets
import stat
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from ...dav.errors import Conflict, Forbidden, NotFound
from ...dav.headers import Condition
from ...model import AddressBook, Author, Card, Changes, Entry, Home
from . import files, names, properties
from .book import Book
from .lock import Lock
from .properties import Properties

_STATE = ".pycarddav"
_DELETED = ".deleted"  # among the owners in _STATE: books that were deleted, whole


class FilesystemStore:
    """The books below *folder*, which is made when it is not there."""

    def __init__(self, folder: Path) -> None:
        self._root = os.fspath(folder.resolve())
        self._opening = threading.Lock()
        self._open: dict[str, tuple[int, Book]] = {}  # folder -> its inode, and the book
        self._properties: dict[str, Properties] = {}
        with files.trouble(self._root):
            files.make_folders(os.path.join(self._root, _STATE))

    def owners(self) -> list[str]:
        with files.trouble(self._root):
            return sorted(_folders(self._root))

    def home(self, owner: str) -> Home | None:
        with files.trouble(f"the home of {owner}"):
            if not (folder := self._folder(owner)) or not _inode(folder):
                return None
            values = self._read_properties(folder)
        return Home(owner, values.get("displayname"), values.get("dead", ()))

    def save_home(self, home: Home) -> None:
        folder = self._new_folder(home.owner)
        values = {"displayname": home.displayname, "dead": home.dead}
        with files.trouble(home.path), self._home_lock(home.owner):
            if _inode(folder):
                properties.write(folder, values)
            else:
                _create(folder, values)

    def books(self, owner: str) -> list[AddressBook]:
        with files.trouble(f"the home of {owner}"):
            if not (home := self._folder(owner)) or not _inode(home):
                return []
            by_age = sorted((self._created(home, name), name) for name in _folders(home))
        return [book for _, name in by_age if (book := self.book(owner, name))]

    def book(self, owner: str, name: str) -> AddressBook | None:
        about = AddressBook(owner, name)
        try:
            token = self._book(about).fresh().token
        except NotFound:
            return None
        with files.trouble(about.path):
            values = self._read_properties(os.path.join(self._root, owner, name))
        return AddressBook(
            owner,
            name,
            token,
            values.get("displayname"),
            values.get("description"),
            values.get("dead", ()),
        )

    def save_book(self, book: AddressBook) -> None:
        folder = self._new_folder(book.owner, book.name)
        values = {
            "displayname": book.displayname,
            "description": book.description,
            "dead": book.dead,
        }
        if self.home(book.owner) is None:
            self.save_home(Home(book.owner))
        with files.trouble(book.path), self._home_lock(book.owner):
            if _inode(folder):
                properties.write(folder, values)
            else:
                self._put_away(book.owner, book.name)
                _create(folder, values)

    def delete_book(self, book: AddressBook, author: Author) -> None:
        kept = self._book(book)
        folder = os.path.join(self._root, book.owner, book.name)
        with files.trouble(book.path), self._home_lock(book.owner), kept.lock:
            self._put_away(book.owner, book.name, folder)
            files.sync_folder(os.path.dirname(folder))
        self._open.pop(folder, None)

    def entries(self, book: AddressBook, names: Collection[str] | None = None) -> Iterator[Entry]:
        snapshot = self._book(book).snapshot
        for name in snapshot.names if names is None else names:
            if member := snapshot.members.get(name):
                yield Entry(book, name, member.etag, member.size, member.mtime / 1e9)

    def cards(self, book: AddressBook, names: Collection[str] | None = None) -> Iterator[Card]:
        kept = self._book(book)
        for name in kept.snapshot.names if names is None else names:
            if found := kept.content(name):
                member, data = found
                yield Card(book, name, member.etag, len(data), member.mtime / 1e9, data)

    def put(
        self,
        book: AddressBook,
        name: str,
        data: bytes,
        uid: str | None,
        condition: Condition,
        author: Author,
    ) -> tuple[Entry, bool]:
        member, created = self._book(book).put(name, data, uid, condition)
        return Entry(book, name, member.etag, member.size, member.mtime / 1e9), created

    def delete(self, entry: Entry, condition: Condition, author: Author) -> None:
        self._book(entry.book).delete(entry.name, condition)

    def changes(self, book: AddressBook, since: str | None, limit: int | None = None) -> Changes:
        return self._book(book).changes(since, limit)

    def _book(self, about: AddressBook) -> Book:
        """The book, opened once.  NotFound."""
        if not (folder := self._folder(about.owner, about.name)):
            raise NotFound("there can be no such book")
        with files.trouble(about.path):
            inode = _inode(os.path.dirname(folder)) and _inode(folder)
        if not inode:
            raise NotFound("no such book")
        known, book = self._open.get(folder, (None, None))
        if book and known == inode:
            return book
        with self._opening:
            known, book = self._open.get(folder, (None, None))
            if not book or known != inode:
                book = Book(about, folder, self._state(about.owner, about.name))
                self._open[folder] = inode, book
        return book

    def _folder(self, *path: str) -> str | None:
        """The folder of a home or a book; None when there can be none."""
        return os.path.join(self._root, *path) if all(map(names.can_be_file, path)) else None

    def _new_folder(self, *path: str) -> str:
        if not (folder := self._folder(*path)):
            raise Forbidden(f"a folder cannot have this name: {path[-1][:80]!r}")
        return folder

    def _state(self, *path: str) -> str:
        return os.path.join(self._root, _STATE, *path)

    def _home_lock(self, owner: str) -> Lock:
        return Lock(self._state(owner, ".lock"))

    def _read_properties(self, folder: str) -> dict[str, Any]:
        return self._properties.setdefault(folder, Properties(folder)).read()

    def _created(self, home: str, name: str) -> float:
        """When a book was made; a folder that came by other ways has no age, and is last."""
        created = self._read_properties(os.path.join(home, name)).get("created")
        return created if isinstance(created, int | float) else float("inf")

    def _put_away(self, owner: str, name: str, folder: str | None = None) -> None:
        """Move what is left of a book to where deleted books are kept; its lock stays."""
        state = self._state(owner, name)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + f"-{secrets.token_hex(3)}"
        away = self._state(_DELETED, owner, name, stamp)
        left = [item.name for item in os.scandir(state)] if os.path.isdir(state) else []
        moves = [(os.path.join(state, file), file) for file in left if file != "lock"]
        if folder:
            moves.insert(0, (folder, "cards"))
        for source, file in moves:
            files.make_folders(away)
            os.rename(source, os.path.join(away, file))


def _create(folder: str, values: dict[str, Any]) -> None:
    """Make a folder with its properties, whole or not at all.  Conflict."""
    home = os.path.dirname(folder)
    making = os.path.join(home, f".new-{secrets.token_hex(8)}")
    os.mkdir(making, mode=0o700)
    try:
        properties.write(making, values)
        os.rename(making, folder)
    except NotADirectoryError as error:
        raise Conflict("a file is in the way") from error
    finally:
        if os.path.isdir(making):
            os.unlink(os.path.join(making, properties.FILE))
            os.rmdir(making)
    files.sync_folder(home)


def _folders(folder: str) -> list[str]:
    """The names of the folders in a folder: those that can be seen, and are no links."""
    with os.scandir(folder) as items:
        return [
            item.name
            for item in items
            if item.is_dir(follow_symlinks=False) and names.can_be_file(item.name)
        ]


def _inode(folder: str) -> int | None:
    """The inode of a folder; None when none is there (or a file, or a link)."""
    try:
        status = os.lstat(folder)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_ino if stat.S_ISDIR(status.st_mode) else None
