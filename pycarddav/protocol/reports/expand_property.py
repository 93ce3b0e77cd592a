"""expand-property (RFC 3253 §3.8): properties, and those of the resources that their hrefs name."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

from ...dav import xml
from ...dav.errors import BadRequest, NotFound, TooManyMatches
from ...dav.names import DAV
from ...model import Resource, Unmapped
from ..access import see
from ..bodies import multistatus_response
from ..context import Context
from ..members import load
from ..messages import Response
from ..propfind import PropFind, requested
from ..registry import report
from ..urls import path_of, resolve

# An href may lead back to where it stands, and a dead property may hold any number of them.
MAX_RESPONSES = 1_000
MAX_LEVELS = 8
_LOCAL_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


@report(DAV.expand_property, on=object)
def expand_property(resource: Resource, body: Element, ctx: Context) -> Response:
    answer = _answer(resource, _parse(body, ctx), ctx, iter(range(MAX_RESPONSES)))
    return multistatus_response([xml.fragment(answer)])


@dataclass(frozen=True)
class Expansion:
    """What is wanted of a resource, and of those that the hrefs in its properties name."""

    wanted: PropFind
    inner: Mapping[str, "Expansion"]


def _parse(asked: Element, ctx: Context, levels: int = MAX_LEVELS) -> Expansion:
    """From an expand-property, or from a DAV:property in it; at most *levels* in one another."""
    if levels < 0:
        raise BadRequest(f"no more than {MAX_LEVELS} properties are expanded inside one another")
    inner = {_name(found): _parse(found, ctx, levels - 1) for found in asked.findall(DAV.property)}
    propfind = Element(DAV.propfind)
    names = SubElement(propfind, DAV.prop)
    for name in inner:
        SubElement(names, name)
    return Expansion(requested(propfind, ctx), inner)


def _name(found: Element) -> str:
    local, uri = found.get("name", ""), found.get("namespace", "DAV:")
    if not _LOCAL_NAME.fullmatch(local) or "}" in uri or uri == xml.XMLNS_NAMESPACE:
        raise BadRequest("a property has a name that an element can have")
    return f"{{{uri}}}{local}" if uri else local


def _answer(resource: Resource, expansion: Expansion, ctx: Context, room: Iterator[int]) -> Element:
    """The response of *resource*; TooManyMatches when it would be one more than there is *room*."""
    if next(room, None) is None:
        raise TooManyMatches(f"no more than {MAX_RESPONSES} resources are answered for")
    answered = expansion.wanted.answer(load(resource, expansion.wanted, ctx), ctx)
    answer = xml.parse(xml.document(DAV.multistatus, answered))[0]
    for value in answer.iterfind(f"{DAV.propstat}/{DAV.prop}/*"):
        if (further := expansion.inner[value.tag]).inner:
            _expand(value, further, ctx, room)
    return answer


def _expand(value: Element, further: Expansion, ctx: Context, room: Iterator[int]) -> None:
    """Put a response in the place of each href in *value* that names a resource of this server."""
    for parent in list(value.iter()):
        for position, child in enumerate(parent):
            resource = _named(child.text or "", ctx) if child.tag == DAV.href else None
            if resource:
                parent[position] = _answer(resource, further, ctx, room)


def _named(href: str, ctx: Context) -> Resource | None:
    """The resource that *href* names, if the one who asks may see it."""
    try:
        resource = resolve(path_of(href.strip(), ctx.base), ctx.store)
        see(ctx.principal, resource)
    except (BadRequest, NotFound):
        return None
    return None if isinstance(resource, Unmapped) else resource
