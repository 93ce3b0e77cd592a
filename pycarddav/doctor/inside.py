"""Behind the login: from the principal to an address book, and what becomes of paths."""

from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import quote, unquote, urlsplit

from ..client import ForeignHost
from ..client.http import REDIRECTS
from ..client.multistatus import Response
from ..dav.names import CARDDAV, DAV
from .ailments import Ailment
from .findings import Finding, ok
from .visit import Visit, is_dav, target


def principal(visit: Visit) -> Iterator[Finding]:
    """RFC 6352 §7.1.1: from the endpoint to the principal to the home."""
    for name, nowhere in (
        (DAV.current_user_principal, Ailment.no_principal),
        (CARDDAV.addressbook_home_set, Ailment.no_home),
    ):
        place = visit.home or visit.endpoint
        found = visit.properties(place, name).responses
        hrefs = [href for response in found for href in response.hrefs(name)]
        if not hrefs:
            raise nowhere.stop(url=place)
        visit.home = _there(visit, hrefs[0])
        yield from _speaks_carddav(visit) if name == DAV.current_user_principal else ()
    yield ok(f"the address books of {visit.user} are in {urlsplit(visit.home).path}")


def _there(visit: Visit, href: str) -> str:
    """The URL of an href, which is there from outside as well; Stop."""
    try:
        url = visit.locate(href)
    except ForeignHost as error:
        raise Ailment.foreign_href.stop(why=error) from None
    status = visit.propfind(url, DAV.resourcetype).status
    if status in (404, 410):
        raise Ailment.wrong_prefix.stop(href=href, status=status)
    return url


def _speaks_carddav(visit: Visit) -> Iterator[Finding]:
    """DAVx⁵ and Evolution take nothing for an address book without this header (RFC 6352 §6.1)."""
    answer = visit.ask("OPTIONS", visit.home)
    if "addressbook" in answer.headers.get("dav", "").lower():
        yield ok("OPTIONS says that this is CardDAV")
    else:
        yield Ailment.no_dav.found()


def books(visit: Visit) -> Iterator[Finding]:
    names = DAV.resourcetype, DAV.displayname, DAV.sync_token, CARDDAV.max_resource_size
    responses = visit.properties(visit.home, *names, depth="1").responses
    found = [item for item in responses if item.has(DAV.resourcetype, CARDDAV.addressbook)]
    if not found:
        raise Ailment.no_book.stop(user=visit.user)
    visit.book = _there(visit, found[0].href)
    visit.token = found[0].text(DAV.sync_token) or ""
    with suppress(ValueError):
        visit.limit = int(found[0].text(CARDDAV.max_resource_size) or "")
    yield ok(f"address books: {', '.join(map(_title, found))}")
    if not visit.token:
        yield Ailment.no_sync.found()


def _title(book: Response) -> str:
    return book.text(DAV.displayname) or book.href


def slash(visit: Visit) -> Iterator[Finding]:
    """People leave the slash out, and some clients do."""
    for url in dict.fromkeys((visit.endpoint, visit.book)):
        bare = url.rstrip("/")
        if urlsplit(bare).path:
            yield _bare(visit, bare)


def _bare(visit: Visit, url: str) -> Finding:
    answer = visit.propfind(url, DAV.resourcetype)
    path = urlsplit(url).path
    if answer.status in REDIRECTS:
        there = target(answer)
        if there == f"{url}/":
            return ok(f"{path} leads to {path}/")
        if urlsplit(there).scheme != visit.scheme:
            return Ailment.redirect_plain.found(url=url, target=there)
        return Ailment.redirect_elsewhere.found(url=url, target=there)
    if answer.status == 207:
        return ok(f"{path} is the same as {path}/")
    return Ailment.slash.found(url=url, status=answer.status)


def paths(visit: Visit) -> Iterator[Finding]:
    """An encoded slash stays one: nothing is stored, whatever becomes of it.

    pycarddav refuses such a name (403), and would miss the parent (409) had it become a path.
    """
    url = f"{visit.book}doctor-{visit.number}%2Fcard.vcf"
    answer = visit.ask("PUT", url, b"", {"Content-Type": "text/vcard", "If-None-Match": "*"})
    if answer.status == 409:
        yield Ailment.decoded_path.found()
    elif visit.is_stopped(answer) or (answer.status == 404 and not is_dav(answer)):
        yield Ailment.refused_path.found(status=answer.status)
    else:
        yield ok("paths arrive as they are sent")


def methods(visit: Visit) -> Iterator[Finding]:
    """Those that clients need besides what a card takes; each in a form that changes nothing."""
    for method, body in (("MKCOL", b""), ("PROPPATCH", b"<")):
        status = (answer := visit.ask(method, visit.book, body)).status
        if visit.is_stopped(answer):
            yield Ailment.method_refused.found(method=method, status=status)
        else:
            yield ok(f"{method} arrives")


def spelled(url: str) -> str:
    """A URL's path, in one spelling."""
    return quote(unquote(urlsplit(url).path))
