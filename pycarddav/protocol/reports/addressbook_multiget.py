"""addressbook-multiget (RFC 6352 §8.7).  Its Depth is ignored: clients send all, or none."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from ...dav import multistatus
from ...dav.names import CARDDAV, DAV
from ...dav.xml import Fragment
from ...model import AddressBook, Entry, Home
from .. import tree
from ..bodies import multistatus_response
from ..context import Context
from ..members import answered
from ..messages import Response
from ..propfind import PropFind, requested
from ..registry import report
from ..urls import Place, place

Places = dict[str, Place | None]  # by the href that names each


@report(CARDDAV.addressbook_multiget, on=AddressBook)
def multiget_of_book(book: AddressBook, body: Element, ctx: Context) -> Response:
    answers = _answers([book], _places(body, ctx), requested(body, ctx), ctx)
    return multistatus_response(answers)


@report(CARDDAV.addressbook_multiget, on=Entry)
def multiget_of_card(entry: Entry, body: Element, ctx: Context) -> Response:
    """The hrefs are that card."""
    itself = (entry.book.owner, entry.book.name, entry.name)
    asked = _places(body, ctx).items()
    places = {href: place if place == itself else None for href, place in asked}
    return multistatus_response(_answers([entry.book], places, requested(body, ctx), ctx))


@report(CARDDAV.addressbook_multiget, on=Home)
def multiget_of_home(home: Home, body: Element, ctx: Context) -> Response:
    """The hrefs are cards at any depth."""
    books, places = tree.books(home.owner, ctx), _places(body, ctx)
    return multistatus_response(_answers(books, places, requested(body, ctx), ctx))


def _places(body: Element, ctx: Context) -> Places:
    hrefs = dict.fromkeys(found.text or "" for found in body.findall(DAV.href))
    return {href: place(href, ctx.base) for href in hrefs}


def _answers(
    books: list[AddressBook], places: Places, wanted: PropFind, ctx: Context
) -> Iterator[Fragment]:
    """One response for each card, in its canonical spelling, and for each href that is none."""
    found: set[Place | None] = set()
    for book in books:
        here = (book.owner, book.name)
        inside = {where[2]: where for where in places.values() if where and where[:2] == here}
        for entry, response in answered(book, wanted, ctx, inside):
            found.add(inside[entry.name])
            yield response
    for href, where in places.items():
        if where not in found:
            yield multistatus.status(href, 404)
