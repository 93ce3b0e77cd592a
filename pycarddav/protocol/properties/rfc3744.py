"""Access control (RFC 3744 §4, §5; RFC 5397): everything is told, nothing is changed over it."""

from ...dav.names import DAV
from ...dav.xml import XML, E, join
from ...model import Home, Principal, PrincipalCollection, Resource
from .. import urls
from ..access import ALL, Privilege, granted, privileges
from ..context import Context
from ..registry import prop


@prop(DAV.current_user_principal, on=object, allprop=False)
def current_user_principal(resource: Resource, ctx: Context) -> XML:
    """RFC 5397"""
    return E(DAV.href, ctx.href(ctx.principal))


@prop(DAV.principal_collection_set, on=object, allprop=False)
def principal_collection_set(resource: Resource, ctx: Context) -> XML:
    """§5.8"""
    return E(DAV.href, ctx.href(PrincipalCollection()))


@prop(DAV.principal_URL, on=(Principal, Home), allprop=False)
def principal_url(resource: Principal | Home, ctx: Context) -> XML:
    """§4.2.  A home has it as well: who comes from Radicale knows the home as the principal."""
    return E(DAV.href, ctx.href(_principal(resource)))


@prop(
    DAV.alternate_URI_set, DAV.group_member_set, DAV.group_membership, on=Principal, allprop=False
)
@prop(DAV.group, DAV.inherited_acl_set, on=object, allprop=False)
def nothing(resource: Resource, ctx: Context) -> XML:
    """Required (§4.1, §4.3, §4.4, §5.2, §5.7), and empty: there are no groups, no inheritance."""
    return XML()


@prop(DAV.owner, on=object, allprop=False)
def owner(resource: Resource, ctx: Context) -> XML:
    """§5.1; empty for what is everyone's."""
    name = urls.owner(resource)
    return E(DAV.href, ctx.href(Principal(name))) if name else XML()


@prop(DAV.current_user_privilege_set, on=object, allprop=False)
def current_user_privilege_set(resource: Resource, ctx: Context) -> XML:
    """§5.4: each privilege in an element of its own; DAVx⁵ and macOS read no others."""
    return _each(privileges(ctx.principal, resource))


@prop(DAV.supported_privilege_set, on=object, allprop=False)
def supported_privilege_set(resource: Resource, ctx: Context) -> XML:
    """§5.3"""
    return _supported(ALL)


@prop(DAV.acl, on=object, allprop=False)
def acl(resource: Resource, ctx: Context) -> XML:
    """§5.5: none of the entries can be changed over the protocol."""
    return join(
        E(DAV.ace, E(DAV.principal, _who(who, ctx)), E(DAV.grant, _each(held)), E(DAV.protected))
        for who, held in granted(resource)
    )


def _who(principal: Principal | None, ctx: Context) -> XML:
    return E(DAV.href, ctx.href(principal)) if principal else E(DAV.authenticated)


@prop(DAV.acl_restrictions, on=object, allprop=False)
def acl_restrictions(resource: Resource, ctx: Context) -> XML:
    """§5.6"""
    return join([E(DAV.grant_only), E(DAV.no_invert)])


def _principal(resource: Principal | Home) -> Principal:
    return resource if isinstance(resource, Principal) else Principal(resource.owner)


def _each(names: tuple[str, ...]) -> XML:
    return join(E(DAV.privilege, E(name)) for name in names)


def _supported(privilege: Privilege) -> XML:
    described = E(DAV.description, privilege.description, **{"xml:lang": "en"})
    inner = (_supported(contained) for contained in privilege.contains)
    named = E(DAV.privilege, E(privilege.name))
    return E(DAV.supported_privilege, named, described, *inner)
