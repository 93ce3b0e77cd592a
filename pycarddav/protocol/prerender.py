"""Remember what has been answered about a book, for as long as it stays as it is.

Delete the decorator, and nothing but the clock notices.  What is answered depends on
the book (whose token changes with every card, and whose revision with the properties of one), on
what is wanted of it, on who asks, under which name of the server, on the limits, and on nothing
else where nothing is locked; where something is, the time that is left is another every second.
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from .. import haste
from ..model import AddressBook
from .compression import gzipped
from .context import Context, asks
from .messages import Response
from .propfind import PropFind

P = ParamSpec("P")
Render = Callable[Concatenate[AddressBook, PropFind, Context, P], Response]


def prerendered(render: Render[P]) -> Render[P]:
    """Remember whole responses, as octets that are ready to be sent."""

    @wraps(render)
    def remembered(
        book: AddressBook, wanted: PropFind, ctx: Context, /, *args: P.args, **kwargs: P.kwargs
    ) -> Response:
        if ctx.locks(book.owner):
            return render(book, wanted, ctx, *args, **kwargs)
        gzip, kept = ctx.request.takes_gzip, ctx.caches.responses
        key = render, gzip, book.path, wanted, asks(ctx)
        state = book, args, tuple(kwargs.items())  # an earlier one is not asked about again
        if (known := kept.get(key)) and known[0] == state:
            return known[1]
        haste.wait()
        found = render(book, wanted, ctx, *args, **kwargs)
        if gzip:
            found = gzipped(found)
        # Otherwise it tells of what has come since, and is never asked for again.
        stays = ctx.store.book(book.owner, book.name) == book and not ctx.unread
        if stays and isinstance(found.body, bytes):
            kept.put(key, (state, found), len(found.body) + wanted.size)
        return found

    return remembered
