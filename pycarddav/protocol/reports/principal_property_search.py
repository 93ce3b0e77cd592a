"""principal-property-search (RFC 3744 §9.4), with ``test`` and ``match-type`` as Apple has them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ...dav import xml
from ...dav.errors import BadRequest
from ...dav.names import CALDAV, CALENDARSERVER, DAV
from ...dav.xml import E, document
from ...model import Home, Principal, PrincipalCollection, Resource, Root
from ...vcard.query import MATCHES, TESTS, TextMatch
from ..bodies import multistatus_response
from ..context import Context
from ..messages import Response
from ..propfind import answers
from ..registry import prop, report
from ..tree import principals

Test = Callable[[Iterable[bool]], bool]

# By what a principal can be found, and what that is called (§9.5).
SEARCHABLE = {
    DAV.displayname: "Name",
    CALENDARSERVER.email_address_set: "Email address",
    CALDAV.calendar_user_address_set: "Email address as a URI",
}


@report(DAV.principal_property_search, on=(Root, PrincipalCollection, Principal, Home))
def principal_property_search(resource: Resource, body: Element, ctx: Context) -> Response:
    elsewhere = body.find(DAV.apply_to_principal_collection_set) is not None
    where = PrincipalCollection() if elsewhere else resource
    test, searches = _parse(body)
    found = (
        principal
        for principal in principals(where, ctx)
        if test(search.matches(principal, ctx) for search in searches)
    )
    return multistatus_response(answers(found, body, ctx))


@dataclass(frozen=True)
class Search:
    """DAV:property-search: a text that every one of some properties holds."""

    names: tuple[str, ...]
    text: TextMatch

    def matches(self, principal: Principal, ctx: Context) -> bool:
        """Whether *principal* is found; never by a property that is not searchable."""
        return all(
            name in SEARCHABLE and self.text.matches(_texts(name, principal, ctx))
            for name in self.names
        )


def _texts(name: str, principal: Principal, ctx: Context) -> list[str]:
    item = prop.find(name, Principal)
    value = item.get(principal, ctx) if item else None
    return [] if value is None else list(xml.parse(document(DAV.prop, E(name, value))).itertext())


def _parse(body: Element) -> tuple[Test, list[Search]]:
    """How the searches are combined, and the searches; BadRequest when there is none."""
    test = TESTS.get(body.get("test", "allof"))
    searches = [_search(found) for found in body.findall(DAV.property_search)]
    if test is None or not searches:
        raise BadRequest(
            "a principal-property-search has a property-search; test is anyof or allof"
        )
    return test, searches


def _search(found: Element) -> Search:
    names = tuple(named.tag for named in found.iterfind(f"{DAV.prop}/*"))
    match = found.find(DAV.match)
    if not names or match is None:
        raise BadRequest("a property-search has a prop and a match")
    kind = match.get("match-type", "contains")
    if kind not in MATCHES:
        raise BadRequest(f"there is no match-type {kind:.80}")
    return Search(names, TextMatch(match.text or "", match=kind))
