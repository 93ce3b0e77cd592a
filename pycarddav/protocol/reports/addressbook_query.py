"""addressbook-query (RFC 6352 §8.6)."""

from collections.abc import Iterator
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
from ..messages import Response
from ..prerender import one_card
from ..propfind import PropFind, requested
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
    return _response(entry, cards, body, ctx)


@report(CARDDAV.addressbook_query, on=Home)
def query_home(home: Home, body: Element, ctx: Context) -> Response:
    """The cards of all books, when asked for Depth infinity (§8.2)."""
    return _query(home, tree.books(home.owner, ctx) if _depth(ctx) == "infinity" else [], body, ctx)


def _query(resource: Resource, books: list[AddressBook], body: Element, ctx: Context) -> Response:
    wants = query.parse(body.find(CARDDAV.filter))
    cards = (card for book in books for card in matching(book, wants, ctx))
    return _response(resource, cards, body, ctx)


def _response(resource: Resource, cards: Cards, body: Element, ctx: Context) -> Response:
    wanted, limit = requested(body, ctx), _limit(body, ctx)
    return multistatus_response(_answers(resource, cards, wanted, limit, ctx))


def _answers(
    resource: Resource, cards: Cards, wanted: PropFind, limit: int, ctx: Context
) -> Iterator[Fragment]:
    for number, card in enumerate(cards):
        if number == limit:  # §8.6.2: not counted itself
            yield multistatus.truncated(ctx.href(resource))
            return
        yield _answer(card, wanted, ctx)


@one_card
def _answer(card: Entry, wanted: PropFind, ctx: Context) -> Fragment:
    return wanted.answer(card, ctx)


def _depth(ctx: Context) -> str:
    try:
        return depth(ctx.request.header("depth"), "1")
    except ValueError as error:
        raise BadRequest(str(error)) from None


def _limit(body: Element, ctx: Context) -> int:
    asked = body.findtext(f"{CARDDAV.limit}/{CARDDAV.nresults}")
    return ctx.limits.results(asked)
