"""Remember what has been answered about a book and its cards, for as long as they stay as they are.

Delete a decorator of this module, and nothing but the clock notices.  What is answered depends on
the book (whose token changes with every card, and whose revision with the properties of one), on
what is wanted of it, on who asks, under which name of the server, on the limits, and on nothing
else where nothing is locked; where something is, the time that is left is another every second.
"""

from collections.abc import Callable, Collection, Hashable, Iterator
from dataclasses import fields, replace
from functools import wraps
from itertools import count
from operator import attrgetter
from typing import Concatenate, ParamSpec, Protocol

from .. import haste
from ..dav.xml import Fragment
from ..model import AddressBook, BrokenCard, Entry
from .compression import gzipped
from .context import Context
from .messages import Response
from .propfind import PropFind

P = ParamSpec("P")
Render = Callable[Concatenate[AddressBook, PropFind, Context, P], Response]


def prerendered(render: Render[P]) -> Render[P]:
    """Remember whole responses, as octets that are ready to be sent."""

    @wraps(render)
    def remembered(
        book: AddressBook, wanted: PropFind, ctx: Context, /, *args: P.args, **kwargs: P.kwargs
    ) -> Response:
        if ctx.locks(book.owner):
            return render(book, wanted, ctx, *args, **kwargs)
        gzip, kept = ctx.request.takes_gzip, ctx.caches.responses
        key = render, gzip, book.path, wanted, _asks(ctx)
        state = book, args, tuple(kwargs.items())  # an earlier one is not asked about again
        if (known := kept.get(key)) and known[0] == state:
            return known[1]
        haste.wait()
        found = render(book, wanted, ctx, *args, **kwargs)
        if gzip:
            found = gzipped(found)
        # Otherwise it tells of what has come since, and is never asked for again.
        stays = ctx.store.book(book.owner, book.name) == book and not ctx.unread
        if stays and isinstance(found.body, bytes):
            kept.put(key, (state, found), len(found.body) + wanted.size)
        return found

    return remembered


Answered = Iterator[tuple[Entry, Fragment]]


class Answer(Protocol):
    def __call__(
        self,
        book: AddressBook,
        wanted: PropFind,
        ctx: Context,
        names: Collection[str] | None = None,
    ) -> Answered: ...


def card_by_card(answer: Answer) -> Answer:
    """Remember the response of each card whose content was asked for.

    It is kept under the etag, a hash of that content: so it cannot be that of another state, and
    nothing has to be read.
    """

    @wraps(answer)
    def remembered(
        book: AddressBook, wanted: PropFind, ctx: Context, names: Collection[str] | None = None
    ) -> Answered:
        if not wanted.wants_content or ctx.locks(book.owner):
            return answer(book, wanted, ctx, names)
        return _recalled(answer, book, wanted, ctx, names)

    return remembered


AnswerOne = Callable[[Entry, PropFind, Context], Fragment]


def one_card(answer: AnswerOne) -> AnswerOne:
    """Remember the same of a card that has been read already, by a search."""

    @wraps(answer)
    def remembered(card: Entry, wanted: PropFind, ctx: Context) -> Fragment:
        broken = isinstance(card, BrokenCard)
        if broken or not wanted.wants_content or ctx.locks(card.book.owner):
            return answer(card, wanted, ctx)
        kept, key = ctx.caches.cards, (_kind(card.book, wanted, ctx), _FACTS(card))
        found = kept.get(key)
        if found is None:
            found = _octets(answer(card, wanted, ctx))
            kept.put(key, found, len(found) + _OVERHEAD)
        return found

    return remembered


_FACTS = attrgetter(*(field.name for field in fields(Entry) if field.name != "book"))
_OVERHEAD = 500  # octets of a key, its parts, and its place in the cache


def _recalled(
    answer: Answer,
    book: AddressBook,
    wanted: PropFind,
    ctx: Context,
    names: Collection[str] | None,
) -> Answered:
    kept, kind = ctx.caches.cards, _kind(book, wanted, ctx)
    entries = {entry.name: entry for entry in ctx.store.entries(book, names)}
    known = {name: kept.get((kind, _FACTS(entry))) for name, entry in entries.items()}
    missing = [name for name, response in known.items() if response is None]
    for entry, response in answer(book, wanted, ctx, missing) if missing else ():
        octets = _octets(response)
        entries[entry.name], known[entry.name] = entry, octets
        if not isinstance(entry, BrokenCard):
            kept.put((kind, _FACTS(entry)), octets, len(octets) + _OVERHEAD)
    for name, entry in entries.items():
        if found := known[name]:  # unless the card has just been deleted
            yield entry, found


def _octets(fragment: Fragment) -> bytes:
    return fragment if isinstance(fragment, bytes) else fragment.encode()


_numbers = count()


def _kind(book: AddressBook, wanted: PropFind, ctx: Context) -> int:
    """A number for everything that a card's response depends on, but for the card."""
    asked = replace(book, token="", revision="", size=0), wanted, _asks(ctx)
    number = ctx.caches.kinds.get(asked)
    if number is None:
        number = next(_numbers)
        ctx.caches.kinds.put(asked, number, 1)
    return number


def _asks(ctx: Context) -> Hashable:
    return ctx.principal, ctx.limits, ctx.base, ctx.request.origin
