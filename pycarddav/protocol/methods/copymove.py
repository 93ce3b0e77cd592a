"""COPY and MOVE, of a card and of a whole book (RFC 4918 §9.8, §9.9)."""

from dataclasses import replace

from ...dav.errors import BadRequest, Conflict, Forbidden, LocationNotOk, NotFound
from ...dav.headers import Condition
from ...dav.names import DAV
from ...model import AddressBook, Entry, Resource, Unmappable, Unmapped, UnmappedBook, UnmappedCard
from ...store import check
from ...vcard import content
from .. import locks, members, quota
from ..access import see
from ..context import Context
from ..guards import demands, permit
from ..messages import Response
from ..prefer import arrived
from ..registry import method
from ..urls import local, resolve


@method("COPY", on=Entry, needs=DAV.read, judges=True)
@arrived
def copy_card(entry: Entry, ctx: Context) -> Response:
    target = _place_of_card(entry, ctx)
    if isinstance(target, Entry):
        permit(DAV.write_content, target, ctx)
        permit(DAV.write_properties, target, ctx)
    else:
        permit(DAV.bind, target, ctx)
    card = members.content(entry, ctx)
    check(ctx.condition, card)
    quota.reserve(card.size, target, ctx)
    there, uid = _there(target, entry, ctx), content.parse(card.data).uid
    copy, created = ctx.store.put(target.book, target.name, card.data, uid, there, ctx.author)
    if copy.dead != card.dead:
        ctx.store.save_entry(replace(copy, dead=card.dead))
    return _done(created)


@method("MOVE", on=Entry, needs=DAV.unbind, judges=True)
@arrived
def move_card(entry: Entry, ctx: Context) -> Response:
    target = _place_of_card(entry, ctx)
    _permit_in_place_of(target, ctx)
    if target.book.owner != entry.book.owner:
        quota.reserve(entry.size, target, ctx)
    there = _there(target, entry, ctx)
    _, created = ctx.store.move(entry, target.book, target.name, ctx.condition, there, ctx.author)
    return _done(created)


@method("COPY", on=AddressBook, needs=DAV.read)
def copy_book(book: AddressBook, ctx: Context) -> Response:
    """With Depth 0 it is a book of the same properties, and without cards (§9.8.3)."""
    depth = ctx.request.depth("infinity")
    if depth == "1":
        raise BadRequest("a collection is copied with Depth 0 or infinity")
    target = _place_of_book(book, ctx)
    cards = depth == "infinity"
    quota.reserve(book.size if cards else 0, target, ctx)
    created = ctx.store.copy_book(
        book, target.owner, target.name, _overwrites(ctx), ctx.author, cards
    )
    locks.release(target.path, target.owner, ctx, itself=False)
    return _done(created)


@method("MOVE", on=AddressBook, needs=DAV.unbind)
def move_book(book: AddressBook, ctx: Context) -> Response:
    if ctx.request.depth("infinity") != "infinity":
        raise BadRequest("a collection is moved with Depth infinity")
    target = _place_of_book(book, ctx)
    if target.owner != book.owner:
        quota.reserve(book.size, target, ctx)
    created = ctx.store.move_book(book, target.owner, target.name, _overwrites(ctx), ctx.author)
    locks.release(target.path, target.owner, ctx, itself=False)
    return _done(created)


def _done(created: bool) -> Response:
    return Response(201 if created else 204)


def _overwrites(ctx: Context) -> bool:
    """§10.6"""
    return ctx.request.header("overwrite", "T").strip().upper() != "F"


def _destination(source: AddressBook | Entry, ctx: Context) -> Resource | Unmapped:
    """What is at the Destination (§10.3), or could be."""
    header = ctx.request.header("destination")
    if not header:
        raise BadRequest("a Destination is needed")
    try:
        found = resolve(local(header, ctx.request.origin, ctx.base), ctx.store)
        see(ctx.principal, found)
    except NotFound:
        raise Conflict("the parent of the destination does not exist") from None
    if isinstance(found, Unmappable):
        raise found.why
    if found.path == source.path:
        raise Forbidden("source and destination are the same")
    return found


def _place_of_card(entry: Entry, ctx: Context) -> Entry | UnmappedCard:
    target = _destination(entry, ctx)
    if not isinstance(target, Entry | UnmappedCard):
        raise Forbidden("a card belongs into an address book, and does not replace one")
    return target


def _place_of_book(book: AddressBook, ctx: Context) -> AddressBook | UnmappedBook:
    target = _destination(book, ctx)
    if not isinstance(target, AddressBook | UnmappedBook):
        raise LocationNotOk("an address book belongs into a home, and not into another book")
    _permit_in_place_of(target, ctx)
    return target


def _permit_in_place_of(target: Resource | Unmapped, ctx: Context) -> None:
    """What is there goes first (§9.9.3)."""
    if isinstance(target, Resource):
        permit(DAV.unbind, target, ctx)
    permit(DAV.bind, target, ctx)


def _there(target: Entry | UnmappedCard, source: Entry, ctx: Context) -> Condition:
    """What must be true of the destination of a card."""
    return Condition(
        if_none_match=None if _overwrites(ctx) else "*", demands=demands(target, source, ctx)
    )
