"""Taking over the address books of another server: the same hrefs, UIDs and octets.

A client that knows a card by its href and UID must find it again, or it has the contact twice.  A
second run takes what has come or changed there since, and leaves alone what was changed or deleted
here.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from ..dav.errors import (
    Error,
    Forbidden,
    InsufficientStorage,
    NotFound,
    QuotaExceeded,
    UidConflict,
    Unavailable,
)
from ..dav.headers import Condition
from ..dav.names import NAMESPACES
from ..dav.xml import split
from ..model import AddressBook, Author, encode
from ..protocol import urls
from ..protocol.context import Limits
from ..protocol.methods import proppatch
from ..protocol.registry import prop
from ..store import etag
from ..store.filesystem import FilesystemStore, names
from .faithful import Storable, storable, with_own_uid
from .memory import Memory, Taken
from .report import Fate, Outcome
from .servers import Fetched, Listed, Source, SourceBook

# What servers say of a book by themselves, in namespaces of their own.
_LIVE = {
    "http://apache.org/dav/props/",
    "http://sabredav.org/ns",
    "http://owncloud.org/ns",
    "http://nextcloud.com/ns",
    "http://nextcloud.org/ns",
    "http://radicale.org/ns/",
    "http://me.com/_namespace/",
    "http://xandikos.org/ns",
    "https://bitfire.at/webdav-push",
}
_STANDARD = {namespace.uri for namespace in NAMESPACES} | _LIVE


@dataclass(frozen=True)
class Plan:
    """What is to be done for one address book: *target* is where, *new* whether it is made."""

    book: SourceBook
    target: AddressBook
    new: bool
    listed: tuple[Listed, ...]


@dataclass(frozen=True)
class Migration:
    """From *source* into the home of *owner*; with *dry_run* everything but the writing."""

    source: Source
    store: FilesystemStore
    owner: str
    author: Author
    limits: Limits
    dry_run: bool = False

    def plans(self, only: Collection[str] = ()) -> Iterator[Plan]:
        """What there is, or *only* the books of these names; nothing is changed yet.

        ClientError, SourceUnreadable; NotFound when one of these is not there.
        """
        taken: set[str] = set()
        books = self.source.books()
        if missing := set(only) - {book.name for book in books}:
            known = ", ".join(book.name for book in books)
            raise NotFound(f"there is no address book {', '.join(missing)} there, but {known}")
        for book in books:
            if only and book.name not in only:
                continue
            name = _free(_book_name(book.name), taken)
            taken.add(name)
            there = self.store.book(self.owner, name)
            listed = tuple(_once(self.source.listing(book)))
            yield Plan(book, there or AddressBook(self.owner, name), there is None, listed)

    def run(self, plan: Plan) -> Iterator[Outcome]:
        """What became of each card, as soon as that is certain.

        ClientError or SourceUnreadable when the source ends early, InsufficientStorage or
        Unavailable when the storage does: everything before that is done.
        """
        target = plan.target if self.dry_run else self._ready(plan)
        here = self._here(plan)
        wanted = []
        for item in plan.listed:
            if outcome := here.settled(item):
                yield outcome
            else:
                wanted.append(item)
        for fetched in self.source.fetch(plan.book, wanted):
            yield self._take(target, fetched, here)

    def _ready(self, plan: Plan) -> AddressBook:
        """The book to put cards into: it is called as it was, unless somebody here has used it."""
        target = plan.target
        unused = plan.new or not any(self.store.entries(target))
        if unused or not (target.displayname or target.description or target.dead):
            self.store.save_book(with_properties(target, plan.book, self.limits))
        return self.store.book(target.owner, target.name) or target

    def _here(self, plan: Plan) -> "_Here":
        target, quota = plan.target, self.limits.quota
        entries = [] if plan.new else list(self.store.entries(target))
        state = self.store.root.state(target.owner, target.name)
        used = sum(book.size for book in self.store.books(self.owner)) if quota else 0
        return _Here(
            {entry.name: entry.etag for entry in entries},
            Memory(state, plan.book.place),
            max(0, quota - used) if quota else None,
        )

    def _take(self, target: AddressBook, fetched: Fetched, here: "_Here") -> Outcome:
        item = fetched.listed
        if fetched.problem:
            return Outcome(item.href, Fate.REFUSED, fetched.problem)
        try:
            card = storable(fetched.data, self.limits.max_resource_size)
            card, fate = self._put_somehow(target, _name(item), card, here)
        except (InsufficientStorage, Unavailable):
            raise
        except Error as error:
            return Outcome(item.href, Fate.REFUSED, str(error))
        if fate is Fate.SKIPPED:
            return Outcome(item.href, fate, "another card has this name here")
        if not self.dry_run:
            here.memory.add(_name(item), Taken(item.version, etag(card.data)))
        renamed = "" if _name(item) == item.name else f"here its name is {_name(item)}"
        remark = "; ".join(filter(None, (card.remark, renamed)))
        return Outcome(item.href, fate, remark, bool(card.remark))

    def _put_somehow(
        self, target: AddressBook, name: str, card: Storable, here: "_Here"
    ) -> tuple[Storable, Fate]:
        """Many servers let two cards have one UID: both are kept (RFC 6352 §5.1 wants two)."""
        try:
            return card, self._put(target, name, card, here)
        except UidConflict as error:
            other = with_own_uid(card, name, error.path)
            return other, self._put(target, name, other, here)

    def _put(self, target: AddressBook, name: str, card: Storable, here: "_Here") -> Fate:
        new, old = etag(card.data), here.etags.get(name)
        if old == new:
            return Fate.UNCHANGED
        if old and not here.is_as_taken(name):
            return Fate.SKIPPED
        here.reserve(len(card.data))
        if not self.dry_run:
            condition = Condition(if_match=old) if old else Condition(if_none_match="*")
            self.store.put(target, name, card.data, card.uid, condition, self.author)
        here.etags[name] = new
        return Fate.UPDATED if old else Fate.ADDED


@dataclass
class _Here:
    """A book here: the etags of its cards by name, what came of them, and the octets left."""

    etags: dict[str, str]
    memory: Memory
    room: int | None

    def settled(self, item: Listed) -> Outcome | None:
        """What can be said without looking at the card."""
        if item.problem:
            return Outcome(item.href, Fate.REFUSED, item.problem)
        name = _name(item)
        if (taken := self.memory.get(name)) is None:
            return None
        same = bool(item.version) and item.version == taken.version
        if name not in self.etags:
            return Outcome(item.href, Fate.SKIPPED, "it was deleted here") if same else None
        if same:
            return Outcome(item.href, Fate.UNCHANGED)
        if not self.is_as_taken(name):
            return Outcome(item.href, Fate.SKIPPED, "it was changed there, but here as well")
        return None

    def is_as_taken(self, name: str) -> bool:
        taken = self.memory.get(name)
        return taken is not None and taken.etag == self.etags.get(name)

    def reserve(self, size: int) -> None:
        """QuotaExceeded."""
        if self.room is None:
            return
        if size > self.room:
            raise QuotaExceeded("there is no more room for the contacts of this user: its quota")
        self.room -= size


def _once(listed: Iterable[Listed]) -> Iterator[Listed]:
    """Each name for one card: the first, because one of them must be left out."""
    names: set[str] = set()
    for item in listed:
        twice = not item.problem and item.name in names
        yield replace(item, problem="there are two cards of this name") if twice else item
        names.add(item.name)


def with_properties(target: AddressBook, book: SourceBook, limits: Limits) -> AddressBook:
    """The book with the properties that clients have set there, as far as they fit."""
    live = {item.tag: prop.find(item.tag, AddressBook) for item in book.props}
    for item in book.props:
        known = live[item.tag]
        if known.set is None if known else split(item.tag)[0] in _STANDARD:
            continue
        try:
            target = proppatch.apply(target, [(item.tag, item)], limits)
        except QuotaExceeded:
            continue
    return target


def _name(item: Listed) -> str:
    """The name of a card: the one it had, wherever it can have that here."""
    with suppress(Forbidden):
        if urls.place(f"/-/-/{encode(item.name)}", "") and names.file_of(item.name):
            return item.name
    return f"{hashlib.sha256(item.name.encode(errors='replace')).hexdigest()[:32]}.vcf"


def _book_name(name: str) -> str:
    possible = name and urls.place(f"/-/{encode(name)}/-", "")
    return name if possible else "contacts"


def _free(name: str, taken: Collection[str]) -> str:
    number = 1
    while (free := f"{name}-{number}" if number > 1 else name) in taken:
        number += 1
    return free
