"""The URL space, whole: one match statement from path to resource.

Nobody else takes a path apart, so no name is ever a way out: a path is split first, and each
segment is decoded once, as UTF-8.
"""

import re
from collections.abc import Callable
from functools import wraps
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from ..dav.errors import BadGateway, BadRequest, Conflict, Error, Forbidden, NotFound
from ..model import (
    PRINCIPALS,
    AddressBook,
    Entry,
    Principal,
    PrincipalCollection,
    Resource,
    Root,
    Unmappable,
    Unmapped,
    UnmappedBook,
    UnmappedCard,
)
from ..store import Store

MAX_NAME = 255  # octets: what a file system holds
_UNSAFE = re.compile("[\0-\x1f\x7f/]")
_PLAIN = re.compile(3 * r"/([\w~@-][\w.~@-]{0,200}+)", re.ASCII)

Place = tuple[str, str, str]  # the names of a card's owner, of its book, and its own


def resolve(path: str, store: Store) -> Resource | Unmapped:
    """The resource at *path*, or an unmapped one where something could be.

    BadRequest for what is not a path; NotFound where this server has nothing.
    """
    match segments(path):
        case []:
            return Root()
        case [name] if name == PRINCIPALS:
            return PrincipalCollection()
        case [first, name] if first == PRINCIPALS and (home := store.home(name)):
            return home.principal
        case [first, *_] if first.startswith("."):
            raise NotFound("there is nothing here")
        case [owner]:
            if home := store.home(owner):
                return home
            raise NotFound("there is nothing here")
        case [owner, *names] if why := _impossible(names):
            return Unmappable(path, why, owner)
        case [owner, name]:
            return store.book(owner, name) or UnmappedBook(owner, name)
        case [owner, name, card]:
            if book := store.book(owner, name):
                return next(store.entries(book, [card]), None) or UnmappedCard(book, card)
    return Unmappable(path, Conflict("the parent collection does not exist"), segments(path)[0])


def segments(path: str) -> list[str]:
    """The names a path consists of.  BadRequest when it is not a path in UTF-8."""
    if "#" in path:
        raise BadRequest("a request target has no fragment")  # and must not delete what is before
    try:
        parts = [part for part in path.split("/") if part]
        if "%" in path or not path.isascii():
            parts = [unquote_to_bytes(part).decode() for part in parts]
    except UnicodeError:
        raise BadRequest("a path is percent-encoded UTF-8") from None
    if "" in parts or "." in parts or ".." in parts:
        raise BadRequest("a path has no empty or relative segments")
    return parts


def _impossible(names: list[str]) -> Error | None:
    """Why none of our resources can have one of these names, if so."""
    for name in names:
        if name.startswith("."):
            return Forbidden("names that begin with a dot are the server's own")
        if _UNSAFE.search(name):
            return Forbidden("a name has no slash and no control characters")
        if len(name) > MAX_NAME // 4 and len(name.encode()) > MAX_NAME:
            return Forbidden(f"a name has at most {MAX_NAME} octets")
    return None


def path_of(href: str, base: str) -> str:
    """The path that an href in a body or a header stands for, below *base*.

    An href is a path or a whole URI (RFC 4918 §8.3); it may be written without percent-encoding.
    BadRequest when it leads outside the base path.
    """
    try:
        path = urlsplit(href).path if "://" in href else href.partition("?")[0]
    except ValueError as error:  # "http://["
        raise BadRequest(str(error)) from None
    if not path.startswith(base + "/"):
        raise BadRequest(f"not a path of this server: {href[:200]}")
    return path.removeprefix(base)


def local(uri: str, origin: str, base: str) -> str:
    """The path of a URI in a header (RFC 4918 §8.3, §10.3), absolute or only a path, below *base*.

    BadRequest; BadGateway when it is one of another server.  The scheme is not compared: a proxy
    that does TLS does not always say so.
    """
    try:
        parts = urlsplit(uri.strip())
        if parts.netloc and _host(parts) != _host(urlsplit(origin)):
            raise BadGateway(f"{parts.netloc[:200]} is another server")
    except ValueError as error:  # a port that is none, half an IPv6 address
        raise BadRequest(f"not a URI: {error}") from None
    if not parts.path.startswith("/") or parts.fragment:
        raise BadRequest("neither a URI nor an absolute path")
    if not parts.path.startswith(base + "/"):
        raise BadGateway(f"this server is at {base}/")
    return parts.path.removeprefix(base)


def _host(parts: SplitResult) -> tuple[str | None, int | None]:
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.hostname, None if parts.port == default else parts.port


def plainly(find: Callable[[str, str], Place | None]) -> Callable[[str, str], Place | None]:
    """Take a path of three names in which nothing is to be decoded apart in one step."""

    @wraps(find)
    def quick(href: str, base: str) -> Place | None:
        found = _PLAIN.fullmatch(href, len(base)) if href.startswith(base) else None
        return (found[1], found[2], found[3]) if found else find(href, base)

    return quick


@plainly
def place(href: str, base: str) -> Place | None:
    """Where the card at *href* would be, if a card could be there."""
    try:
        match segments(path_of(href.strip(), base)):
            case [owner, book, name] if not _impossible([owner, book, name]):
                return owner, book, name
    except BadRequest:
        pass
    return None


def parent(resource: Resource | Unmapped) -> str:
    """The path of the collection that *resource* is, or would be, a member of."""
    match resource:
        case Entry() | UnmappedCard():
            return resource.book.path
        case Unmappable():
            return resource.path.rstrip("/").rpartition("/")[0] + "/"
    return resource.path[: resource.path.rstrip("/").rfind("/") + 1]


def owner(resource: Resource | Unmapped) -> str | None:
    """Whose space a resource is in: None for what is everyone's."""
    match resource:
        case Root() | PrincipalCollection():
            return None
        case Principal():
            return resource.name
        case Entry() | UnmappedCard():
            return resource.book.owner
    return resource.owner


def book_name(resource: Resource | Unmapped) -> str | None:
    """The name of the book that a resource is, or is in, or would be; None above the books."""
    match resource:
        case AddressBook() | UnmappedBook():
            return resource.name
        case Entry() | UnmappedCard():
            return resource.book.name
        case Unmappable():
            return segments(resource.path)[1]
    return None
