"""What is elsewhere and cannot be reached is not waited for again and again."""

import time
from collections.abc import Callable

from . import DoorClosed

AGAIN = 10.0  # seconds until it is tried again


class Outage:
    """Why something could not be reached, for as long as that counts."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until, self._why = 0.0, ""

    def check(self) -> None:
        """DoorClosed, for a while after it has begun."""
        if self._clock() < self._until:
            raise DoorClosed(self._why)

    def begin(self, why: str) -> DoorClosed:
        """The error to raise now."""
        self._until, self._why = self._clock() + AGAIN, why
        return DoorClosed(why)
