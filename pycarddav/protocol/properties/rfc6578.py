"""Collection synchronization (RFC 6578 §4)."""

from ...dav.names import DAV
from ...model import AddressBook
from ..context import Context
from ..registry import prop

PREFIX = "data:,"  # a token is a URI (§3.1), and this one names nothing but itself


@prop(DAV.sync_token, on=AddressBook, allprop=False)
def sync_token(book: AddressBook, ctx: Context) -> str:
    return PREFIX + book.token
