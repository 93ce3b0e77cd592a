"""An engine that keeps all in memory: for tests, and as the shortest statement of the interface."""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from ..dav.errors import InvalidSyncToken, NotFound, PreconditionFailed, UidConflict
from ..dav.headers import Condition
from ..model import AddressBook, Author, Card, Changes, Entry, Home, Lock, encode
from . import check, etag, same_uid


@dataclass
class _Book:
    about: AddressBook
    cards: dict[str, tuple[Card, str | None]] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)  # names, as they changed; a position is a token
    revision: int = 0
    texts: dict[str, dict[str, bytes]] = field(default_factory=dict)  # by form and etag
    derived: dict[str, bytes] = field(default_factory=dict)


class MemoryStore:
    """Books in dictionaries, behind one lock."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._homes: dict[str, Home] = {}
        self._locks: dict[str, tuple[Lock, ...]] = {}
        self._books: dict[tuple[str, str], _Book] = {}
        self._incarnations = 0  # a book made anew is another book: its old tokens are unknown

    def owners(self) -> list[str]:
        return sorted(self._homes)

    def home(self, owner: str) -> Home | None:
        return self._homes.get(owner)

    @contextmanager
    def changing_properties(self, owner: str) -> Iterator[None]:
        with self._lock:
            yield

    def save_home(self, home: Home) -> None:
        self._homes[home.owner] = home

    def books(self, owner: str) -> list[AddressBook]:
        with self._lock:
            names = [name for kept, name in self._books if kept == owner]
        return [book for name in names if (book := self.book(owner, name))]

    def book(self, owner: str, name: str) -> AddressBook | None:
        with self._lock:
            kept = self._books.get((owner, name))
            return self._snapshot(kept) if kept else None

    def save_book(self, book: AddressBook) -> None:
        with self._lock:
            if kept := self._books.get((book.owner, book.name)):
                kept.about = replace(book, token=kept.about.token)
                return
            self._homes.setdefault(book.owner, Home(book.owner))
            self._books[book.owner, book.name] = _Book(self._anew(book))

    def delete_book(self, book: AddressBook, author: Author) -> None:
        with self._lock:
            del self._books[book.owner, book.name]

    def move_book(
        self, book: AddressBook, owner: str, name: str, overwrite: bool, author: Author
    ) -> bool:
        with self._lock:
            kept = self._kept(book)
            created = self._make_room(owner, name, overwrite)
            kept.about = self._anew(replace(kept.about, owner=owner, name=name))
            # It keeps its place among the others: macOS uses only the first.
            self._books = {(it.about.owner, it.about.name): it for it in self._books.values()}
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
        with self._lock:
            kept = self._kept(book)
            created = self._make_room(owner, name, overwrite)
            copy = _Book(self._anew(replace(kept.about, owner=owner, name=name)))
            if cards:
                copy.cards, copy.log = dict(kept.cards), list(kept.cards)
            self._books[owner, name] = copy
            return created

    def _make_room(self, owner: str, name: str, overwrite: bool) -> bool:
        there = (owner, name) in self._books
        if there and not overwrite:
            raise PreconditionFailed("there is a book already")
        self._books.pop((owner, name), None)
        return not there

    def entries(self, book: AddressBook, names: Collection[str] | None = None) -> Iterator[Entry]:
        for card in self._found(book, names):
            yield Entry(book, card.name, card.etag, card.size, card.modified, card.dead)

    def cards(self, book: AddressBook, names: Collection[str] | None = None) -> Iterator[Card]:
        for card in self._found(book, names):
            yield replace(card, book=book)

    def _found(self, book: AddressBook, names: Collection[str] | None) -> Iterator[Card]:
        with self._lock:
            found = dict(self._kept(book).cards)
        for name in sorted(found) if names is None else names:
            if name in found:
                yield found[name][0]

    def texts(self, book: AddressBook, form: str, etags: Iterable[str]) -> dict[str, bytes]:
        with self._lock:
            known = self._kept(book).texts.get(form, {})
            return {etag: known[etag] for etag in etags if etag in known}

    def save_texts(self, book: AddressBook, form: str, texts: Mapping[str, bytes]) -> None:
        with self._lock:
            kept = self._kept(book)
            known = {**kept.texts.get(form, {}), **texts}
            etags = {card.etag for card, _ in kept.cards.values()}
            kept.texts[form] = {etag: known[etag] for etag in etags & known.keys()}

    def recall(self, book: AddressBook, what: str) -> bytes | None:
        with self._lock:
            return self._kept(book).derived.get(what)

    def remember(self, book: AddressBook, what: str, data: bytes) -> None:
        with self._lock:
            self._kept(book).derived[what] = data

    def put(
        self,
        book: AddressBook,
        name: str,
        data: bytes,
        uid: str | None,
        condition: Condition,
        author: Author,
    ) -> tuple[Entry, bool]:
        with self._lock:
            kept = self._kept(book)
            old = self._check(kept, name, uid, condition)
            dead = old.dead if old else ()
            card = Card(kept.about, name, etag(data), len(data), time.time(), dead, data)
            self._place(kept, card, uid)
            return card, old is None

    def _check(
        self,
        kept: _Book,
        name: str,
        uid: str | None,
        condition: Condition,
        leaving: str | None = None,
    ) -> Card | None:
        """The card at *name*, when one with *uid* may come there while *leaving* goes."""
        old, old_uid = kept.cards.get(name, (None, None))
        check(condition, old)
        if old and not same_uid(uid, old_uid):
            raise UidConflict(kept.about.path + encode(name))
        for other, (_, theirs) in kept.cards.items():
            if theirs is not None and theirs == uid and other not in (name, leaving):
                raise UidConflict(kept.about.path + encode(other))
        return old

    @staticmethod
    def _place(kept: _Book, card: Card, uid: str | None) -> None:
        kept.cards[card.name] = card, uid
        kept.log.append(card.name)

    def delete(self, entry: Entry, condition: Condition, author: Author) -> None:
        with self._lock:
            kept = self._kept(entry.book)
            check(condition, self._card(entry)[0])
            del kept.cards[entry.name]
            kept.log.append(entry.name)

    def move(
        self,
        entry: Entry,
        book: AddressBook,
        name: str,
        condition: Condition,
        there: Condition,
        author: Author,
    ) -> tuple[Entry, bool]:
        with self._lock:
            source, target = self._kept(entry.book), self._kept(book)
            card, uid = self._card(entry)
            check(condition, card)
            leaving = entry.name if source is target else None
            old = self._check(target, name, uid, there, leaving)
            del source.cards[entry.name]
            source.log.append(entry.name)
            moved = replace(card, book=target.about, name=name)
            self._place(target, moved, uid)
            return moved, old is None

    def save_entry(self, entry: Entry) -> None:
        with self._lock:
            card, uid = self._card(entry)
            kept = self._kept(entry.book)
            kept.cards[entry.name] = replace(card, dead=entry.dead), uid
            kept.revision += 1

    def changes(self, book: AddressBook, since: str | None, limit: int | None = None) -> Changes:
        with self._lock:
            kept = self._kept(book)
            start = self._position(kept, since)
            # A name stands where it changed last; a token in between names what came before it.
            last = {name: position + 1 for position, name in enumerate(kept.log)}
            touched = sorted((at, name) for name, at in last.items() if at > start)
            if since is None:
                touched = [(at, name) for at, name in touched if name in kept.cards]
            sent = touched[:limit]
            names = [name for _, name in sent]
            end = sent[-1][0] if sent and len(sent) < len(touched) else len(kept.log)
            return Changes(
                tuple(name for name in names if name in kept.cards),
                tuple(name for name in names if name not in kept.cards),
                self._token(kept, end),
                more=len(sent) < len(touched),
            )

    def locks(self, owner: str) -> tuple[Lock, ...]:
        return self._locks.get(owner, ())

    def change_locks(
        self, owner: str, change: Callable[[tuple[Lock, ...]], tuple[Lock, ...]]
    ) -> None:
        with self._lock:
            self._locks[owner] = change(self.locks(owner))

    def _kept(self, book: AddressBook) -> _Book:
        try:
            return self._books[book.owner, book.name]
        except KeyError:
            raise NotFound("no such book") from None

    def _card(self, entry: Entry) -> tuple[Card, str | None]:
        """The card as it is now, and its UID.  NotFound."""
        try:
            return self._kept(entry.book).cards[entry.name]
        except KeyError:
            raise NotFound("no such card") from None

    def _anew(self, book: AddressBook) -> AddressBook:
        self._incarnations += 1
        return replace(book, token=str(self._incarnations))

    def _snapshot(self, kept: _Book) -> AddressBook:
        size = sum(card.size for card, _ in kept.cards.values())
        revision = str(kept.revision)
        return replace(kept.about, token=self._token(kept), revision=revision, size=size)

    @staticmethod
    def _token(kept: _Book, position: int | None = None) -> str:
        return f"{kept.about.token}-{len(kept.log) if position is None else position}"

    @staticmethod
    def _position(kept: _Book, since: str | None) -> int:
        if since is None:
            return 0
        incarnation, _, position = since.partition("-")
        known = incarnation == kept.about.token and position.isascii() and position.isdigit()
        if not known or len(position) > 18 or int(position) > len(kept.log):
            raise InvalidSyncToken("this book was never in that state")
        return int(position)
