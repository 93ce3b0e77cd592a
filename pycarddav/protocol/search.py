"""The cards that a filter matches (RFC 6352 §8.6)."""

from collections.abc import Callable, Collection, Iterator
from functools import wraps

from .. import haste
from ..model import AddressBook, BrokenCard, Card
from ..vcard import content
from ..vcard.query import Filter
from .context import Context
from .indexes import BookIndex

MANY = 1000  # cards: what can match among more of them is not looked for in haste

Cards = Iterator[Card | BrokenCard]
Search = Callable[[AddressBook, Filter, Context, Collection[str] | None], Cards]


def indexed(search: Search) -> Callable[[AddressBook, Filter, Context], Cards]:
    """Look only at the cards that can match, as far as an index of the book can tell.

    Let that be all of them, and nothing but the clock notices.
    """

    @wraps(search)
    def searched(book: AddressBook, wants: Filter, ctx: Context) -> Cards:
        return search(book, wants, ctx, _candidates(book, wants, ctx))

    return searched


@indexed
def matching(
    book: AddressBook, wants: Filter, ctx: Context, names: Collection[str] | None
) -> Cards:
    """The cards of a book, out of *names* if that is not None, that the filter matches."""
    return (card for card in ctx.store.cards(book, names) if matches(wants, card))


def matches(wants: Filter, card: Card | BrokenCard) -> bool:
    """Whether the filter matches a card.  A file that is none must not hide the others.

    Of a broken card nobody knows; some clients take what a query does not find for deleted.
    """
    if not wants.props or isinstance(card, BrokenCard):
        return True
    try:
        return wants.matches(content.parse(card.data, wants.names))
    except content.Unreadable:
        return False


def _candidates(book: AddressBook, wants: Filter, ctx: Context) -> list[str] | None:
    """The names of the cards that can match, in order; None for all."""
    indexes = ctx.caches.indexes
    kept = indexes.get(book.path)
    if kept is None:
        kept = BookIndex(indexes.budget)
        indexes.put(book.path, kept, 1)
        if indexes.get(book.path) is None:  # nothing is remembered here
            return None
    index = kept.at(book, ctx.store) if wants.props else None
    if index is not None and len(index) > MANY:
        haste.wait()  # a letter is in most of the cards
    found = index.candidates(wants) if index is not None else None
    indexes.put(book.path, kept, 1 if index is None else index.size)
    return None if found is None else sorted({*found, *kept.unread})
