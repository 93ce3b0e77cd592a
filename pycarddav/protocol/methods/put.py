"""PUT of a card (RFC 6352 §6.3.2)."""

from ...dav.errors import BadRequest, CardTooLarge, Forbidden
from ...dav.names import DAV
from ...model import Entry, Unmappable, UnmappedBook, UnmappedCard
from ...vcard import skim, validate
from .. import quota
from ..context import Context
from ..messages import Response
from ..prefer import represented, strictly
from ..registry import method

acceptable = skim.skimming(validate.acceptable)


@method("PUT", on=UnmappedCard, needs=DAV.bind, judges=True)
@method("PUT", on=Entry, needs=DAV.write_content, judges=True)
@represented
@strictly
def put(target: UnmappedCard | Entry, ctx: Context) -> Response:
    return save(target, ctx)


def save(target: UnmappedCard | Entry, ctx: Context) -> Response:
    """Store the request's body as the card there, if the condition holds."""
    request = ctx.request
    if request.path.endswith("/"):
        raise Forbidden("a path that ends in a slash is that of a collection")
    if request.header("content-range"):
        raise BadRequest("a card is replaced as a whole")  # RFC 9110 §14.5
    if len(request.body) > ctx.limits.max_resource_size:
        raise CardTooLarge(f"a card has at most {ctx.limits.max_resource_size} octets")
    quota.reserve(len(request.body), target, ctx)
    data, uid = acceptable(request.body, request.header("content-type"))
    entry, created = ctx.store.put(target.book, target.name, data, uid, ctx.condition, ctx.author)
    # §6.3.2.3: an ETag would say that the octets are stored as they were sent.
    headers = {"ETag": entry.etag} if data == request.body else {}
    if created and request.path != entry.path:  # spelled in another way than in our listings
        headers["Location"] = request.origin + ctx.href(entry)
    return Response(201 if created else 204, headers)


@method("PUT", on=UnmappedBook, needs=DAV.bind)
def put_outside_a_book(target: UnmappedBook, ctx: Context) -> Response:
    raise Forbidden("a card belongs into an address book")


@method("PUT", "MKCOL", "LOCK", on=Unmappable, needs=DAV.bind)
def make_where_nothing_can_be(target: Unmappable, ctx: Context) -> Response:
    raise target.why
