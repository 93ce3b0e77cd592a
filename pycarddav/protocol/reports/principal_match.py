"""principal-match (RFC 3744 §9.3): the members of a collection that are the user, or the user's."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from ...dav.errors import BadRequest
from ...dav.names import DAV
from ...dav.xml import E
from ...model import AddressBook, Home, Principal, PrincipalCollection, Resource, Root
from ..bodies import multistatus_response
from ..context import Context
from ..messages import Response
from ..propfind import answers
from ..registry import prop, report
from ..tree import descendants, principals


@report(DAV.principal_match, on=(Root, PrincipalCollection, Principal, Home, AddressBook))
def principal_match(collection: Resource, body: Element, ctx: Context) -> Response:
    """Either the principals that are the user, or what has a property that names the user."""
    names = [found.tag for found in body.iterfind(f"{DAV.principal_property}/*")]
    if names:
        found = _naming(names[0], collection, ctx)
    elif body.find(DAV.self) is not None:
        found = (one for one in principals(collection, ctx) if one.name == ctx.principal.name)
    else:
        raise BadRequest("a principal-match has self, or principal-property with a property")
    return multistatus_response(answers(found, body, ctx))


def _naming(name: str, collection: Resource, ctx: Context) -> Iterator[Resource]:
    user = E(DAV.href, ctx.href(ctx.principal))
    for resource in descendants(collection, ctx):
        item = prop.find(name, type(resource))
        if item and user in (item.get(resource, ctx) or ""):
            yield resource
