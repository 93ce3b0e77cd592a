"""From a request's body to XML, from fragments to a response."""

from collections.abc import Callable, Iterable
from functools import wraps
from xml.etree.ElementTree import Element

from .. import haste
from ..dav import multistatus, xml
from ..dav.errors import BadRequest, ExternalEntities
from ..dav.xml import Fragment
from .cache import Cache
from .messages import Request, Response

SMALL = 2048  # octets: a body that may come again; more has the cards in it that are asked for
MUCH = 8192  # octets that are not parsed in haste
XML_TYPE = {"Content-Type": "application/xml; charset=utf-8"}


def element(request: Request, name: str | None = None) -> Element | None:
    """The body's root element, which is a *name*; None when there is no body.

    Its Content-Type does not matter: clients send text/xml, application/xml, or none.
    """
    if not request.body.strip():
        return None
    found = parsed(request.body)
    if name and found.tag != name:
        raise BadRequest(f"expected {name}, not {found.tag}")
    return found


def remembering_small(parse: Callable[[bytes], Element]) -> Callable[[bytes], Element]:
    """A client asks for the same again and again: parse that once.  Nobody changes an element."""
    kept = Cache[Element](64 * SMALL)

    @wraps(parse)
    def remembered(body: bytes) -> Element:
        found = kept.get(body)
        if found is None:
            if len(body) > MUCH:
                haste.wait()
            found = parse(body)
            if len(body) <= SMALL:
                kept.put(body, found, len(body))
        return found

    return remembered


@remembering_small
def parsed(body: bytes) -> Element:
    """The root element of *body*.  ExternalEntities, BadRequest."""
    try:
        return xml.parse(body)
    except xml.Forbidden as error:
        raise ExternalEntities(str(error)) from None
    except xml.Malformed as error:
        raise BadRequest(str(error)) from None


def multistatus_response(fragments: Iterable[Fragment]) -> Response:
    """207 with these responses."""
    return Response(207, XML_TYPE, multistatus.multistatus(fragments))
