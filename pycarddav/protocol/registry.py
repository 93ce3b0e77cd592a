"""What each type of resource can do: three tables, filled by decorators, read by everyone else.

The listings fall out of the same tables: ``Allow``, ``supported-report-set``, ``allprop`` and
``supported-live-property-set``.  Nothing can be served and not advertised.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass
class Property:
    """A live property (RFC 4918 §4): ``get(resource, ctx)`` is its value, None for 404, or Whole.

    ``set(resource, element)`` is the resource as it is after the property was set, or removed for
    None; without it the property is protected.  Where the element that asks for the property says
    more than its name, ``asked(element)`` is that as a (hashable) value, and ``get`` has it as its
    keyword argument ``said``.
    """

    name: str
    get: Callable[..., Any]
    allprop: bool = True
    set: Callable[..., Any] | None = None
    asked: Callable[..., Any] | None = None


@dataclass
class Report:
    """A REPORT (RFC 3253 §3.6): ``run(resource, body, ctx)`` is a Response."""

    name: str
    run: Callable[..., Any]


@dataclass
class Method:
    """An HTTP method: ``run(resource, ctx)`` is a Response; *needs* is the privilege it takes.

    What changes something *heeds_locks*, unless it knows better (LOCK).  Conditional headers are
    judged before it runs, unless it *judges* them by itself (where the store judges them when it
    makes the change, or the answer is a 304), or they mean nothing to it.
    """

    name: str
    run: Callable[..., Any]
    needs: str | None = None
    heeds_locks: bool = True
    judges: bool = False


Item = TypeVar("Item", bound=Property | Report | Method)


class Table(Generic[Item]):
    """name -> type of resource -> item.  A subclass can do what its bases can."""

    def __init__(self, item: type[Item]) -> None:
        self._item: Callable[..., Item] = item
        self._items: dict[str, dict[type, Item]] = defaultdict(dict)

    def __call__(
        self, *names: str, on: type | tuple[type, ...], **facts: Any
    ) -> Callable[[Function], Function]:
        """Register the decorated function under these names on these types of resource."""

        def register(function: Function) -> Function:
            for name in names:
                item = self._item(name, function, **facts)
                for kind in on if isinstance(on, tuple) else (on,):
                    if kind in self._items[name]:
                        raise TypeError(f"{name} is registered twice on {kind.__name__}")
                    self._items[name][kind] = item
            return function

        return register

    def find(self, name: str, kind: type) -> Item | None:
        """What *name* is on resources of this type, if it is anything."""
        items = self._items.get(name, {})
        return next((items[base] for base in kind.__mro__ if base in items), None)

    def named(self, name: str) -> list[Item]:
        """What *name* is, on any type."""
        return list(self._items.get(name, {}).values())

    def on(self, kind: type) -> list[Item]:
        """Everything that resources of this type can do, in the order it was registered."""
        return [item for name in self._items if (item := self.find(name, kind))]


prop = Table(Property)
report = Table(Report)
method = Table(Method)
