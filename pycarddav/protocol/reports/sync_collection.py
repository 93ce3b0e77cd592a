"""sync-collection (RFC 6578 §3).

Its Depth is ignored: Thunderbird always sends 1, against §3.2, and takes a 400 as the order to
download everything again.
"""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import TypeVar
from xml.etree.ElementTree import Element

from ...dav import multistatus
from ...dav.errors import BadRequest, InvalidSyncToken, TooManyMatches
from ...dav.names import DAV
from ...dav.xml import E, Fragment
from ...model import AddressBook, Changes, Home, encode
from .. import tree
from ..bodies import multistatus_response
from ..context import Context
from ..members import answered
from ..messages import Response
from ..prerender import prerendered
from ..properties.rfc6578 import PREFIX, home_token, known_books
from ..propfind import PropFind, requested
from ..registry import report

LEVELS = {"1": False, "infinite": True, "infinity": True}  # is what is inside the members meant?

Synced = TypeVar("Synced", AddressBook, Home)
Sync = Callable[[Synced, Element, Context], Response]


def told_to_thunderbird(sync: Sync[Synced]) -> Sync[Synced]:
    """Thunderbird never recovers from a 403, and starts afresh on a 400."""

    @wraps(sync)
    def told(resource: Synced, body: Element, ctx: Context) -> Response:
        try:
            return sync(resource, body, ctx)
        except InvalidSyncToken as error:
            if "Thunderbird/" in (ctx.request.header("user-agent") or ""):
                error.status = 400
            raise

    return told


@report(DAV.sync_collection, on=AddressBook)
@told_to_thunderbird
def sync_book(book: AddressBook, body: Element, ctx: Context) -> Response:
    """A book holds no collections, so every level is the same."""
    _deep(body, ctx)
    since = _since(body)
    if since is not None and not since.startswith(PREFIX):
        raise InvalidSyncToken("not a token of this server")
    wanted, limit = requested(body, ctx), _limit(body, ctx)
    if since is None:
        return everything(book, wanted, ctx, limit)
    changes = ctx.store.changes(book, since.removeprefix(PREFIX), limit)
    return multistatus_response(_book_answers(book, changes, wanted, ctx))


@prerendered
def everything(book: AddressBook, wanted: PropFind, ctx: Context, limit: int) -> Response:
    """The first sync of a client."""
    changes = ctx.store.changes(book, None, limit)
    return multistatus_response(_book_answers(book, changes, wanted, ctx))


def _book_answers(
    book: AddressBook, changes: Changes, wanted: PropFind, ctx: Context
) -> Iterator[Fragment]:
    yield from _card_answers(book, changes, wanted, ctx)
    if changes.more:
        yield multistatus.truncated(ctx.href(book))
    yield E(DAV.sync_token, PREFIX + changes.token)  # of exactly what was sent (§3.6)


def _card_answers(
    book: AddressBook, changes: Changes, wanted: PropFind, ctx: Context
) -> Iterator[Fragment]:
    found = set()
    for entry, response in answered(book, wanted, ctx, changes.changed):
        found.add(entry.name)
        yield response
    gone = [name for name in changes.changed if name not in found]  # between two looks
    for name in (*changes.removed, *gone):
        yield multistatus.status(ctx.href(book) + encode(name), 404)


@report(DAV.sync_collection, on=Home)
@told_to_thunderbird
def sync_home(home: Home, body: Element, ctx: Context) -> Response:
    """A book is a change when its cards are; with level infinite, when it is new, and its cards."""
    known = known_books(home, _since(body))
    return multistatus_response(
        _home_answers(home, known, _deep(body, ctx), _limit(body, ctx), requested(body, ctx), ctx)
    )


def _home_answers(
    home: Home, known: dict[str, str], deep: bool, room: int, wanted: PropFind, ctx: Context
) -> Iterator[Fragment]:
    """*known* is what the client knows, and is kept up to date with what it is told."""
    books = {book.name: book for book in tree.books(home.owner, ctx)}
    for name in [name for name in known if name not in books][:room]:
        del known[name]
        room -= 1
        yield multistatus.status(f"{ctx.href(home)}{encode(name)}/", 404)
    for book in books.values():
        if room and (book.name not in known if deep else known.get(book.name) != book.token):
            known[book.name] = "" if deep else book.token
            room -= 1
            yield wanted.answer(book, ctx)
        if room and deep and known[book.name] != book.token:
            changes = ctx.store.changes(book, known[book.name] or None, room)
            known[book.name] = changes.token
            room -= len(changes.changed) + len(changes.removed)
            yield from _card_answers(book, changes, wanted, ctx)
    if not room and known != {book.name: book.token for book in books.values()}:
        yield multistatus.truncated(ctx.href(home))
    yield E(DAV.sync_token, home_token(home, known))


def _deep(body: Element, ctx: Context) -> bool:
    """§3.3; without the element the Depth header says it (Appendix A)."""
    level = body.findtext(DAV.sync_level)
    if level is None:
        level = {"1": "1", "infinity": "infinite"}.get(ctx.request.header("depth") or "", "")
    if level.strip() not in LEVELS:
        raise BadRequest("sync-level is 1 or infinite")
    return LEVELS[level.strip()]


def _limit(body: Element, ctx: Context) -> int:
    limit = ctx.limits.results(body.findtext(f"{DAV.limit}/{DAV.nresults}"))
    if limit == 0:
        raise TooManyMatches("a sync of nothing would never come to an end")  # §3.7
    return limit


def _since(body: Element) -> str | None:
    return (body.findtext(DAV.sync_token) or "").strip() or None
