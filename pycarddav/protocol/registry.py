"""What each type of resource can do: three tables, filled by decorators, read by everyone else.

The listings fall out of the same tables: ``Allow``, ``supported-report-set``, ``allprop`` and
``supported-live-property-set``.  Nothing can be served and not advertised.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Function = Callable[..., Any]


@dataclass
class Property:
    """A live property (RFC 4918 §4): ``get(resource, ctx)`` is its value, None for 404.

    Without a setter it is protected.  A setter takes a resource and an element, or None to remove
    the property, and returns the resource as it is after that.
    """

    name: str
    get: Function
    allprop: bool = True
    set: Function | None = None

    def setter(self, function: Function) -> "Property":
        """As with the builtin property."""
        self.set = function
        return self


@dataclass
class Report:
    """A REPORT (RFC 3253 §3.6): ``run(resource, body, ctx)`` is a Response."""

    name: str
    run: Function


@dataclass
class Method:
    """An HTTP method: ``run(resource, ctx)`` is a Response; *needs* is the privilege it takes."""

    name: str
    run: Function
    needs: str | None = None


Item = TypeVar("Item", bound=Property | Report | Method)


class Table(Generic[Item]):
    """name -> type of resource -> item.  A subclass can do what its bases can."""

    def __init__(self, item: type[Item]) -> None:
        self._item: Callable[..., Item] = item
        self._items: dict[str, dict[type, Item]] = defaultdict(dict)

    def __call__(
        self, name: str, *, on: type | tuple[type, ...], **facts: Any
    ) -> Callable[[Function], Any]:
        """Register the decorated function under *name* on these types of resource."""

        def register(function: Function) -> Any:
            item = self._item(name, function, **facts)
            for kind in on if isinstance(on, tuple) else (on,):
                if kind in self._items[name]:
                    raise TypeError(f"{name} is registered twice on {kind.__name__}")
                self._items[name][kind] = item
            return item if isinstance(item, Property) else function

        return register

    def find(self, name: str, kind: type) -> Item | None:
        """What *name* is on resources of this type, if it is anything."""
        items = self._items.get(name, {})
        return next((items[base] for base in kind.__mro__ if base in items), None)

    def on(self, kind: type) -> list[Item]:
        """Everything that resources of this type can do, in the order it was registered."""
        return [item for name in self._items if (item := self.find(name, kind))]


prop = Table(Property)
report = Table(Report)
method = Table(Method)
