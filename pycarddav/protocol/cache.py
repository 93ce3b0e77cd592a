"""What is remembered between requests, within a budget: memory is bounded by numbers."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from .indexes import BookIndex
from .messages import Response

Value = TypeVar("Value")

MEBIBYTE = 2**20


class Stencil(NamedTuple):
    """An answer for any card as a *format*, and the numbers of what is filled in (see stencil)."""

    format: bytes = b""
    slots: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.slots)


class Cache(Generic[Value]):
    """The values used last, as long as their sizes add up to at most *budget*."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.size = self.hits = self.misses = 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()

    def get(self, key: Hashable) -> Value | None:
        """The value, if it is still here."""
        with self._lock:
            if key not in self._kept:
                self.misses += 1
                return None
            self.hits += 1
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def put(self, key: Hashable, value: Value, size: int) -> None:
        """Keep a value of this size, and forget the oldest ones that there is no more room for."""
        with self._lock:
            if key in self._kept:
                self.size -= self._kept.pop(key)[1]
            if size > self.budget:
                return
            self._kept[key] = value, size
            self.size += size
            while self.size > self.budget:
                self.size -= self._kept.popitem(last=False)[1][1]


def budget(size: int) -> Callable[[], Cache[Value]]:
    """What makes a cache of this size."""
    return lambda: Cache(size)


@dataclass(frozen=True)
class Caches:
    """One of each kind.  Whatever is in them can be made again: nothing but the clock notices."""

    responses: Cache[tuple[Hashable, Response]] = field(default_factory=budget(24 * MEBIBYTE))
    indexes: Cache[BookIndex] = field(default_factory=budget(32 * MEBIBYTE))
    stencils: Cache[Stencil] = field(default_factory=budget(MEBIBYTE // 4))
