"""The cards of a book: loaded as far as is wanted, and answered for."""

from collections.abc import Collection, Iterable, Iterator

from ..dav.errors import CardUnavailable, NotFound
from ..dav.xml import Fragment
from ..model import AddressBook, BrokenCard, Card, Entry, Resource
from .context import Context
from .propfind import PropFind
from .stencil import stencilled
from .texts import kept, reused


def members(
    book: AddressBook, wanted: PropFind, ctx: Context, names: Collection[str] | None = None
) -> Iterator[Entry]:
    """The cards of a book (of *names*, if given), with their content where it is wanted."""
    look = ctx.store.cards if wanted.wants_content else ctx.store.entries
    return look(book, names)


@kept
def answered(
    book: AddressBook, wanted: PropFind, ctx: Context, names: Collection[str] | None = None
) -> Iterator[tuple[Entry, Fragment]]:
    """The cards of a book (of *names*, if given), each with its response."""
    return responses(members(book, wanted, ctx, names), wanted, ctx)


@reused
@stencilled
def responses(
    entries: Iterable[Entry], wanted: PropFind, ctx: Context
) -> Iterator[tuple[Entry, Fragment]]:
    """Each entry with its response."""
    return ((entry, wanted.answer(entry, ctx)) for entry in entries)


def load(resource: Resource, wanted: PropFind, ctx: Context) -> Resource:
    """*resource*, with its content where that is wanted; NotFound if it is a card that has gone."""
    if not isinstance(resource, Entry):
        return resource
    found = next(members(resource.book, wanted, ctx, [resource.name]), None)
    if found is None:
        raise NotFound("the card has just been deleted")
    return found


def content(entry: Entry, ctx: Context) -> Card:
    """The card with its content.  CardUnavailable; NotFound if it has gone."""
    match next(ctx.store.cards(entry.book, [entry.name]), None):
        case Card() as card:
            return card
        case BrokenCard() as broken:
            raise CardUnavailable(broken.why)
    raise NotFound("the card has just been deleted")
