"""Answers that are given between two turns of the loop that serves everybody.

To hand a request to a thread and back takes longer than most answers do.  So what only reads is
tried in haste first.  Whatever may take more than a moment (a disk, a lock, a password) says so
with :func:`wait` before it begins, and has changed nothing until then; what goes on and on says
:func:`work` each time.  In haste both may raise WouldWait, and a thread begins anew.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from math import inf

MOMENT = 0.004  # seconds; two threads that want to work let each other wait for 0.005

clock = time.perf_counter
_turns = count(1)


class WouldWait(BaseException):
    """There is more to do than haste allows.

    No Exception: who goes on after a failure must not go on after this one.
    """


class _Mood(threading.local):
    until = inf  # when haste is over; there is none before infinity
    turn = 0


_mood = _Mood()


@contextmanager
def haste() -> Iterator[None]:
    """As long as the block runs, this thread must not be kept waiting."""
    before = _mood.until
    if before == inf:
        _mood.until, _mood.turn = clock() + MOMENT, next(_turns)
    try:
        yield
    finally:
        _mood.until = before


def hasty() -> bool:
    """Whether this thread is in haste."""
    return _mood.until < inf


def turn() -> int:
    """A number for this haste, in which nothing needs to be looked at twice; 0 at leisure."""
    return _mood.turn if _mood.until < inf else 0


def wait() -> None:
    """To be said before anything that may wait, or take long.  WouldWait."""
    if _mood.until < inf:
        raise WouldWait


def work() -> None:
    """To be said before each of many steps, of which a few can be taken in haste.  WouldWait."""
    if _mood.until < inf and clock() > _mood.until:
        raise WouldWait
