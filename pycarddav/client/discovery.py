"""Finding address books from any URL of a server (RFC 6764 §6), as phones do."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from ..dav.names import CARDDAV, DAV
from .errors import Garbled, Unexpected
from .multistatus import Response
from .webdav import Client

WELL_KNOWN = "/.well-known/carddav"
_FINAL = (401, 429, 500, 502, 503, 504)  # a server that says no, or not now, wherever it is asked
_SOUGHT = (DAV.resourcetype, DAV.current_user_principal, CARDDAV.addressbook_home_set)


def books(client: Client) -> list[str]:
    """The URLs of the user's address books; one alone where the client's URL is that of one.

    Unexpected where nothing leads to any; LoginRefused and whatever says that there is no server.
    """
    tried = []
    for start in _starts(client.url):
        try:
            found = _found(client, start)
        except (Unexpected, Garbled) as error:
            if isinstance(error, Unexpected) and error.status in _FINAL:
                raise
            tried.append(str(error))
            continue
        if found is not None:
            return found
        tried.append(f"{start} leads to no address book")
    raise Unexpected("; ".join(tried), 404)


def _starts(url: str) -> Iterator[str]:
    """Where to begin: what the user named comes first, if that is more than a server."""
    if urlsplit(url).path.strip("/"):
        yield url
    yield WELL_KNOWN
    yield "/"


def _found(client: Client, start: str) -> list[str] | None:
    """The address books that *start* leads to; None where it leads nowhere."""
    here, url = _one(client, start)
    if _is_book(here):
        return [url]
    homes = _located(client, url, here, CARDDAV.addressbook_home_set)
    for principal in _located(client, url, here, DAV.current_user_principal):
        if principal != url and not homes:
            about, there = _one(client, principal)
            homes = _located(client, there, about, CARDDAV.addressbook_home_set)
    listed = dict.fromkeys(book for home in homes or [url] for book in _listed(client, home))
    return list(listed) if listed or homes else None


def _located(client: Client, url: str, about: Response, name: str) -> list[str]:
    return [client.locate(url, href) for href in about.hrefs(name)]


def _one(client: Client, url: str) -> tuple[Response, str]:
    """What is said of the resource itself, whatever its href; and its URL."""
    found, place = client.propfind(url, *_SOUGHT)
    for response in found.responses:
        return response, place
    raise Unexpected(f"PROPFIND {place}: nothing is said of it", 404)


def _listed(client: Client, home: str) -> list[str]:
    """The address books among a collection and its members."""
    found, place = client.propfind(home, DAV.resourcetype, depth="1")
    return [
        client.locate(place, response.href) for response in found.responses if _is_book(response)
    ]


def _is_book(response: Response) -> bool:
    return response.has(DAV.resourcetype, CARDDAV.addressbook)
