"""addressbook-query (RFC 6352 §8.6)."""

from collections.abc import Iterable, Iterator
from itertools import islice
from xml.etree.ElementTree import Element

from ...dav import multistatus
from ...dav.errors import BadRequest
from ...dav.headers import depth
from ...dav.names import CARDDAV
from ...dav.xml import Fragment
from ...model import AddressBook, Entry, Home, Resource
from ...vcard import query
from .. import tree
from ..bodies import multistatus_response
from ..context import Context
from ..members import responses
from ..messages import Response
from ..propfind import requested
from ..registry import report
from ..search import Cards, matches, matching


@report(CARDDAV.addressbook_query, on=AddressBook)
def query_book(book: AddressBook, body: Element, ctx: Context) -> Response:
    """Depth 0 is the book itself, which is no card; without Depth the cards are meant."""
    return _query(book, [] if _depth(ctx) == "0" else [book], body, ctx)


@report(CARDDAV.addressbook_query, on=Entry)
def query_card(entry: Entry, body: Element, ctx: Context) -> Response:
    wants = query.parse(body.find(CARDDAV.filter))
    cards = (card for card in ctx.store.cards(entry.book, [entry.name]) if matches(wants, card))
    return _response(entry, [cards], body, ctx)


@report(CARDDAV.addressbook_query, on=Home)
def query_home(home: Home, body: Element, ctx: Context) -> Response:
    """The cards of all books, when asked for Depth infinity (§8.2)."""
    return _query(home, tree.books(home.owner, ctx) if _depth(ctx) == "infinity" else [], body, ctx)


def _query(resource: Resource, books: list[AddressBook], body: Element, ctx: Context) -> Response:
    wants = query.parse(body.find(CARDDAV.filter))
    return _response(resource, (matching(book, wants, ctx) for book in books), body, ctx)


def _response(resource: Resource, found: Iterable[Cards], body: Element, ctx: Context) -> Response:
    """*found* are the cards of each book."""
    wanted, limit = requested(body, ctx), _limit(body, ctx)
    answers = (answer for cards in found for _, answer in responses(cards, wanted, ctx))
    return multistatus_response(_limited(resource, answers, limit, ctx))


def _limited(
    resource: Resource, answers: Iterator[Fragment], limit: int, ctx: Context
) -> Iterator[Fragment]:
    yield from islice(answers, limit)
    if next(answers, None) is not None:
        yield multistatus.truncated(ctx.href(resource))  # §8.6.2: not counted itself


def _depth(ctx: Context) -> str:
    try:
        return depth(ctx.request.header("depth"), "1")
    except ValueError as error:
        raise BadRequest(str(error)) from None


def _limit(body: Element, ctx: Context) -> int:
    asked = body.findtext(f"{CARDDAV.limit}/{CARDDAV.nresults}")
    return ctx.limits.results(asked)
