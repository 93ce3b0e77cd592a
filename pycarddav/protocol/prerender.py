"""Remember whole answers about a book, ready to be sent, for as long as it stays as it is."""

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Concatenate, ParamSpec

from ..model import AddressBook
from .compression import gzipped
from .context import Context
from .messages import Response
from .propfind import PropFind

P = ParamSpec("P")
Render = Callable[Concatenate[AddressBook, PropFind, Context, P], Response]


def prerendered(render: Render[P]) -> Render[P]:
    """Delete this decorator and nothing but the clock notices.

    What *render* says depends on the book (whose token changes with every card), on what is wanted,
    on who asks, under which name of the server, on the limits, on whatever else it is given, and on
    nothing else.
    """

    @wraps(render)
    def remembered(
        book: AddressBook, wanted: PropFind, ctx: Context, /, *args: P.args, **kwargs: P.kwargs
    ) -> Response:
        asks = ctx.principal, ctx.limits, ctx.base, ctx.request.origin, ctx.request.takes_gzip
        key: Hashable = render, book, wanted, asks, args, tuple(kwargs.items())
        found = ctx.caches.responses.get(key)
        if found is None:
            found = render(book, wanted, ctx, *args, **kwargs)
            if ctx.request.takes_gzip:
                found = gzipped(found)
            # Otherwise it tells of what has come since, and is never asked for again.
            if ctx.store.book(book.owner, book.name) == book and isinstance(found.body, bytes):
                ctx.caches.responses.put(key, found, len(found.body))
        return found

    return remembered
