"""An engine that keeps all in memory: for tests, and as the shortest statement of the interface."""

import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

from ..dav.errors import InvalidSyncToken, NotFound, PreconditionFailed, UidConflict
from ..dav.headers import Condition
from ..model import AddressBook, Author, Card, Changes, Entry, Home
from . import etag, same_uid


@dataclass
class _Book:
    about: AddressBook
    cards: dict[str, tuple[Card, str | None]] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)  # names, as they changed; a position is a token


class MemoryStore:
    """Books in dictionaries, behind one lock."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._homes: dict[str, Home] = {}
        self._books: dict[tuple[str, str], _Book] = {}
        self._incarnations = 0  # a book made anew is another book: its old tokens are unknown

    def owners(self) -> list[str]:
        return sorted(self._homes)

    def home(self, owner: str) -> Home | None:
        return self._homes.get(owner)

    def save_home(self, home: Home) -> None:
        self._homes[home.owner] = home

    def books(self, owner: str) -> list[AddressBook]:
        with self._lock:
            names = [name for kept, name in self._books if kept == owner]
        return [book for name in names if (book := self.book(owner, name))]

    def book(self, owner: str, name: str) -> AddressBook | None:
        with self._lock:
            kept = self._books.get((owner, name))
            return replace(kept.about, token=self._token(kept)) if kept else None

    def save_book(self, book: AddressBook) -> None:
        with self._lock:
            if kept := self._books.get((book.owner, book.name)):
                kept.about = replace(book, token=kept.about.token)
                return
            self._homes.setdefault(book.owner, Home(book.owner))
            self._incarnations += 1
            fresh = replace(book, token=str(self._incarnations))
            self._books[book.owner, book.name] = _Book(fresh)

    def delete_book(self, book: AddressBook, author: Author) -> None:
        with self._lock:
            del self._books[book.owner, book.name]

    def entries(self, book: AddressBook, names: Collection[str] | None = None) -> Iterator[Entry]:
        for card in self.cards(book, names):
            yield Entry(book, card.name, card.etag, card.size, card.modified)

    def cards(self, book: AddressBook, names: Collection[str] | None = None) -> Iterator[Card]:
        with self._lock:
            found = dict(self._kept(book).cards)
        for name in sorted(found) if names is None else names:
            if name in found:
                yield replace(found[name][0], book=book)

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
            old, old_uid = kept.cards.get(name, (None, None))
            self._check(condition, old)
            if old and not same_uid(uid, old_uid):
                raise UidConflict(old.path)
            for other, (card, theirs) in kept.cards.items():
                if theirs is not None and theirs == uid and other != name:
                    raise UidConflict(card.path)
            card = Card(kept.about, name, etag(data), len(data), time.time(), data)
            kept.cards[name] = card, uid
            kept.log.append(name)
            return card, old is None

    def delete(self, entry: Entry, condition: Condition, author: Author) -> None:
        with self._lock:
            kept = self._kept(entry.book)
            if entry.name not in kept.cards:
                raise NotFound("no such card")
            self._check(condition, kept.cards[entry.name][0])
            del kept.cards[entry.name]
            kept.log.append(entry.name)

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

    def _kept(self, book: AddressBook) -> _Book:
        try:
            return self._books[book.owner, book.name]
        except KeyError:
            raise NotFound("no such book") from None

    @staticmethod
    def _check(condition: Condition, current: Entry | None) -> None:
        etag, modified = (current.etag, current.modified) if current else (None, None)
        if not condition.holds(etag, modified):
            raise PreconditionFailed("the card is not as you think", etag)

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
