"""The storage interface: everything the server needs of an engine, and nothing else.

owner   the name of the user in whose home a book is
book    an AddressBook: a snapshot; its token names the state of its cards at that moment
name    the last segment of a card's URL, decoded; any text without ``/``, NUL or a leading dot
entry   a card as a listing knows it; a Card is an entry with its content, a BrokenCard one whose
        content cannot be had at the moment: that one card is neither gone nor a reason to refuse
        the others
etag    quoted, strong, a hash of the stored bytes: equal bytes, equal etag
text    octets that somebody has made of the card with this etag, in a form of this name: derived,
        and may be forgotten at any time
token   opaque, of characters that a URI may hold; equal state, equal token while nothing happens
lock    what a client was promised (RFC 4918 §6): kept by the engine, heeded by whoever asks it

An engine returns snapshots, keeps the bytes it was given, and evaluates a Condition and the UID
rule in the same critical section as the change they guard: what is compared outside is compared
too early.  A method that changes something returns when the change will survive a power cut.
Every method raises Unavailable when the storage cannot be trusted at the moment, and the writing
ones InsufficientStorage when there is no room.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from ..dav.errors import PreconditionFailed
from ..dav.headers import Condition
from ..model import AddressBook, Author, BrokenCard, Card, Changes, Entry, Home, Lock


class Store(Protocol):
    """What an engine is."""

    def owners(self) -> list[str]:
        """Everyone who has a home."""

    def home(self, owner: str) -> Home | None:
        """The home of *owner*, if there is one."""

    def changing_properties(self, owner: str) -> AbstractContextManager[None]:
        """Hold off whoever else reads properties in this home to save them changed."""

    def save_home(self, home: Home) -> None:
        """Create the home, or replace its properties."""

    def books(self, owner: str) -> list[AddressBook]:
        """The books of a home, in an order that does not change; the oldest first.

        macOS uses only the first one.
        """

    def book(self, owner: str, name: str) -> AddressBook | None:
        """The book as it is now, if there is one."""

    def save_book(self, book: AddressBook) -> None:
        """Create the book, or replace its properties; what it says of its cards is ignored.

        Where there is no home it comes with the book: never one without the other.
        """

    def delete_book(self, book: AddressBook, author: Author) -> None:
        """Remove the book and its cards."""

    def move_book(
        self, book: AddressBook, owner: str, name: str, overwrite: bool, author: Author
    ) -> bool:
        """Give the book another place, in that of a book that is there; whether none was.

        PreconditionFailed when one is there and must not be overwritten.
        """

    def copy_book(
        self,
        book: AddressBook,
        owner: str,
        name: str,
        overwrite: bool,
        author: Author,
        cards: bool = True,
    ) -> bool:
        """As move_book(), of a copy with the book's properties, with or without its cards."""

    def entries(self, book: AddressBook, names: Collection[str] | None = None) -> Iterator[Entry]:
        """The entries of *names* that exist; all, in the order of their names, for None."""

    def cards(
        self, book: AddressBook, names: Collection[str] | None = None
    ) -> Iterator[Card | BrokenCard]:
        """As entries(), with their content; each etag is that of the very bytes."""

    def texts(self, book: AddressBook, form: str, etags: Iterable[str]) -> dict[str, bytes]:
        """What save_texts() was given for these etags, as far as it is still known."""

    def save_texts(self, book: AddressBook, form: str, texts: Mapping[str, bytes]) -> None:
        """Keep these texts of cards in the book, by etag, or do not."""

    def recall(self, book: AddressBook, what: str) -> bytes | None:
        """What remember() was given last of this name, if it is still known."""

    def remember(self, book: AddressBook, what: str, data: bytes) -> None:
        """Keep what was derived from all cards of the book, whatever becomes of them, or do not."""

    def put(
        self,
        book: AddressBook,
        name: str,
        data: bytes,
        uid: str | None,
        condition: Condition,
        author: Author,
    ) -> tuple[Entry, bool]:
        """The new entry, and whether it was created.

        PreconditionFailed when the condition does not hold; UidConflict when another card of the
        book has this UID, or the card at *name* has another one; NotFound when the book is gone.
        """

    def delete(self, entry: Entry, condition: Condition, author: Author) -> None:
        """Remove a card.  PreconditionFailed; NotFound when it is gone already."""

    def move(
        self,
        entry: Entry,
        book: AddressBook,
        name: str,
        condition: Condition,
        there: Condition,
        author: Author,
    ) -> tuple[Entry, bool]:
        """As put() of a card that is elsewhere, which takes its properties with it.

        *condition* is about the card, *there* about what is at *name*.  NotFound.
        """

    def save_entry(self, entry: Entry) -> None:
        """Replace the properties of a card.  A put() keeps them.  NotFound."""

    def changes(self, book: AddressBook, since: str | None, limit: int | None = None) -> Changes:
        """Everything (since None), or what happened after the token; at most *limit* names.

        InvalidSyncToken when the token does not name a state that this book was in.
        """

    def locks(self, owner: str) -> tuple[Lock, ...]:
        """The locks in a home, those that have expired among them."""

    def change_locks(
        self, owner: str, change: Callable[[tuple[Lock, ...]], tuple[Lock, ...]]
    ) -> None:
        """Replace the locks of a home by what *change* makes of them, with nobody in between.

        What *change* raises changes nothing.
        """


def etag(data: bytes) -> str:
    """The strong entity tag of these bytes: the same for every engine, process and machine."""
    return f'"{hashlib.sha256(data).hexdigest()[:32]}"'


def same_uid(one: str | None, other: str | None) -> bool:
    """Whether a card may replace another: eM Client adds ``urn:uuid:``, DAVx⁵ strips it."""
    return one is None or other is None or bare_uid(one) == bare_uid(other)


def bare_uid(uid: str) -> str:
    """What of a UID stays the same."""
    while uid[:9].lower() == "urn:uuid:":  # eM Client has been seen to write it twice
        uid = uid[9:]
    return uid


def check(condition: Condition, current: Entry | None) -> None:
    """PreconditionFailed when the condition does not hold of the card as it is."""
    etag, modified = (current.etag, current.modified) if current else (None, None)
    if not condition.holds(etag, modified):
        raise PreconditionFailed("the card is not as you think", etag)
