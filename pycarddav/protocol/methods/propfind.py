"""PROPFIND (RFC 4918 §9.1)."""

from collections.abc import Iterable

from ...dav.errors import InfiniteDepth
from ...dav.names import DAV
from ...dav.preferences import MINIMAL, NOROOT
from ...dav.xml import XML, Fragment
from ...model import (
    AddressBook,
    Collection,
    Entry,
    Home,
    Principal,
    PrincipalCollection,
    Root,
)
from ..bodies import element, multistatus_response
from ..context import Context
from ..members import answered, load
from ..messages import Response
from ..prefer import honours
from ..prerender import prerendered
from ..propfind import PropFind, requested
from ..registry import method
from ..tree import children
from .options import COMPLIANCE


@method(
    "PROPFIND",
    on=(Root, PrincipalCollection, Principal, Home, AddressBook),
    needs=DAV.read,
    judges=True,
)
@honours(MINIMAL, NOROOT)
def propfind_collection(collection: Collection, ctx: Context) -> Response:
    """Without Depth one level is meant: KDE and people with curl leave it out."""
    wanted = requested(element(ctx.request, DAV.propfind), ctx)
    level = ctx.request.depth("1")
    if level == "infinity":
        raise InfiniteDepth("Depth is 0 or 1 here")
    itself = XML() if NOROOT in ctx.request.preferences else wanted.answer(collection, ctx)
    if level == "0":
        return _answer([itself])
    if isinstance(collection, AddressBook):
        return listing(collection, wanted, ctx, itself)
    inside = (wanted.answer(child, ctx) for child in children(collection, ctx))
    return _answer([itself, *inside])


@method("PROPFIND", on=Entry, needs=DAV.read, judges=True)
@honours(MINIMAL)
def propfind_card(entry: Entry, ctx: Context) -> Response:
    """A card has no members, so any Depth is 0."""
    wanted = requested(element(ctx.request, DAV.propfind), ctx)
    ctx.request.depth("0")
    return _answer([wanted.answer(load(entry, wanted, ctx), ctx)])


def _answer(responses: Iterable[Fragment]) -> Response:
    """With the DAV header of OPTIONS: Nextcloud's library reads it here."""
    return multistatus_response(responses).adding({"DAV": COMPLIANCE})


@prerendered
def listing(book: AddressBook, wanted: PropFind, ctx: Context, itself: XML) -> Response:
    """*itself*, which may say what changes without the book, and the responses of its cards."""
    cards = (response for _, response in answered(book, wanted, ctx))
    return _answer([itself, *cards])
