"""What is inside what, for the one who asks: nobody's listing shows what its reader may not see."""

from collections.abc import Iterator

from ..dav.names import DAV
from ..model import AddressBook, Home, Principal, PrincipalCollection, Resource, Root
from .access import privileges
from .context import Context


def children(resource: Resource, ctx: Context) -> Iterator[Resource]:
    """The members of a collection; a card has none."""
    match resource:
        case Root():
            yield PrincipalCollection()
            yield from _homes(ctx)
        case PrincipalCollection():
            yield from principals(resource, ctx)
        case Home():
            yield from books(resource.owner, ctx)
        case AddressBook():
            yield from ctx.store.entries(resource)


def descendants(resource: Resource, ctx: Context) -> Iterator[Resource]:
    """The members of a collection, at any depth."""
    for child in children(resource, ctx):
        yield child
        yield from descendants(child, ctx)


def books(owner: str, ctx: Context) -> list[AddressBook]:
    """The books in a home that the one who asks may see."""
    found = ctx.store.books(owner)
    return [book for book in found if DAV.read in privileges(ctx.principal, book)]


def principals(resource: Resource, ctx: Context) -> Iterator[Principal]:
    """The principals among the members of a collection, at any depth."""
    if isinstance(resource, Root | PrincipalCollection):
        yield from (home.principal for home in _homes(ctx))


def _homes(ctx: Context) -> Iterator[Home]:
    """Those that the one who asks may see."""
    for owner in ctx.store.owners():
        visible = DAV.read in privileges(ctx.principal, Principal(owner))
        if visible and (home := ctx.store.home(owner)):
            yield home
