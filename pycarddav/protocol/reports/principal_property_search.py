"""principal-property-search (RFC 3744 §9.4), with ``test`` and ``match-type`` as Apple has them."""

from collections.abc import Callable, Iterable, Iterator
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

MAX_SEARCHES = 50  # each looks at every principal

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
    """A text that a property is to hold."""

    name: str
    text: TextMatch

    def matches(self, principal: Principal, ctx: Context) -> bool:
        """Whether *principal* is found; never by a property that is not searchable."""
        return self.name in SEARCHABLE and self.text.matches(_texts(self.name, principal, ctx))


def _texts(name: str, principal: Principal, ctx: Context) -> list[str]:
    item = prop.find(name, Principal)
    value = item.get(principal, ctx) if item else None
    return [] if value is None else list(xml.parse(document(DAV.prop, E(name, value))).itertext())


def _parse(body: Element) -> tuple[Test, list[Search]]:
    """How the searches are combined, and the searches; BadRequest when there is none.

    Nextcloud's library names several properties in one property-search, and means any of them when
    the test is anyof.
    """
    if len(body.findall(f"{DAV.property_search}/{DAV.prop}/*")) > MAX_SEARCHES:
        raise BadRequest(f"at most {MAX_SEARCHES} properties are searched at once")
    test = TESTS.get(body.get("test", "allof"))
    searches = [
        search for found in body.iterfind(DAV.property_search) for search in _searches(found)
    ]
    if test is None or not searches:
        raise BadRequest(
            "a principal-property-search has a property-search; test is anyof or allof"
        )
    return test, searches


def _searches(found: Element) -> Iterator[Search]:
    match, names = found.find(DAV.match), found.findall(f"{DAV.prop}/*")
    if match is None or not names:
        raise BadRequest("a property-search has a prop and a match")
    kind = match.get("match-type", "contains")
    if kind not in MATCHES:
        raise BadRequest(f"there is no match-type {kind:.80}")
    text = TextMatch(match.text or "", match=kind)
    yield from (Search(named.tag, text) for named in names)
