"""Address books as folders of .vcf files: ``<folder>/<owner>/<book>/<name>.vcf``.

What the server needs beside the cards lies in ``<folder>/.pycarddav/<owner>/<book>/``.
"""

import os
import secrets
import shutil
import stat
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ...dav.errors import Conflict, Forbidden, NotFound, PreconditionFailed
from ...dav.headers import Condition
from ...model import AddressBook, Author, Card, Changes, Dead, Entry, Home, Lock
from . import files, lock, names, promises, properties
from .book import Book, locked
from .properties import Properties
from .snapshot import Member

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
            snapshot = self._book(about).fresh()
        except NotFound:
            return None
        with files.trouble(about.path):
            values = self._read_properties(self._path_of(about))
        return AddressBook(
            owner,
            name,
            snapshot.token,
            values.get("displayname"),
            values.get("description"),
            values.get("dead", ()),
            values.get("language"),
            values.get("revision", ""),
            snapshot.size,
        )

    def save_book(self, book: AddressBook) -> None:
        folder = self._new_folder(book.owner, book.name)
        self._make_home(book.owner)
        with files.trouble(book.path), self._home_lock(book.owner):
            if _inode(folder):
                properties.write(folder, _values(book))
            else:
                self._put_away(book.owner, book.name)
                _create(folder, _values(book))

    def delete_book(self, book: AddressBook, author: Author) -> None:
        kept, folder = self._book(book), self._path_of(book)
        with files.trouble(book.path), self._home_lock(book.owner), kept.lock:
            self._put_away(book.owner, book.name, folder)
            files.sync_folder(os.path.dirname(folder))
        self._open.pop(folder, None)

    def move_book(
        self, book: AddressBook, owner: str, name: str, overwrite: bool, author: Author
    ) -> bool:
        source, target = self._path_of(book), self._new_folder(owner, name)
        self._make_home(owner)
        with files.trouble(book.path), self._home_locks(book.owner, owner):
            with self._replacing(owner, name, overwrite, self._book(book)) as created:
                os.rename(source, target)
                self._move_state(book.owner, book.name, self._state(owner, name))
            files.sync_folder(os.path.dirname(target))
            files.sync_folder(os.path.dirname(source))
        self._open.pop(source, None)
        return created

    def copy_book(
        self,
        book: AddressBook,
        owner: str,
        name: str,
        overwrite: bool,
        author: Author,
        cards: bool = True,
    ) -> bool:
        kept, target = self._book(book), self._new_folder(owner, name)
        values = _values(book) | ({"cards": self._dead(book)} if cards else {})
        self._make_home(owner)
        with files.trouble(book.path), _new_folder(target, values) as making:
            if cards:
                _copy(kept, making)
            with self._home_locks(owner), self._replacing(owner, name, overwrite) as created:
                os.rename(making, target)
            files.sync_folder(os.path.dirname(target))
        return created

    @contextmanager
    def _replacing(self, owner: str, name: str, overwrite: bool, *moving: Book) -> Iterator[bool]:
        """Make room for a book, under its lock and those of *moving*; whether there was room."""
        folder = self._new_folder(owner, name)
        there = _inode(folder) is not None
        if there and not overwrite:
            raise PreconditionFailed("there is a book already")
        replaced = [self._book(AddressBook(owner, name))] if there else []
        with locked(*moving, *replaced):
            self._put_away(owner, name, folder if there else None)
            yield not there
        self._open.pop(folder, None)

    def entries(self, book: AddressBook, names: Collection[str] | None = None) -> Iterator[Entry]:
        snapshot, dead = self._book(book).snapshot, self._dead(book)
        for name in snapshot.names if names is None else names:
            if member := snapshot.members.get(name):
                yield _entry(book, name, member, dead)

    def cards(self, book: AddressBook, names: Collection[str] | None = None) -> Iterator[Card]:
        kept, dead = self._book(book), self._dead(book)
        for name in kept.snapshot.names if names is None else names:
            if found := kept.content(name):
                (etag, _, size, mtime, *_), data = found
                yield Card(book, name, etag, size, mtime / 1e9, dead.get(name, ()), data)

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
        if created:  # a card that went by other ways may have left its properties
            self._save_dead(book, name, ())
        return _entry(book, name, member, self._dead(book)), created

    def delete(self, entry: Entry, condition: Condition, author: Author) -> None:
        self._book(entry.book).delete(entry.name, condition)
        self._save_dead(entry.book, entry.name, ())

    def move(
        self,
        entry: Entry,
        book: AddressBook,
        name: str,
        condition: Condition,
        there: Condition,
        author: Author,
    ) -> tuple[Entry, bool]:
        source, target = self._book(entry.book), self._book(book)
        dead = self._dead(entry.book).get(entry.name, ())
        member, created = target.take(source, entry.name, name, condition, there)
        self._save_dead(book, name, dead)
        self._save_dead(entry.book, entry.name, ())
        return _entry(book, name, member, {name: dead}), created

    def save_entry(self, entry: Entry) -> None:
        if entry.name not in self._book(entry.book).snapshot.members:
            raise NotFound("no such card")
        self._save_dead(entry.book, entry.name, entry.dead)

    def changes(self, book: AddressBook, since: str | None, limit: int | None = None) -> Changes:
        return self._book(book).changes(since, limit)

    def locks(self, owner: str) -> tuple[Lock, ...]:
        with files.trouble(f"the locks of {owner}"):
            return promises.read(self._state(owner, ".locks.json"))

    def change_locks(
        self, owner: str, change: Callable[[tuple[Lock, ...]], tuple[Lock, ...]]
    ) -> None:
        path = self._state(owner, ".locks.json")
        with files.trouble(f"the locks of {owner}"), self._home_lock(owner):
            before = promises.read(path)
            after = change(before)
            if after != before:
                promises.write(path, after)

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

    def _path_of(self, book: AddressBook) -> str:
        return os.path.join(self._root, book.owner, book.name)

    def _make_home(self, owner: str) -> None:
        if self.home(owner) is None:
            self.save_home(Home(owner))

    def _state(self, *path: str) -> str:
        return os.path.join(self._root, _STATE, *path)

    def _home_lock(self, owner: str) -> lock.Lock:
        return lock.Lock(self._state(owner, ".lock"))

    @contextmanager
    def _home_locks(self, *owners: str) -> Iterator[None]:
        with ExitStack() as stack:
            for owner in sorted({*owners}):
                stack.enter_context(self._home_lock(owner))
            yield

    def _dead(self, book: AddressBook) -> dict[str, Dead]:
        """The properties of the cards that have any."""
        with files.trouble(book.path):
            dead: dict[str, Dead] = self._read_properties(self._path_of(book)).get("cards", {})
        return dead

    def _save_dead(self, book: AddressBook, name: str, dead: Dead) -> None:
        if self._dead(book).get(name, ()) != dead:
            with files.trouble(book.path), self._home_lock(book.owner):
                properties.write_cards(self._path_of(book), {name: dead})

    def _read_properties(self, folder: str) -> dict[str, Any]:
        return self._properties.setdefault(folder, Properties(folder)).read()

    def _created(self, home: str, name: str) -> float:
        """When a book was made; a folder that came by other ways has no age, and is last."""
        created = self._read_properties(os.path.join(home, name)).get("created")
        return created if isinstance(created, int | float) else float("inf")

    def _put_away(self, owner: str, name: str, folder: str | None = None) -> None:
        """Move what is left of a book to where deleted books are kept; its lock stays."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + f"-{secrets.token_hex(3)}"
        away = self._state(_DELETED, owner, name, stamp)
        if folder:
            files.make_folders(away)
            os.rename(folder, os.path.join(away, "cards"))
        self._move_state(owner, name, away)

    def _move_state(self, owner: str, name: str, to: str) -> None:
        state = self._state(owner, name)
        for file in os.listdir(state) if os.path.isdir(state) else []:
            if file != "lock":
                files.make_folders(to)
                os.rename(os.path.join(state, file), os.path.join(to, file))


def _values(book: AddressBook) -> dict[str, Any]:
    return {
        "displayname": book.displayname,
        "description": book.description,
        "language": book.language,
        "dead": book.dead,
    }


def _entry(book: AddressBook, name: str, member: Member, dead: Mapping[str, Dead]) -> Entry:
    modified = member.mtime / 1e9
    return Entry(book, name, member.etag, member.size, modified, dead.get(name, ()))


def _create(folder: str, values: dict[str, Any]) -> None:
    """Make a folder with its properties, whole or not at all.  Conflict."""
    with _new_folder(folder, values) as making:
        os.rename(making, folder)
    files.sync_folder(os.path.dirname(folder))


@contextmanager
def _new_folder(folder: str, values: dict[str, Any]) -> Iterator[str]:
    """A hidden folder with these properties beside *folder*; it goes if it is not renamed to it."""
    making = os.path.join(os.path.dirname(folder), f".new-{secrets.token_hex(8)}")
    os.mkdir(making, mode=0o700)
    try:
        properties.write(making, values)
        yield making
    except NotADirectoryError as error:
        raise Conflict("a file is in the way") from error
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _copy(book: Book, folder: str) -> None:
    """Write the cards of a book into *folder*, each with the time when it was modified."""
    for name in book.snapshot.names:
        if found := book.content(name):
            path = os.path.join(folder, names.file_of(name))
            files.write(path, found[1], sync=False)
            os.utime(path, ns=(found[0].mtime, found[0].mtime))
    os.sync()  # at once, because a thousand times fsync takes a thousand times as long


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
