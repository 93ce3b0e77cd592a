"""Where a card can be added by POST (RFC 5995 §3.2.1)."""

from ...dav.names import DAV
from ...dav.xml import XML, E
from ...model import AddressBook
from ..context import Context
from ..registry import prop


@prop(DAV.add_member, on=AddressBook, allprop=False)
def add_member(book: AddressBook, ctx: Context) -> XML:
    """To the book itself."""
    return E(DAV.href, ctx.href(book))
