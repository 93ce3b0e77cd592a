"""A cache with a budget: memory is bounded by a number."""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Sized
from typing import Generic, TypeVar

Value = TypeVar("Value", bound=Sized)


class Cache(Generic[Value]):
    """The values used last, as long as their lengths add up to at most *budget*."""

    def __init__(self, budget: int = 32 * 2**20) -> None:
        self.budget = budget
        self._size = 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Value] = OrderedDict()

    def get(self, key: Hashable) -> Value | None:
        """The value, if it is still here."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key]

    def put(self, key: Hashable, value: Value) -> None:
        """Keep a value, and forget the oldest ones that there is no more room for."""
        with self._lock:
            if key in self._kept:
                self._size -= len(self._kept.pop(key))
            if len(value) > self.budget:
                return
            self._kept[key] = value
            self._size += len(value)
            while self._size > self.budget:
                self._size -= len(self._kept.popitem(last=False)[1])
