"""A worker's place among the others, by which connections are shared out evenly.

All workers hear of a connection that waits; who comes first has it, and with it every request that
it will bring.  So whoever has more than another leaves it to that one, though not for long.
"""

import mmap
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

PATIENCE = 0.005  # seconds that a connection is left to others, who may be busy, or stuck
WIDTH = 4  # octets of a number
ABSENT = 2**31 - 1  # more connections than anybody has: nothing is left to whoever is not there


def tally(processes: int) -> memoryview:
    """How many connections each of them has, for all that are forked from this process.

    Nothing is locked.  Each writes its own number; by one that was true a moment ago, somebody
    leaves a connection that was his, or takes one that was not.
    """
    held = memoryview(mmap.mmap(-1, processes * WIDTH)).cast("i")
    for number in range(processes):
        held[number] = ABSENT
    return held


@dataclass
class Place:
    """That of the worker *number*; *held* is the tally, *master* whoever begins the workers."""

    number: int
    held: memoryview
    master: int = field(default_factory=os.getpid)
    clock: Callable[[], float] = time.monotonic
    since: float = inf  # when the connection that waits was first seen
    leaving: bool = False  # whether it was left to others, since the loop turned

    @property
    def orphaned(self) -> bool:
        return os.getppid() != self.master

    def turn(self, connections: int) -> bool:
        """To be called by the loop each time, with how many there are: was one left to others?

        If so, the loop is to look again before it waits, or the next would be taken for that one.
        """
        self.held[self.number] = connections
        left, self.leaving = self.leaving, False
        if not left:
            self.since = inf
        return left

    def leaves(self, connections: int) -> bool:
        """Whether who has so many is to leave one that waits to others, until the loop turns."""
        now = self.clock()
        self.held[self.number] = connections
        self.since = min(self.since, now)
        self.leaving = connections > min(self.held) and now < self.since + PATIENCE
        return self.leaving

    def vacate(self) -> None:
        """Leave nothing to this worker: it has died, or takes no more."""
        self.held[self.number] = ABSENT
