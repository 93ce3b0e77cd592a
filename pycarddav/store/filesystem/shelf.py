"""Where the books are: the folders of homes and books, open ones, and those that have vanished."""

import logging
import os
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from ... import haste
from ...dav.errors import Conflict, Error, Forbidden, NotFound, PreconditionFailed, Unavailable
from ...model import AddressBook
from . import deleted, files, folder, journal, leaving, properties
from .book import Book, locked
from .folder import Folder
from .journal import Cause
from .leftovers import NEW_FOLDER
from .lock import Lock
from .root import Root, folders, inode
from .watch import Watches

log = logging.getLogger(__name__)


class Shelf:
    """The books of a storage, each opened once."""

    def __init__(self, root: Root, watches: Watches) -> None:
        self.root = root
        self._watches = watches
        self._opening = threading.Lock()
        self._open: dict[str, Book] = {}

    def close(self) -> None:
        """Let every book remember what is known, for a quick start."""
        self._forget(save=True)
        self._watches.close()

    @haste.once
    def check(self) -> None:
        """Unavailable when the storage is not there."""
        if self.root.is_another():
            self._forget(save=False)

    def _forget(self, save: bool) -> None:
        with self._opening:
            books, self._open = self._open, {}
        for book in books.values():
            book.mirror.close(save)

    def open_books(self) -> list[Book]:
        """Those that somebody has asked for."""
        return list(self._open.values())

    def known(self, about: AddressBook) -> Book:
        """The book, which this request has looked at before, or else as book()."""
        self.check()
        return self._open.get(self.path(about.owner, about.name)) or self.book(about)

    def book(self, about: AddressBook) -> Book:
        """The book, opened.  NotFound."""
        self.check()
        if not (path := self.root.folder(about.owner, about.name)):
            raise NotFound("there can be no such book")
        with files.trouble(about.path):
            if not inode(path) and not self._has_vanished(about.owner, about.name):
                self.drop(path)
                raise NotFound("no such book")
        if not (book := self._open.get(path)):
            haste.wait()
            with self._opening, files.trouble(about.path):
                if not (book := self._open.get(path)):
                    book = self._open[path] = self._opened(about, path)
        return book

    def _opened(self, about: AddressBook, path: str) -> Book:
        self._follow_rename(about.owner, about.name)
        state = self.root.state(about.owner, about.name)
        return Book(about.path, Folder(path, state), state, self._watches)

    def drop(self, path: str) -> None:
        """Forget a book that is no longer in this folder."""
        if book := self._open.pop(path, None):
            book.mirror.close(save=False)

    def names(self, owner: str) -> list[str]:
        """The books of a home, and of those that have vanished all but the deleted ones."""
        return sorted({*folders(self.path(owner)), *self.vanished(owner)})

    # What has vanished: our own state of it is left, and it may come back

    def vanished(self, owner: str) -> list[str]:
        """The books without a folder, also those that had no cards."""
        state = self.root.state(owner)
        known = folders(state) if inode(state) else []
        return [name for name in known if self._has_vanished(owner, name)]

    def _has_vanished(self, owner: str, name: str) -> bool:
        if inode(self.path(owner, name)):
            return False
        haste.wait()
        if leaving.finish(self.root.state(owner, name)) or not self._is_known(owner, name):
            return False
        home = self.path(owner)
        for other in folders(home) if inode(home) else []:
            self._follow_rename(owner, other)
        return self._is_known(owner, name)

    def _is_known(self, owner: str, name: str) -> bool:
        return os.path.exists(self.root.state(owner, name, "journal"))

    def _follow_rename(self, owner: str, name: str) -> None:
        """When somebody has renamed a folder, let what is known of it follow."""
        if self._is_known(owner, name) or not inode(self.root.state(owner)):
            return
        for old in folders(self.root.state(owner)):
            gone = not inode(self.path(owner, old)) and self._is_known(owner, old)
            if gone and folder.was_renamed(self.root.state(owner, old), self.path(owner, name)):
                with self.home_locks(owner):
                    leaving.move(self.root.state(owner, old), self.root.state(owner, name))
                self.drop(self.path(owner, old))
                return

    # Making and removing

    def path(self, *path: str) -> str:
        """The folder of a home or a book whose name is known to be possible."""
        return os.path.join(self.root.path, *path)

    def new_path(self, *path: str) -> str:
        """The same for any name.  Forbidden."""
        if not (found := self.root.folder(*path)):
            raise Forbidden(f"a folder cannot have this name: {path[-1][:80]!r}")
        return found

    @contextmanager
    def home_locks(self, *owners: str) -> Iterator[None]:
        """Hold what guards the books and properties of these homes."""
        with ExitStack() as stack:
            for owner in sorted({*owners}):
                stack.enter_context(Lock(self.root.state(owner, f".{leaving.LOCK}")).within())
            yield

    def properties_lock(self, owner: str) -> AbstractContextManager[None]:
        """Hold what guards reading the properties in a home, and saving them changed.

        Taken before the home's own lock, under which they are written.
        """
        return Lock(self.root.state(owner, ".properties.lock")).within()

    @contextmanager
    def replacing(
        self, owner: str, name: str, overwrite: bool, cause: Cause, *moving: Book
    ) -> Iterator[bool]:
        """Make room for a book, under its lock and those of *moving*; whether there was room.

        PreconditionFailed.
        """
        path = self.new_path(owner, name)
        there = inode(path) is not None
        if there and not overwrite:
            raise PreconditionFailed("there is a book already")
        replaced = [self.book(AddressBook(owner, name))] if there else []
        with locked(*moving, *replaced):
            away = self.put_away(owner, name, path if there else None, cause)
            try:
                yield not there
            except (OSError, Error):
                if there:
                    deleted.bring_back(self.root, deleted.Deleted.at(away))
                raise
            finally:
                self.drop(path)

    def put_away(
        self, owner: str, name: str, path: str | None = None, cause: Cause | None = None
    ) -> str:
        """Move what is left of a book to where deleted books are kept, and say where that is."""
        stamp = f"{journal.now()}-{secrets.token_hex(3)}"
        away = self.root.state(deleted.FOLDER, owner, name, stamp)
        if path and cause:
            files.make_folders(away)
            deleted.sign(away, cause)
            self.relocate(owner, name, os.path.join(away, deleted.CARDS), away)
        else:
            leaving.move(self.root.state(owner, name), away)
        return away

    def relocate(self, owner: str, name: str, folder: str, state: str) -> None:
        """Move a book, and what is known of it, elsewhere.  OSError, and it has not moved."""
        mine = self.root.state(owner, name)
        leaving.go(mine, self.path(owner, name), folder, state)
        try:
            leaving.finish(mine)
        except OSError as error:
            log.warning("%s: it is done when somebody asks for the book: %s", mine, error)

    def check_nothing_vanished(self, owner: str) -> None:
        """Unavailable when a home is gone that had cards: it must not be made anew."""
        for name in self.vanished(owner):
            try:
                self.book(AddressBook(owner, name)).fresh()
            except NotFound:
                continue
            raise Unavailable(f"the home of {owner} has vanished: put it back")


def create(
    path: str, values: dict[str, Any], inside: Mapping[str, dict[str, Any]] | None = None
) -> None:
    """Make a folder with its properties, and folders *inside*, whole or not at all.  Conflict."""
    with new_folder(path, values) as making:
        for name, its in (inside or {}).items():
            os.mkdir(os.path.join(making, name), mode=0o700)
            properties.write(os.path.join(making, name), its)
            files.sync_folder(making)
        os.rename(making, path)
    files.sync_folder(os.path.dirname(path))


@contextmanager
def new_folder(path: str, values: dict[str, Any]) -> Iterator[str]:
    """A hidden folder with these properties beside *path*; it goes if it is not renamed to it."""
    making = os.path.join(os.path.dirname(path), f"{NEW_FOLDER}{secrets.token_hex(8)}")
    os.mkdir(making, mode=0o700)
    try:
        properties.write(making, values)
        yield making
    except NotADirectoryError as error:
        raise Conflict("a file is in the way") from error
    finally:
        shutil.rmtree(making, ignore_errors=True)
