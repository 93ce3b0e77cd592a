"""From a request's body to XML, from fragments to a response."""

from collections.abc import Iterable
from xml.etree.ElementTree import Element

from ..dav import multistatus, xml
from ..dav.errors import BadRequest, ExternalEntities
from .messages import Request, Response

XML_TYPE = {"Content-Type": "application/xml; charset=utf-8"}


def element(request: Request, name: str | None = None) -> Element | None:
    """The body's root element, which is a *name*; None when there is no body.

    Its Content-Type does not matter: clients send text/xml, application/xml, or none.
    """
    if not request.body.strip():
        return None
    try:
        found = xml.parse(request.body)
    except xml.Forbidden as error:
        raise ExternalEntities(str(error)) from None
    except xml.Malformed as error:
        raise BadRequest(str(error)) from None
    if name and found.tag != name:
        raise BadRequest(f"expected {name}, not {found.tag}")
    return found


def multistatus_response(fragments: Iterable[str]) -> Response:
    """207 with these responses."""
    return Response(207, XML_TYPE, multistatus.multistatus(fragments))
