"""DELETE (RFC 4918 §9.6)."""

from ...dav.errors import BadRequest
from ...dav.names import DAV
from ...model import AddressBook, Entry
from ..context import Context
from ..messages import Response
from ..registry import method


@method("DELETE", on=Entry, needs=DAV.unbind, judges=True)
def delete_card(entry: Entry, ctx: Context) -> Response:
    ctx.store.delete(entry, ctx.condition, ctx.author)
    return Response(204)


@method("DELETE", on=AddressBook, needs=DAV.unbind)
def delete_book(book: AddressBook, ctx: Context) -> Response:
    """§9.6.1: always with everything in it."""
    if ctx.request.depth("infinity") != "infinity":
        raise BadRequest("a collection is deleted with Depth infinity")
    ctx.store.delete_book(book, ctx.author)
    return Response(204)
