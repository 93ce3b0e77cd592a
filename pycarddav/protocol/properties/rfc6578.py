"""Collection synchronization (RFC 6578 §4)."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from ...dav.errors import InvalidSyncToken
from ...dav.names import DAV
from ...model import AddressBook, Home, encode
from ..context import Context
from ..registry import prop
from ..tree import books

PREFIX = "data:,"  # a token is a URI (§3.1), and this one names nothing but itself


@prop(DAV.sync_token, on=AddressBook, allprop=False)
def sync_token(book: AddressBook, ctx: Context) -> str:
    return PREFIX + book.token


@prop(DAV.sync_token, on=Home, allprop=False)
def home_sync_token(home: Home, ctx: Context) -> str:
    return home_token(home, {book.name: book.token for book in books(home.owner, ctx)})


def home_token(home: Home, known: Mapping[str, str]) -> str:
    """The token of a client that knows these books in these states.

    A home keeps no history, so what a client has seen is all in its token.
    """
    return f"{PREFIX}{encode(home.owner)}?{urlencode(known)}"


def known_books(home: Home, token: str | None) -> dict[str, str]:
    """What home_token() was given, nothing for None; InvalidSyncToken if it was not of *home*."""
    if token is None:
        return {}
    prefix = home_token(home, {})
    try:
        pairs = parse_qsl(token.removeprefix(prefix), True, True, errors="strict")
    except ValueError:
        pairs = []
    if not token.startswith(prefix) or home_token(home, dict(pairs)) != token:
        raise InvalidSyncToken("not a token of this home")
    return dict(pairs)
