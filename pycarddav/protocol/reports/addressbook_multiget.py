"""addressbook-multiget (RFC 6352 §8.7).  Its Depth is ignored: clients send all, or none."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from ...dav import multistatus
from ...dav.names import CARDDAV, DAV
from ...dav.xml import XML
from ...model import AddressBook, Entry
from ..bodies import multistatus_response
from ..context import Context
from ..messages import Response
from ..propfind import PropFind, members
from ..registry import report
from ..urls import member


@report(CARDDAV.addressbook_multiget, on=AddressBook)
def addressbook_multiget(book: AddressBook, body: Element, ctx: Context) -> Response:
    hrefs = dict.fromkeys(found.text or "" for found in body.findall(DAV.href))
    names = {href: member(book, href, ctx.base) for href in hrefs}
    return multistatus_response(_answers(book, names, PropFind.parse(body), ctx))


@report(CARDDAV.addressbook_multiget, on=Entry)
def addressbook_multiget_of_one(entry: Entry, body: Element, ctx: Context) -> Response:
    """On a card, the hrefs are that card (§8.7)."""
    hrefs = dict.fromkeys(found.text or "" for found in body.findall(DAV.href))
    named = {href: member(entry.book, href, ctx.base) for href in hrefs}
    names = {href: name if name == entry.name else None for href, name in named.items()}
    return multistatus_response(_answers(entry.book, names, PropFind.parse(body), ctx))


def _answers(
    book: AddressBook, names: dict[str, str | None], wanted: PropFind, ctx: Context
) -> Iterator[XML]:
    """One response for each card, in its canonical spelling, and for each href that is none."""
    asked = dict.fromkeys(name for name in names.values() if name)
    missing = set(asked)
    for entry in members(book, wanted, ctx, asked):
        missing.discard(entry.name)
        yield wanted.answer(entry, ctx)
    for href, name in names.items():
        if name is None or name in missing:
            yield multistatus.status(href, 404)
