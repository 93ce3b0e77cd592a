"""What a resource can do (RFC 3253 §3.1): read from the tables that do it."""

from ...dav.names import DAV
from ...dav.xml import XML, E, join
from ...model import Resource
from ..context import Context
from ..registry import method, prop, report


@prop(DAV.supported_report_set, on=object, allprop=False)
def supported_report_set(resource: Resource, ctx: Context) -> XML:
    """§3.1.5"""
    reports = report.on(type(resource))
    return join(E(DAV.supported_report, E(DAV.report, E(item.name))) for item in reports)


@prop(DAV.supported_method_set, on=object, allprop=False)
def supported_method_set(resource: Resource, ctx: Context) -> XML:
    """§3.1.3"""
    return join(E(DAV.supported_method, name=item.name) for item in method.on(type(resource)))


@prop(DAV.supported_live_property_set, on=object, allprop=False)
def supported_live_property_set(resource: Resource, ctx: Context) -> XML:
    """§3.1.4"""
    names = [item.name for item in prop.on(type(resource))]
    return join(E(DAV.supported_live_property, E(DAV.prop, E(name))) for name in names)
