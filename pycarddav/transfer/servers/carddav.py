"""Any CardDAV server, as a phone sees it."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from urllib.parse import unquote, unquote_to_bytes, urlsplit
from xml.etree.ElementTree import Element

from ...client import (
    Client,
    ForeignHost,
    Garbled,
    LoginRefused,
    Response,
    TooLarge,
    TooManyRedirects,
    Unexpected,
    Unreachable,
    discovery,
)
from ...dav.names import CARDDAV, DAV
from ...dav.xml import E, document
from . import Fetched, Listed, SourceBook

TOGETHER = 50  # cards in one request; with photos of a megabyte an answer has 70 million octets
COLOURS = (
    "{http://inf-it.com/ns/ab/}addressbook-color",
    "{http://apple.com/ns/ical/}calendar-color",
)
_PATIENCE = 3  # answers in a row that do not come, before the server counts as gone
_GONE = (401, 429, 503)  # it will not answer the next question better


class CardDavSource:
    """The address books that the client's URL leads to."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lost = 0  # requests in a row without an answer
        self._refused = 0  # requests for many cards

    def books(self) -> list[SourceBook]:
        return [self._book(url) for url in discovery.books(self._client)]

    def _book(self, url: str) -> SourceBook:
        """What it is called if nothing else, and whatever more the server likes to tell."""
        name = unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2])
        props: dict[str, Element] = {}
        for wanted in ((DAV.displayname, CARDDAV.addressbook_description, *COLOURS), ()):
            with suppress(Unexpected, Garbled):  # its cards are what matters
                for response in self._client.propfind(url, *wanted)[0].responses[:1]:
                    props |= response.props
        return SourceBook(url, name, tuple(props.values()))

    def listing(self, book: SourceBook) -> list[Listed]:
        found, place = self._client.propfind(
            book.place, DAV.resourcetype, DAV.getetag, DAV.getcontentlength, depth="1"
        )
        if not any(answer.has(DAV.resourcetype, CARDDAV.addressbook) for answer in found.responses):
            raise Garbled(
                f"PROPFIND {place}: this is no address book, though it was one a moment ago"
            )
        listed = (self._listed(response, place) for response in found.responses)
        return [item for item in listed if item]

    def _listed(self, response: Response, place: str) -> Listed | None:
        """A card of the book at *place*; None for what is a collection."""
        href = response.href
        if response.has(DAV.resourcetype, DAV.collection):
            return None
        try:
            url = self._client.locate(place, href)
        except (ForeignHost, Garbled) as error:
            return Listed(href, href, problem=str(error))
        parent, _, name = urlsplit(url).path.rpartition("/")
        if unquote(parent).rstrip("/") != unquote(urlsplit(place).path).rstrip("/"):
            return Listed(href, href, problem=f"{href} is not in {place}")
        if not name:
            return None
        if response.status >= 400:
            return Listed(href, href, problem=f"the listing says {response.status} of it")
        try:
            name = unquote_to_bytes(name).decode()
        except UnicodeDecodeError:
            return Listed(href, href, problem=f"{href} is not UTF-8")
        size = response.text(DAV.getcontentlength) or ""
        known = int(size) if re.fullmatch("[0-9]{1,12}", size) else None
        return Listed(name, href, response.text(DAV.getetag) or "", known)

    def fetch(self, book: SourceBook, listed: Sequence[Listed]) -> Iterator[Fetched]:
        rest = iter(listed)
        while batch := list(islice(rest, TOGETHER)):
            found = self._together(book, batch)
            for item in batch:
                data = found.get(item.name)
                yield self._alone(book, item) if data is None else Fetched(item, data)

    def _together(self, book: SourceBook, batch: list[Listed]) -> dict[str, bytes]:
        """What an addressbook-multiget (RFC 6352 §8.7) has of them, octet for octet."""
        if len(batch) == 1 or self._refused > 1:
            return {}
        wanted = E(DAV.prop, E(DAV.getetag), E(CARDDAV.address_data))
        hrefs = [E(DAV.href, item.href) for item in batch]
        body = document(CARDDAV.addressbook_multiget, wanted, *hrefs)
        try:
            answers = self._client.report(book.place, body).responses
        except LoginRefused:
            raise
        except (Unexpected, Garbled, TooLarge, Unreachable):
            self._refused += 1
            return {}
        said = {answer.href: answer.props.get(CARDDAV.address_data) for answer in answers}
        found = {}
        for item in batch:
            element = said.get(item.href)
            data = None if element is None else octets(element.text or "", item.size)
            if data is not None:
                found[item.name] = data
        return found

    def _alone(self, book: SourceBook, item: Listed) -> Fetched:
        try:
            answer = self._client.get(self._client.locate(book.place, item.href))
        except Unreachable as error:
            self._lost += 1
            if self._lost >= _PATIENCE:
                raise
            return Fetched(item, problem=str(error))
        except (Unexpected, Garbled, TooLarge, TooManyRedirects, ForeignHost) as error:
            if isinstance(error, Unexpected) and error.status in _GONE:
                raise
            return Fetched(item, problem=str(error))
        self._lost = 0
        return Fetched(item, answer.body)


def octets(text: str, size: int | None) -> bytes | None:
    """The card of *size* octets that was written into XML as *text*; None if that cannot be told.

    A reader of XML sees every line end as LF (XML 1.0 §2.11), and the server may have converted
    the card for this answer (RFC 6352 §10.4: to 3.0).
    """
    data = text.encode()
    whole = re.sub(rb"\r?\n", b"\r\n", data)
    if size is None:
        return whole.strip() + b"\r\n"  # as RFC 6350 §3.2 wants lines to end
    return next((form for form in (data, whole) if len(form) == size), None)
