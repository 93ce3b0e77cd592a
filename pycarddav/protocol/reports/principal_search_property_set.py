"""principal-search-property-set (RFC 3744 §9.5): by what principals can be searched."""

from xml.etree.ElementTree import Element

from ...dav.names import DAV
from ...dav.xml import E, document
from ...model import Home, Principal, PrincipalCollection, Resource, Root
from ..bodies import XML_TYPE
from ..context import Context
from ..messages import Response
from ..registry import report
from .principal_property_search import SEARCHABLE


@report(DAV.principal_search_property_set, on=(Root, PrincipalCollection, Principal, Home))
def principal_search_property_set(resource: Resource, body: Element, ctx: Context) -> Response:
    """200, and not a multi-status."""
    found = (
        E(
            DAV.principal_search_property,
            E(DAV.prop, E(name)),
            E(DAV.description, description, **{"xml:lang": "en"}),
        )
        for name, description in SEARCHABLE.items()
    )
    return Response(200, XML_TYPE, document(DAV.principal_search_property_set, *found))
