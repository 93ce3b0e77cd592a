"""REPORT (RFC 3253 §3.6)."""

from typing import cast

from ...dav.errors import BadRequest, ReportNotSupported
from ...dav.names import DAV
from ...dav.preferences import MINIMAL
from ...model import AddressBook, Entry, Home, Principal, PrincipalCollection, Resource, Root
from .. import registry
from ..bodies import element
from ..context import Context
from ..messages import Response
from ..prefer import honours

EVERYWHERE = (Root, PrincipalCollection, Principal, Home, AddressBook, Entry)


@registry.method("REPORT", on=EVERYWHERE, needs=DAV.read, judges=True)
@honours(MINIMAL)
def report(resource: Resource, ctx: Context) -> Response:
    body = element(ctx.request)
    if body is None:
        raise BadRequest("a REPORT has a body")
    item = registry.report.find(body.tag, type(resource))
    if item is None:
        raise ReportNotSupported(f"{body.tag} is not a report of this resource")
    return cast(Response, item.run(resource, body, ctx))
