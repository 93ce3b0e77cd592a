"""Answers that are given between two turns of the loop that serves everybody.

To hand a request to a thread and back takes longer than most answers do.  So what only reads is
tried in haste first.  Whatever may take more than a moment (a disk, a lock, a password) says so
with :func:`wait` before it begins, and has changed nothing until then; what goes on and on says
:func:`work` each time.  In haste both may raise WouldWait, and a thread begins anew.

Requests that are answered in one turn of the loop had all begun to arrive before it: what is seen
after that is new enough for each of them, and one look does for all (:func:`once`).
"""

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import wraps
from math import inf
from typing import Any, TypeVar, TypeVarTuple

At = TypeVarTuple("At")
Seen = TypeVar("Seen")

MOMENT = 0.004  # seconds; two threads that want to work let each other wait for 0.005
MANY = 250  # names, or changes: more are not looked up in haste

clock = time.perf_counter


class WouldWait(BaseException):
    """There is more to do than haste allows.

    No Exception: who goes on after a failure must not go on after this one.
    """


class _Mood(threading.local):
    until = inf  # when haste is over; there is none before infinity
    seen: dict[Hashable, Any] | None = None  # in this turn


_mood = _Mood()


@contextmanager
def turn() -> Iterator[None]:
    """As long as the block runs, what has been seen in haste is not looked at again."""
    _mood.seen = {}
    try:
        yield
    finally:
        _mood.seen = None


@contextmanager
def haste() -> Iterator[None]:
    """As long as the block runs, this thread must not be kept waiting."""
    before = _mood.until, _mood.seen
    if _mood.until == inf:
        _mood.until = clock() + MOMENT
        _mood.seen = {} if _mood.seen is None else _mood.seen
    try:
        yield
    finally:
        _mood.until, _mood.seen = before


def hasty() -> bool:
    """Whether this thread is in haste."""
    return _mood.until < inf


def once(look: Callable[[*At], Seen]) -> Callable[[*At], Seen]:
    """A look that is taken once a turn by who is in haste, and each time at leisure.

    Delete it, and nothing but the clock notices.
    """

    @wraps(look)
    def looked(*at: *At) -> Seen:
        seen = _mood.seen
        if seen is None or _mood.until == inf:
            return look(*at)
        key = (look, *at)
        if key not in seen:
            seen[key] = look(*at)
        found: Seen = seen[key]
        return found

    return looked


def wait() -> None:
    """To be said before anything that may wait, or take long.  WouldWait."""
    if _mood.until < inf:
        raise WouldWait


def work() -> None:
    """To be said before each of many steps, of which a few can be taken in haste.  WouldWait."""
    if _mood.until < inf and clock() > _mood.until:
        raise WouldWait
