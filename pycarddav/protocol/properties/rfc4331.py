"""Quotas (RFC 4331 §3, §4)."""

from ...dav.names import DAV
from ...model import AddressBook, Home
from .. import quota
from ..context import Context
from ..registry import prop


@prop(DAV.quota_used_bytes, on=Home, allprop=False)
def home_used(home: Home, ctx: Context) -> str:
    return str(quota.used(home.owner, ctx))


@prop(DAV.quota_used_bytes, on=AddressBook, allprop=False)
def book_used(book: AddressBook, ctx: Context) -> str:
    return str(book.size)


@prop(DAV.quota_available_bytes, on=(Home, AddressBook), allprop=False)
def available(collection: Home | AddressBook, ctx: Context) -> str | None:
    """What is left of the limit of the home, which its books share; unknown without one."""
    left = quota.available(collection.owner, ctx)
    return None if left is None else str(left)
