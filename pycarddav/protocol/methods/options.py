"""OPTIONS (RFC 9110 §9.3.7, RFC 4918 §10.1)."""

from ...dav.names import DAV
from ...model import Resource, Unmapped
from ..context import Context
from ..messages import Response
from ..registry import method

# DAVx⁵ gives an account up when "addressbook" is missing on the principal.
COMPLIANCE = "1, 2, 3, access-control, addressbook, extended-mkcol"


@method("OPTIONS", on=object, needs=DAV.read, judges=True)
def options(resource: Resource | Unmapped, ctx: Context) -> Response:
    """200 and not 204, on which Thunderbird has been seen to fail."""
    allowed = ", ".join(item.name for item in method.on(type(resource)))
    return Response(200, {"Allow": allowed, "DAV": COMPLIANCE})
