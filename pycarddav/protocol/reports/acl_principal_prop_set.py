"""acl-principal-prop-set (RFC 3744 §9.2): the principals that an access control list names."""

from xml.etree.ElementTree import Element

from ...dav.names import DAV
from ...model import Resource
from ..access import granted
from ..bodies import multistatus_response
from ..context import Context
from ..messages import Response
from ..propfind import answers
from ..registry import report


@report(DAV.acl_principal_prop_set, on=object)
def acl_principal_prop_set(resource: Resource, body: Element, ctx: Context) -> Response:
    names = dict.fromkeys(who.name for who, _ in granted(resource) if who)
    found = [home.principal for name in names if (home := ctx.store.home(name))]
    return multistatus_response(answers(found, body, ctx))
