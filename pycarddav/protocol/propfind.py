"""Which properties a client wants, and how a resource answers (RFC 4918 §9.1, §14.20)."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any
from weakref import WeakKeyDictionary
from xml.etree.ElementTree import Element

from .. import haste
from ..dav import multistatus
from ..dav.errors import BadRequest, CardUnavailable, Error, NoConversion
from ..dav.names import CARDDAV, DAV
from ..dav.preferences import MINIMAL
from ..dav.xml import XML, E, Whole
from ..model import Dead, Resource
from ..vcard.address_data import AddressData
from .context import Context
from .registry import prop

log = logging.getLogger(__name__)

Getter = Callable[[Any, Context], str | None]
MAX_NAMES = 250  # several times what any client asks for; each is answered for each card
MODES = (DAV.prop, DAV.allprop, DAV.propname)

# It is the whole response that fails (RFC 6352 §10.4): where the other properties came without the
# content, DAVx⁵ and Thunderbird would give up on all cards, and so they leave out this one.
_OF_CONTENT = (NoConversion, CardUnavailable)


@dataclass(frozen=True)
class PropFind:
    """allprop, propname or a list of names, each with what the client said about it.

    *minimal* leaves out what is not there (RFC 8144 §2.1).
    """

    mode: str = DAV.allprop
    names: tuple[tuple[str, Any], ...] = ()
    minimal: bool = False

    @classmethod
    def parse(cls, element: Element | None) -> "PropFind":
        """From any element that carries prop, allprop or propname: a PROPFIND or a REPORT."""
        if element is None:
            return cls()
        if element not in _KNOWN:
            _KNOWN[element] = cls._parse(element)
        return _KNOWN[element]

    @classmethod
    def _parse(cls, element: Element) -> "PropFind":
        carried = {mode: found for mode in MODES if (found := element.find(mode)) is not None}
        if len(carried) > 1:
            raise BadRequest("either prop, or allprop, or propname")
        for mode, found in carried.items():
            listed = {DAV.prop: found, DAV.allprop: element.find(DAV.include)}.get(mode)
            names = {} if listed is None else {asked.tag: _said(asked) for asked in listed}
            if len(names) > MAX_NAMES:
                raise BadRequest(f"at most {MAX_NAMES} properties at once")
            return cls(mode, tuple(names.items()))
        if element.tag == DAV.propfind:
            raise BadRequest("a propfind has prop, allprop or propname")
        return cls()  # a report without any is about all properties (RFC 6352 §8.6)

    @cached_property
    def size(self) -> int:
        """Characters of the names, for whoever keeps this."""
        return sum(len(name) for name, _ in self.names)

    @cached_property
    def wants_content(self) -> bool:
        """Whether cards must be read: a listing never reads what it will not send."""
        return self.form is not None

    @cached_property
    def form(self) -> AddressData | None:
        """The form in which the content is wanted, if it is."""
        return dict(self.names).get(CARDDAV.address_data)

    @cached_property
    def _plans(self) -> dict[type, tuple[list[tuple[str, Getter]], list[str]]]:
        return {}

    def plan(self, kind: type) -> tuple[list[tuple[str, Getter]], list[str]]:
        """(functions to call, names that are not live there), worked out once for each type."""
        if kind not in self._plans:
            live: list[tuple[str, Getter]] = []
            other: list[str] = []
            for name, said in self.names:
                if item := prop.find(name, kind):
                    live.append((name, partial(item.get, said=said) if item.asked else item.get))
                else:
                    other.append(name)
            if self.mode != DAV.prop:
                named = {name for name, _ in live}
                live += [
                    (item.name, item.get)
                    for item in prop.on(kind)
                    if item.name not in named and (item.allprop or self.mode == DAV.propname)
                ]
            self._plans[kind] = live, other
        return self._plans[kind]

    def answer(self, resource: Resource, ctx: Context) -> XML:
        """The response fragment for one resource."""
        haste.work()
        if self.mode == DAV.propname:
            return multistatus.propstats(ctx.href(resource), {200: self._names(resource)})
        try:
            found = self._outcomes(resource, ctx)
        except _OF_CONTENT as error:
            if isinstance(error, CardUnavailable):
                ctx.unread.add(resource.path)
            return multistatus.status(ctx.href(resource), error.status, error.element() or XML())
        if self.minimal or self.mode != DAV.prop:
            found.pop(404, None)
        return multistatus.propstats(ctx.href(resource), found)

    def _outcomes(self, resource: Resource, ctx: Context) -> dict[int, list[str]]:
        found: dict[int, list[str]] = defaultdict(list)
        live, other = self.plan(type(resource))
        for name, get in live:
            try:
                value = get(resource, ctx)
                if value is None:
                    found[404].append(E(name))
                else:
                    found[200].append(value if isinstance(value, Whole) else E(name, value))
            except _OF_CONTENT:
                raise
            except Error as error:
                found[error.status].append(E(name))
            except Exception:  # a bug: the others are still to be had
                _report(name, resource, ctx)
                found[500].append(E(name))
        dead: Dead = getattr(resource, "dead", ())
        if other or dead:
            self._add_dead(dict(dead), other, found)
        return found

    def _names(self, resource: Resource) -> list[XML]:
        live, _ = self.plan(type(resource))
        dead: Dead = getattr(resource, "dead", ())
        return [E(name) for name, _ in (*live, *dead)]

    def _add_dead(
        self, dead: dict[str, XML], other: list[str], found: dict[int, list[str]]
    ) -> None:
        if self.mode == DAV.allprop:
            found[200] += dead.values()
        else:
            found[200] += [dead[name] for name in other if name in dead]
            found[404] += [E(name) for name in other if name not in dead]


# What was made of the elements that are remembered (bodies.py), with the plans of each.
_KNOWN: WeakKeyDictionary[Element, PropFind] = WeakKeyDictionary()


def _report(name: str, resource: Resource, ctx: Context) -> None:
    """Log the exception being handled, once for each property of a listing."""
    if name not in ctx.reported:
        ctx.reported.add(name)
        log.exception("%s of %s", name, resource.path)


def _said(asked: Element) -> Any:
    parse = next((item.asked for item in prop.named(asked.tag) if item.asked), None)
    return parse(asked) if parse else None


def requested(body: Element | None, ctx: Context) -> PropFind:
    """What a request wants to know of each resource: what *body* names, told as Prefer says."""
    wanted = PropFind.parse(body)
    return replace(wanted, minimal=True) if MINIMAL in ctx.request.preferences else wanted


def answers(resources: Iterable[Resource], body: Element, ctx: Context) -> Iterator[XML]:
    """A response for each: the properties that *body* names, or no more than that it is there."""
    wanted = requested(body, ctx)
    for resource in resources:
        if body.find(DAV.prop) is None:
            yield multistatus.status(ctx.href(resource), 200)
        else:
            yield wanted.answer(resource, ctx)
