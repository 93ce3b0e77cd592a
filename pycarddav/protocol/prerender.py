"""Remember a rendered listing for as long as its book stays as it is."""

from collections.abc import Callable
from functools import wraps

from ..dav.xml import XML
from ..model import AddressBook
from .context import Context
from .propfind import PropFind

Listing = Callable[[AddressBook, PropFind, Context], XML]


def prerendered(listing: Listing) -> Listing:
    """Delete this decorator and nothing but the clock notices.

    What a listing says depends on the book (whose token changes with every card), on what is
    wanted, on who asks, on the limits and on the base path, and on nothing else.
    """

    @wraps(listing)
    def remembered(book: AddressBook, wanted: PropFind, ctx: Context) -> XML:
        key = book, wanted, ctx.principal, ctx.limits, ctx.base
        found = ctx.listings.get(key)
        if found is None:
            found = listing(book, wanted, ctx)
            ctx.listings.put(key, found)
        return found

    return remembered
