"""PROPPATCH (RFC 4918 §9.2): all of it or none of it, because a resource is a value."""

from copy import copy
from dataclasses import replace
from typing import TypeVar
from xml.etree.ElementTree import Element

from ...dav import multistatus, xml
from ...dav.errors import BadRequest, NotFound, ProtectedProperty, QuotaExceeded
from ...dav.names import DAV
from ...dav.xml import LANGUAGE, E
from ...model import AddressBook, Entry, Home, Principal
from ..bodies import element, multistatus_response
from ..context import Context, Limits
from ..messages import Response
from ..prefer import succinct
from ..registry import method, prop
from ..urls import owner, resolve

Patchable = Principal | Home | AddressBook | Entry
Patched = TypeVar("Patched", bound=Patchable)

# A property's name, and its element; None to remove it.
Change = tuple[str, Element | None]


@method("PROPPATCH", on=(Principal, Home, AddressBook, Entry), needs=DAV.write_properties)
def proppatch(resource: Patchable, ctx: Context) -> Response:
    changes = parse(element(ctx.request, DAV.propertyupdate))
    refused = protected(changes, type(resource))
    response = multistatus_response([outcome(ctx.href(resource), changes, refused)])
    if refused:
        return response
    whose = owner(resource) or ctx.principal.name
    with ctx.store.changing_properties(whose):  # two clients' changes must both be kept
        now = resolve(ctx.request.path, ctx.store)
        if not isinstance(now, Patchable):
            raise NotFound("it has just been deleted")
        _save(apply(now, changes, ctx.limits), ctx)
    return succinct(response, ctx)


def _save(resource: Patchable, ctx: Context) -> None:
    match resource:
        case Principal():
            home = Home(resource.name, resource.displayname, resource.dead)
            ctx.store.save_home(home)
        case Home():
            ctx.store.save_home(resource)
        case AddressBook():
            ctx.store.save_book(resource)
        case Entry():
            ctx.store.save_entry(resource)


def parse(update: Element | None) -> list[Change]:
    """What a propertyupdate (or mkcol) says is to be done, in document order."""
    if update is None:
        raise BadRequest("a propertyupdate is expected")
    changes: list[Change] = []
    for action in update:
        if action.tag not in (DAV.set, DAV.remove):
            continue
        for group in action.findall(DAV.prop):
            for found in group:
                value = _with_language(found, group, action, update)
                changes.append((found.tag, value if action.tag == DAV.set else None))
    return changes


def _with_language(*scope: Element) -> Element:
    """The first element with the xml:lang that is in scope where it stands (RFC 4918 §4.3)."""
    found = copy(scope[0])
    if language := next((said for element in scope if (said := element.get(LANGUAGE))), None):
        found.set(LANGUAGE, language)
    return found


def protected(changes: list[Change], kind: type) -> set[str]:
    """The names among them that clients may not set."""
    live = {name: prop.find(name, kind) for name, _ in changes}
    return {name for name, item in live.items() if item and not item.set}


def apply(resource: Patched, changes: list[Change], limits: Limits) -> Patched:
    """The resource as it is after *changes*.  QuotaExceeded when they leave too much on it."""
    before, dead = _size(resource), dict(resource.dead)
    for name, value in changes:
        item = prop.find(name, type(resource))
        if item and item.set:
            resource = item.set(resource, value)
            continue
        dead.pop(name, None)
        if value is not None:
            dead[name] = xml.fragment(value)
    resource = replace(resource, dead=tuple(dead.items()))
    if _size(resource) > max(before, limits.max_properties_size):
        raise QuotaExceeded(f"properties have at most {limits.max_properties_size} characters")
    return resource


def _size(resource: Patchable) -> int:
    texts = (getattr(resource, name, None) for name in ("displayname", "description", "language"))
    return sum(len(text or "") for text in texts) + sum(len(n) + len(x) for n, x in resource.dead)


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
