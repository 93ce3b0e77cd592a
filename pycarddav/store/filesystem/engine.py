"""Address books as folders of .vcf files: ``<folder>/<owner>/<book>/<name>.vcf``.

What the server needs beside the cards lies in ``<folder>/.pycarddav/<owner>/<book>/``.
"""

import logging
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ... import haste
from ...dav.errors import CardUnavailable, Error, NotFound
from ...dav.headers import NEW, Condition
from ...model import AddressBook, Author, BrokenCard, Card, Changes, Dead, Entry, Home, Lock
from . import (
    deleted,
    derived,
    files,
    health,
    housekeeping,
    leftovers,
    names,
    promises,
    properties,
    shelf,
)
from .book import Book, Wanted
from .health import Tally
from .journal import Cause, now
from .members import Member
from .properties import Properties
from .retention import Retention
from .root import Root, folders, inode
from .shelf import Shelf
from .watch import Choice, Watches

log = logging.getLogger(__name__)

_LOCKS = ".locks.json"
_AWHILE = 0.25  # seconds, each time, in which cards are made ready


class FilesystemStore:
    """The books below *folder*, which is made when it is not there.

    Unavailable when there is something else than a storage.
    """

    def __init__(self, folder: Path, watch: Choice = "auto", keep: Retention | None = None) -> None:
        self._keep = keep or Retention()
        self.root = Root(folder)
        self._shelf = Shelf(self.root, Watches(watch))
        self._properties: dict[str, Properties] = {}

    def close(self) -> None:
        """Remember what is known, for a quick start.  Nothing is lost without it."""
        self._shelf.close()

    def tidy(self) -> None:
        """What is to be done now and then: see housekeeping.  Requests go on meanwhile."""
        for kept in self._shelf.open_books():
            try:
                housekeeping.tidy(kept, self._keep)
            except (Error, ValueError) as error:  # of one book, the others know nothing
                log.warning("%s: not tidied: %s", kept.path, error)
        since = datetime.now(UTC) - timedelta(days=self._keep.days)
        for folder in self.folders():
            leftovers.clean(folder, since.timestamp())
        deleted.drop(self.root, since)

    def keep_up(self) -> None:
        """What is to be done every few seconds: see housekeeping.  It ends at once mostly."""
        for kept in self._shelf.open_books():
            try:
                housekeeping.keep_up(kept)
            except Error as error:
                log.warning("%s: not copied to the history: %s", kept.path, error)
        until = time.monotonic() + _AWHILE
        for kept in self._shelf.open_books():
            housekeeping.make_ready(kept, until)

    def folders(self) -> list[str]:
        """The folders beside those of the books: the storage's, the homes', and their states'."""
        with files.trouble(self.root.path):
            owners = folders(self.root.path)
            homes = [self._shelf.path(owner) for owner in owners]
            states = [self.root.state(owner) for owner in owners]
        return [self.root.path, self.root.state(), *homes, *states]

    def check_room(self) -> None:
        """InsufficientStorage when the disk is nearly full; Unavailable when there is none."""
        self._shelf.check()
        health.check_room(self.root.path)

    def check_writable(self) -> None:
        """Try it.  InsufficientStorage; Unavailable."""
        self._shelf.check()
        health.check_writable(self.root.state())

    def tally(self) -> Tally:
        """How much there is, but for books that cannot be looked at now.  Unavailable."""
        owners = self.owners()
        found = []
        with files.trouble("the storage"):
            places = [(owner, name) for owner in owners for name in self._shelf.names(owner)]
            left = health.free(os.statvfs(self.root.path))
        for owner, name in places:
            with suppress(Error):
                found.append(self._shelf.book(AddressBook(owner, name)).fresh())
        cards = sum(len(snapshot.members) for snapshot in found)
        octets = sum(snapshot.size for snapshot in found)
        return Tally(len(owners), len(found), cards, octets, left)

    def opened(self, book: AddressBook) -> Book:
        """The book as history, restore and verify need it.  NotFound."""
        kept = self._shelf.book(book)
        kept.fresh()
        return kept

    def owners(self) -> list[str]:
        self._shelf.check()
        with files.trouble("the homes"):
            return sorted(folders(self._shelf.path()))

    @haste.once
    def home(self, owner: str) -> Home | None:
        self._shelf.check()
        with files.trouble(f"the home of {owner}"):
            if not (path := self.root.folder(owner)):
                return None
            if not inode(path):
                self._shelf.check_nothing_vanished(owner)
                return None
            values = self._read_properties(path)
        return Home(owner, values.get("displayname"), values.get("dead", ()))

    def changing_properties(self, owner: str) -> AbstractContextManager[None]:
        return self._shelf.properties_lock(owner)

    def save_home(self, home: Home) -> None:
        path = self._shelf.new_path(home.owner)
        values = _of_home(home)
        exists = self.home(home.owner) is not None
        with files.trouble(home.path), self._shelf.home_locks(home.owner):
            if exists or inode(path):
                properties.write(path, values)
            else:
                shelf.create(path, values)

    def books(self, owner: str) -> list[AddressBook]:
        if self.home(owner) is None:
            return []
        with files.trouble(f"the home of {owner}"):
            by_age = sorted((self._created(owner, name), name) for name in self._shelf.names(owner))
        return [book for _, name in by_age if (book := self.book(owner, name))]

    @haste.once
    def book(self, owner: str, name: str) -> AddressBook | None:
        about = AddressBook(owner, name)
        try:
            snapshot = self._shelf.book(about).fresh()
        except NotFound:
            return None
        with files.trouble(about.path):
            values = self._read_properties(self._shelf.path(owner, name))
        return AddressBook(
            owner,
            name,
            snapshot.token,
            values.get("displayname"),
            values.get("description"),
            values.get("dead", ()),
            values.get("language"),
            f"{values.get('revision', '')}-{snapshot.times}",
            snapshot.size,
        )

    def save_book(self, book: AddressBook) -> None:
        path, home = self._shelf.new_path(book.owner, book.name), self.home(book.owner)
        with files.trouble(book.path), self._shelf.home_locks(book.owner):
            if not home and not inode(at := self._shelf.path(book.owner)):
                self._shelf.put_away(book.owner, book.name)
                shelf.create(at, _of_home(Home(book.owner)), {book.name: _values(book)})
            elif self.book(book.owner, book.name):
                properties.write(path, _values(book))
            else:
                self._shelf.put_away(book.owner, book.name)
                shelf.create(path, _values(book))

    def delete_book(self, book: AddressBook, author: Author) -> None:
        kept, path = self._shelf.book(book), self._path(book)
        with files.trouble(book.path), self._shelf.home_locks(book.owner), kept.locked():
            cause = Cause(now(), "delete", author)
            self._shelf.put_away(book.owner, book.name, path if inode(path) else None, cause)
            files.sync_folder(os.path.dirname(path))
        self._shelf.drop(path)

    def move_book(
        self, book: AddressBook, owner: str, name: str, overwrite: bool, author: Author
    ) -> bool:
        kept, source = self._shelf.book(book), self._path(book)
        target = self._shelf.new_path(owner, name)
        kept.trusted()
        self._make_home(owner)
        with files.trouble(book.path), self._shelf.home_locks(book.owner, owner):
            cause = Cause(now(), "move", author)
            with self._shelf.replacing(owner, name, overwrite, cause, kept) as created:
                state = self.root.state(owner, name)
                self._shelf.relocate(book.owner, book.name, target, state)
            files.sync_folder(os.path.dirname(target))
            files.sync_folder(os.path.dirname(source))
        self._shelf.drop(source)
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
        kept, target = self._shelf.book(book), self._shelf.new_path(owner, name)
        values = _values(book) | ({"cards": self._dead(book)} if cards else {})
        self._make_home(owner)
        with files.trouble(book.path), shelf.new_folder(target, values) as making:
            if cards:
                _copy(kept, making)
            cause = Cause(now(), "copy", author)
            with (
                self._shelf.home_locks(owner),
                self._shelf.replacing(owner, name, overwrite, cause) as created,
            ):
                os.rename(making, target)
            files.sync_folder(os.path.dirname(target))
            self._shelf.book(AddressBook(owner, name)).fill(cause)
        return created

    def entries(self, book: AddressBook, names: Collection[str] | None = None) -> Iterator[Entry]:
        _in_haste_only_some(names)
        snapshot, dead = self._shelf.known(book).trusted(), self._dead(book)
        for name in snapshot.names if names is None else names:
            if member := snapshot.members.get(name):
                yield _entry(book, name, member, dead)

    def cards(
        self, book: AddressBook, names: Collection[str] | None = None
    ) -> Iterator[Card | BrokenCard]:
        _in_haste_only_some(names)
        kept, dead = self._shelf.known(book), self._dead(book)
        for name in kept.trusted().names if names is None else names:
            try:
                found = kept.content(name)
            except CardUnavailable as error:
                if (member := kept.trusted().members.get(name)) is not None:
                    yield BrokenCard(**_facts(book, name, member, dead), why=str(error))
                continue
            if found:
                member, data = found
                yield Card(**_facts(book, name, member, dead), data=data)

    def texts(self, book: AddressBook, form: str, etags: Iterable[str]) -> dict[str, bytes]:
        return self._shelf.known(book).forms.texts(form).get(etags)

    def save_texts(self, book: AddressBook, form: str, texts: Mapping[str, bytes]) -> None:
        with suppress(Error):  # whoever reads a book that has just gone is not to hear of it here
            self._shelf.known(book).forms.save(form, texts)

    def recall(self, book: AddressBook, what: str) -> bytes | None:
        return derived.load(self._shelf.book(book).derived(what))

    def remember(self, book: AddressBook, what: str, data: bytes) -> None:
        with suppress(Error):
            derived.save(self._shelf.book(book).derived(what), data)

    def put(
        self,
        book: AddressBook,
        name: str,
        data: bytes,
        uid: str | None,
        condition: Condition,
        author: Author,
    ) -> tuple[Entry, bool]:
        member, created = self._shelf.book(book).put(name, data, uid, condition, author)
        if created:  # a card that went by other ways may have left its properties
            self._save_dead(book, name, ())
        return _entry(book, name, member, {} if created else self._dead(book)), created

    def delete(self, entry: Entry, condition: Condition, author: Author) -> None:
        self._shelf.book(entry.book).delete(entry.name, condition, author)
        self._save_dead(entry.book, entry.name, ())

    def change(
        self, book: AddressBook, many: Sequence[Wanted], author: Author, reason: str
    ) -> list[Error | None]:
        """As Book.change()."""
        done = self._shelf.book(book).change(many, author, reason)
        dead = self._dead(book)
        anew = {
            wanted.name
            for wanted, error in zip(many, done, strict=True)
            if not error and (wanted.data is None or wanted.condition == NEW)
        }
        if stale := anew & dead.keys():
            with files.trouble(book.path), self._shelf.home_locks(book.owner):
                properties.write_cards(self._path(book), dict.fromkeys(stale, ()))
        return done

    def move(
        self,
        entry: Entry,
        book: AddressBook,
        name: str,
        condition: Condition,
        there: Condition,
        author: Author,
    ) -> tuple[Entry, bool]:
        source, target = self._shelf.book(entry.book), self._shelf.book(book)
        dead = self._dead(entry.book).get(entry.name, ())
        member, created = target.take(source, entry.name, name, condition, there, author)
        self._save_dead(book, name, dead)
        self._save_dead(entry.book, entry.name, ())
        return _entry(book, name, member, {name: dead}), created

    def save_entry(self, entry: Entry) -> None:
        if entry.name not in self._shelf.book(entry.book).trusted().members:
            raise NotFound("no such card")
        self._save_dead(entry.book, entry.name, entry.dead)

    def changes(self, book: AddressBook, since: str | None, limit: int | None = None) -> Changes:
        return self._shelf.known(book).changes(since, limit)

    @haste.once
    def locks(self, owner: str) -> tuple[Lock, ...]:
        with files.trouble(f"the locks of {owner}"):
            return promises.read(self.root.state(owner, _LOCKS))

    def change_locks(
        self, owner: str, change: Callable[[tuple[Lock, ...]], tuple[Lock, ...]]
    ) -> None:
        path = self.root.state(owner, _LOCKS)
        with files.trouble(f"the locks of {owner}"), self._shelf.home_locks(owner):
            before = promises.read(path)
            after = change(before)
            if after != before:
                promises.write(path, after)

    def _path(self, book: AddressBook) -> str:
        return self._shelf.path(book.owner, book.name)

    def _make_home(self, owner: str) -> None:
        if self.home(owner) is None:
            self.save_home(Home(owner))

    def _dead(self, book: AddressBook) -> dict[str, Dead]:
        """The properties of the cards that have any."""
        with files.trouble(book.path):
            dead: dict[str, Dead] = self._read_properties(self._path(book)).get("cards", {})
        return dead

    def _save_dead(self, book: AddressBook, name: str, dead: Dead) -> None:
        if self._dead(book).get(name, ()) != dead:
            with files.trouble(book.path), self._shelf.home_locks(book.owner):
                properties.write_cards(self._path(book), {name: dead})

    def _read_properties(self, path: str) -> dict[str, Any]:
        return self._properties.setdefault(path, Properties(path)).read()

    def _created(self, owner: str, name: str) -> float:
        """When a book was made; a folder that came by other ways has no age, and is last."""
        created = self._read_properties(self._shelf.path(owner, name)).get("created")
        return created if isinstance(created, int | float) else float("inf")


def _of_home(home: Home) -> dict[str, Any]:
    return {"displayname": home.displayname, "dead": home.dead}


def _values(book: AddressBook) -> dict[str, Any]:
    return {
        "displayname": book.displayname,
        "description": book.description,
        "language": book.language,
        "dead": book.dead,
    }


def _entry(book: AddressBook, name: str, member: Member, dead: Mapping[str, Dead]) -> Entry:
    # As Entry() does it, in half the time: this is asked of every card of a listing.
    entry = object.__new__(Entry)
    entry.__dict__.update(_facts(book, name, member, dead))
    return entry


def _facts(
    book: AddressBook, name: str, member: Member, dead: Mapping[str, Dead]
) -> dict[str, Any]:
    return {
        "book": book,
        "name": name,
        "etag": member.etag,
        "size": member.size,
        "modified": member.mtime / 1e9,
        "dead": dead.get(name, ()),
    }


def _in_haste_only_some(names: Collection[str] | None) -> None:
    """WouldWait for all cards of a book, and for many."""
    if names is None or len(names) > haste.MANY:
        haste.wait()


def _copy(book: Book, folder: str) -> None:
    """Write the cards of a book into *folder*, each with the time when it was modified."""
    for name in book.trusted().names:
        if found := book.content(name):
            path = os.path.join(folder, names.file_of(name))
            files.write(path, found[1], sync=False)
            os.utime(path, ns=(found[0].mtime, found[0].mtime))
    os.sync()  # at once, because a thousand times fsync takes a thousand times as long
