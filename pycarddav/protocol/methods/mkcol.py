"""MKCOL (RFC 4918 §9.3), extended by RFC 5689."""

from xml.etree.ElementTree import Element

from ...dav import multistatus
from ...dav.errors import (
    InvalidResourceType,
    LocationNotOk,
    ProtectedProperty,
    UnsupportedMediaType,
)
from ...dav.names import CARDDAV, DAV
from ...dav.xml import E, document
from ...model import AddressBook, UnmappedBook, UnmappedCard
from ..bodies import XML_TYPE, element
from ..context import Context
from ..messages import Response
from ..registry import method
from . import proppatch


@method("MKCOL", on=UnmappedBook, needs=DAV.bind)
def mkcol(unmapped: UnmappedBook, ctx: Context) -> Response:
    """A home holds address books only, so a plain MKCOL makes one as well."""
    book, body = AddressBook(unmapped.owner, unmapped.name), _body(ctx)
    if body is not None:
        changes = proppatch.parse(body)
        if refused := _refused(changes):
            return _refusal(changes, refused)
        changes = [item for item in changes if item[0] != DAV.resourcetype]
        book = proppatch.apply(book, changes, ctx.limits)
    ctx.store.save_book(book)
    return Response(201)


@method("MKCOL", on=UnmappedCard, needs=DAV.bind)
def mkcol_in_a_book(unmapped: UnmappedCard, ctx: Context) -> Response:
    raise LocationNotOk("there is no collection inside an address book")  # RFC 6352 §5.2


def _body(ctx: Context) -> Element | None:
    kind = (ctx.request.header("content-type") or "").partition(";")[0].strip().lower()
    if ctx.request.body and kind not in ("", "application/xml", "text/xml"):
        raise UnsupportedMediaType("the body of a MKCOL is XML")
    return element(ctx.request, DAV.mkcol)


def _refused(changes: list[proppatch.Change]) -> dict[str, str]:
    """Name -> the precondition that it breaks."""
    protected = proppatch.protected(changes, AddressBook) - {DAV.resourcetype}
    refused = dict.fromkeys(sorted(protected), ProtectedProperty.condition or "")
    types = [value for name, value in changes if name == DAV.resourcetype and value is not None]
    wanted = {part.tag for found in types for part in found}
    if wanted - {DAV.collection, CARDDAV.addressbook} or (types and DAV.collection not in wanted):
        refused[DAV.resourcetype] = InvalidResourceType.condition or ""
    return refused


def _refusal(changes: list[proppatch.Change], refused: dict[str, str]) -> Response:
    """RFC 5689 §3: what was wrong, and that nothing else was done because of it."""
    broken = [multistatus.propstat(403, [E(name)], E(why)) for name, why in refused.items()]
    others = [E(name) for name in dict(changes) if name not in refused]
    rest = [multistatus.propstat(424, others)] if others else []
    return Response(403, XML_TYPE, document(DAV.mkcol_response, *broken, *rest))
