"""PROPFIND (RFC 4918 §9.1)."""

from collections.abc import Iterator

from ...dav.errors import BadRequest, InfiniteDepth, NotFound
from ...dav.headers import Depth, depth
from ...dav.names import DAV
from ...dav.xml import XML, join
from ...model import (
    AddressBook,
    Collection,
    Entry,
    Home,
    Principal,
    PrincipalCollection,
    Resource,
    Root,
)
from ..bodies import element, multistatus_response
from ..context import Context
from ..messages import Response
from ..prerender import prerendered
from ..propfind import PropFind, members
from ..registry import method


@method("PROPFIND", on=(Root, PrincipalCollection, Principal, Home, AddressBook), needs=DAV.read)
def propfind_collection(collection: Collection, ctx: Context) -> Response:
    """Without Depth one level is meant: KDE and people with curl leave it out."""
    wanted = PropFind.parse(element(ctx.request, DAV.propfind))
    level = _depth(ctx, "1")
    if level == "infinity":
        raise InfiniteDepth("Depth is 0 or 1 here")
    inside = _members(collection, wanted, ctx) if level == "1" else ()
    return multistatus_response([wanted.answer(collection, ctx), *inside])


@method("PROPFIND", on=Entry, needs=DAV.read)
def propfind_card(entry: Entry, ctx: Context) -> Response:
    """A card has no members, so any Depth is 0."""
    wanted = PropFind.parse(element(ctx.request, DAV.propfind))
    _depth(ctx, "0")
    found = next(members(entry.book, wanted, ctx, [entry.name]), None)
    if found is None:
        raise NotFound("the card has just been deleted")
    return multistatus_response([wanted.answer(found, ctx)])


def _depth(ctx: Context, default: Depth) -> Depth:
    try:
        return depth(ctx.request.header("depth"), default)
    except ValueError as error:
        raise BadRequest(str(error)) from None


def _members(collection: Collection, wanted: PropFind, ctx: Context) -> Iterator[XML]:
    match collection:
        case AddressBook():
            yield listing(collection, wanted, ctx)
        case _:
            for resource in _children(collection, ctx):
                yield wanted.answer(resource, ctx)


def _children(collection: Collection, ctx: Context) -> list[Resource]:
    """Only what the one who asks may see: their own home, their own principal."""
    match collection:
        case Root():
            home = ctx.store.home(ctx.principal.name)
            return [PrincipalCollection(), *([home] if home else [])]
        case PrincipalCollection():
            return [Principal(ctx.principal.name)]
        case Home():
            return [*ctx.store.books(collection.owner)]
    return []


@prerendered
def listing(book: AddressBook, wanted: PropFind, ctx: Context) -> XML:
    """The responses of a book's cards."""
    return join(wanted.answer(entry, ctx) for entry in members(book, wanted, ctx))
