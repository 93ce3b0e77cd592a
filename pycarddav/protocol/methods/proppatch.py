"""PROPPATCH (RFC 4918 §9.2): all of it or none of it, because a collection is a value."""

from dataclasses import replace
from typing import TypeVar
from xml.etree.ElementTree import Element

from ...dav import multistatus, xml
from ...dav.errors import BadRequest, ProtectedProperty
from ...dav.names import DAV
from ...dav.xml import E
from ...model import AddressBook, Home
from ..bodies import element, multistatus_response
from ..context import Context
from ..messages import Response
from ..registry import method, prop

Patched = TypeVar("Patched", Home, AddressBook)
LANGUAGE = f"{{{xml.XML_NAMESPACE}}}lang"

# A property's name, and its element with the language in scope; None to remove it.
Change = tuple[str, tuple[Element, str | None] | None]


@method("PROPPATCH", on=Home, needs=DAV.write_properties)
def proppatch_home(home: Home, ctx: Context) -> Response:
    changes = parse(element(ctx.request, DAV.propertyupdate))
    if not (refused := protected(changes, Home)):
        ctx.store.save_home(apply(home, changes))
    return multistatus_response([outcome(ctx.href(home), changes, refused)])


@method("PROPPATCH", on=AddressBook, needs=DAV.write_properties)
def proppatch_book(book: AddressBook, ctx: Context) -> Response:
    changes = parse(element(ctx.request, DAV.propertyupdate))
    if not (refused := protected(changes, AddressBook)):
        ctx.store.save_book(apply(book, changes))
    return multistatus_response([outcome(ctx.href(book), changes, refused)])


def parse(update: Element | None) -> list[Change]:
    """What a propertyupdate (or mkcol) says is to be done, in document order."""
    if update is None:
        raise BadRequest("a propertyupdate is expected")
    changes: list[Change] = []
    for action in update:
        if action.tag not in (DAV.set, DAV.remove):
            continue
        for found in action.iterfind(f"{DAV.prop}/*"):
            language = next(
                (e.get(LANGUAGE) for e in (found, action, update) if e.get(LANGUAGE)), None
            )
            changes.append((found.tag, (found, language) if action.tag == DAV.set else None))
    return changes


def protected(changes: list[Change], kind: type) -> set[str]:
    """The names among them that clients may not set."""
    live = {name: prop.find(name, kind) for name, _ in changes}
    return {name for name, item in live.items() if item and not item.set}


def apply(resource: Patched, changes: list[Change]) -> Patched:
    """The collection as it is after *changes*."""
    for name, value in changes:
        item = prop.find(name, type(resource))
        if item and item.set:
            resource = item.set(resource, value and value[0])
        else:
            kept = tuple(pair for pair in resource.dead if pair[0] != name)
            new = ((name, xml.fragment(*value)),) if value else ()
            resource = replace(resource, dead=kept + new)
    return resource


def outcome(href: str, changes: list[Change], refused: set[str]) -> xml.XML:
    """The response: all 200, or 403 for the protected ones and 424 for the others."""
    names = list(dict.fromkeys(name for name, _ in changes))
    if not refused:
        return multistatus.propstats(href, {200: [E(name) for name in names]})
    others = [E(name) for name in names if name not in refused]
    return multistatus.response(
        href,
        multistatus.propstat(403, map(E, sorted(refused)), E(ProtectedProperty.condition or "")),
        *([multistatus.propstat(424, others)] if others else []),
    )
