"""The identity of a resource (RFC 5842 §3.1)."""

from uuid import NAMESPACE_URL, uuid5

from ...dav.names import DAV
from ...dav.xml import XML, E
from ...model import AddressBook, Home, Principal
from ..context import Context
from ..registry import prop


@prop(DAV.resource_id, on=(Principal, Home, AddressBook), allprop=False)
def resource_id(resource: Principal | Home | AddressBook, ctx: Context) -> XML:
    """Made of the URL: a folder keeps no other identity.  A book that moves is a new one."""
    url = ctx.request.origin + ctx.href(resource)
    return E(DAV.href, uuid5(NAMESPACE_URL, url).urn)
