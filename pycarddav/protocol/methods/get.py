"""GET and HEAD: of a card (RFC 6352 §5.1.1, RFC 9110 §13, §14), and of a book as a whole."""

from collections.abc import Iterator
from itertools import chain

from ...dav.errors import PreconditionFailed, RangeNotSatisfiable
from ...dav.headers import attachment, byte_range, http_date
from ...dav.names import DAV
from ...model import AddressBook, BrokenCard, Card, Entry
from ...vcard import address_data as forms
from ..context import Context
from ..members import content
from ..messages import Request, Response
from ..registry import method


@method("GET", "HEAD", on=Entry, needs=DAV.read, judges=True)
def get(entry: Entry, ctx: Context) -> Response:
    """The stored octets, unless Accept asks for another form.  The etag is that of the resource."""
    condition = ctx.condition
    if not condition.allows(entry.etag, entry.modified):
        raise PreconditionFailed("the card is not as you think", entry.etag)
    if condition.is_known(entry.etag, entry.modified):
        return Response(304, {"ETag": entry.etag, "Vary": "Accept"})
    card = content(entry, ctx)
    content_type, data = forms.negotiate(card.data, ctx.request.header("accept"))
    headers = {
        "Content-Type": content_type,
        "ETag": card.etag,
        "Last-Modified": http_date(card.modified),
        "Vary": "Accept",
        "Accept-Ranges": "bytes",
    }
    part = _part(ctx.request, card.etag, len(data))
    if part is None:
        return Response(200, headers, data)
    headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(data)}"
    return Response(206, headers, data[part.start : part.stop])


def _part(request: Request, etag: str, size: int) -> range | None:
    """The range to send, if not everything.  RangeNotSatisfiable."""
    if_range = (request.header("if-range") or etag).strip()
    # A date is no strong validator (RFC 9110 §13.1.5): who has one only gets everything.
    if request.method != "GET" or if_range != etag:
        return None
    part = byte_range(request.header("range"), size)
    if part is not None and not part:
        raise RangeNotSatisfiable(size)
    return part


@method("GET", "HEAD", on=AddressBook, needs=DAV.read, judges=True)
def export(book: AddressBook, ctx: Context) -> Response:
    """All its cards that can be read, as they are stored, in one file that can be imported.

    The etag is weak: a card that changes while the file is on its way may be in it or not.
    """
    etag = f'"{book.token}"'
    if ctx.condition.is_known(etag, float("inf")):
        return Response(304, {"ETag": f"W/{etag}"})
    cards = ctx.store.cards(book)
    first = next(cards, None)  # before the answer begins: what cannot be read is an error
    headers = {
        "Content-Type": "text/vcard; charset=utf-8",
        "Content-Disposition": attachment(f"{book.displayname or book.name}.vcf"),
        "ETag": f"W/{etag}",
    }
    return Response(200, headers, _joined(chain([first], cards) if first else cards))


def _joined(cards: Iterator[Card | BrokenCard]) -> Iterator[bytes]:
    for card in cards:
        if isinstance(card, BrokenCard):
            continue
        yield card.data
        if not card.data.endswith((b"\n", b"\r")):
            yield b"\r\n"
