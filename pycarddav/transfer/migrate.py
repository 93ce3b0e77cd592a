"""Taking over the address books of another server: the same hrefs, UIDs and octets.

A client that knows a card by its href and UID must find it again, or it has the contact twice.  A
second run takes what has come or changed there since, and leaves alone what was changed or deleted
here.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import repeat

from ..dav.errors import Error, InsufficientStorage, NotFound, QuotaExceeded, Unavailable
from ..dav.names import NAMESPACES
from ..dav.xml import split
from ..model import AddressBook, Author, encode
from ..protocol import urls
from ..protocol.context import Limits
from ..protocol.methods import proppatch
from ..protocol.registry import prop
from ..store import bare_uid
from ..store.filesystem import FilesystemStore
from .drafts import Draft, Here, batches, name_of
from .memory import Memory
from .report import Fate, Outcome
from .servers import Listed, Source, SourceBook

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

    def run(
        self, plan: Plan, reason: str, stopped: Callable[[], bool] = lambda: False
    ) -> Iterator[Outcome]:
        """What became of each card, as soon as that is certain, until somebody has *stopped* it.

        ClientError or SourceUnreadable when the source ends early, InsufficientStorage or
        Unavailable when the storage does: everything before that is done.
        """
        target = plan.target if self.dry_run else self._ready(plan)
        here = self._here(plan, target)
        wanted = []
        for item in plan.listed:
            if outcome := here.settled(item):
                yield outcome
            else:
                wanted.append(item)
        drafts = (
            here.draft(fetched, self.limits.max_resource_size)
            for fetched in self.source.fetch(plan.book, wanted)
        )
        for batch in batches(drafts, stopped):
            yield from self._save(target, batch, here, reason)

    def _ready(self, plan: Plan) -> AddressBook:
        """The book to put cards into: it is called as it was, unless somebody here has used it."""
        target = plan.target
        unused = plan.new or not any(self.store.entries(target))
        if unused or not (target.displayname or target.description or target.dead):
            self.store.save_book(with_properties(target, plan.book, self.limits))
        return self.store.book(target.owner, target.name) or target

    def _here(self, plan: Plan, target: AddressBook) -> Here:
        quota = self.limits.quota
        members = {} if plan.new else self.store.opened(target).trusted().members
        state = self.store.root.state(target.owner, target.name)
        used = sum(book.size for book in self.store.books(self.owner)) if quota else 0
        return Here(
            {name: member.etag for name, member in members.items()},
            {bare_uid(member.uid): name for name, member in members.items() if member.uid},
            Memory(state, plan.book.place),
            max(0, quota - used) if quota else None,
        )

    def _save(
        self, target: AddressBook, batch: list[Draft], here: Here, reason: str
    ) -> Iterator[Outcome]:
        """Do what is drafted, for one sync of the disk."""
        errors: Iterator[Error | None] = repeat(None)
        if not self.dry_run and (many := [draft.wanted for draft in batch if draft.wanted]):
            errors = iter(self.store.change(target, many, self.author, reason))
        failure = None
        for draft in batch:
            error = next(errors) if draft.wanted else None
            if isinstance(error, InsufficientStorage | Unavailable):  # it will come another time
                failure = error
                continue
            if error:
                yield replace(draft.outcome, fate=Fate.REFUSED, remark=str(error), repaired=False)
                continue
            if draft.taken and not self.dry_run:
                here.memory.add(name_of(draft.item), draft.taken)
            yield draft.outcome
        if failure:
            raise failure


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


def _book_name(name: str) -> str:
    possible = name and urls.place(f"/-/{encode(name)}/-", "")
    return name if possible else "contacts"


def _free(name: str, taken: Collection[str]) -> str:
    number = 1
    while (free := f"{name}-{number}" if number > 1 else name) in taken:
        number += 1
    return free
