"""GET and HEAD of a card (RFC 6352 §5.1.1, RFC 9110 §13)."""

from email.utils import formatdate

from ...dav.errors import NotFound, PreconditionFailed
from ...dav.headers import matches
from ...dav.names import DAV
from ...model import Entry
from ...vcard import address_data as forms
from ..context import Context
from ..messages import Response
from ..registry import method


@method("GET", "HEAD", on=Entry, needs=DAV.read)
def get(entry: Entry, ctx: Context) -> Response:
    """The stored octets, unless Accept asks for another form.  The etag is that of the resource."""
    if _unchanged(entry, ctx):
        return Response(304, {"ETag": entry.etag, "Vary": "Accept"})
    card = next(ctx.store.cards(entry.book, [entry.name]), None)
    if card is None:
        raise NotFound("the card has just been deleted")
    content_type, data = forms.negotiate(card.data, ctx.request.header("accept"))
    headers = {
        "Content-Type": content_type,
        "ETag": card.etag,
        "Last-Modified": formatdate(card.modified, usegmt=True),
        "Vary": "Accept",
    }
    return Response(200, headers, data)


def _unchanged(entry: Entry, ctx: Context) -> bool:
    condition = ctx.request.condition
    if condition.if_match is not None and not matches(condition.if_match, entry.etag):
        raise PreconditionFailed("the card is not as you think", entry.etag)
    return condition.if_none_match is not None and matches(condition.if_none_match, entry.etag)
