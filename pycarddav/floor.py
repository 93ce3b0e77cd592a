"""Who computes has the floor: the others wait for that, and not for Python's own lock.

Python lets go of its lock for each call of the system, however short, and whoever waits for it is
woken, mostly too late.  Where the loop and some threads have much to do, each of the sixty calls of
a PUT costs three switches from one thread to another, and the PUT five times as long.  So who
begins to compute takes the floor, and gives it away where it has to wait.

It is courtesy, and nothing depends on it: who has kept it for too long (a disk, a client that does
not fetch its answer) has lost it to whoever waits.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 0.002  # seconds


class _Having(threading.local):
    floor: "threading.Lock | None" = None


_having = _Having()
_queue = threading.Lock()  # of whoever has just had it, nobody else would ever get it
_floor = threading.Lock()


def take() -> None:
    """Have the floor, or go on without it where too many wait."""
    global _floor
    if _having.floor:
        return
    if not _queue.acquire(timeout=PATIENCE):
        return
    try:
        floor = _floor
        if not floor.acquire(timeout=PATIENCE):
            floor = _floor = threading.Lock()
            floor.acquire()
    finally:
        _queue.release()
    _having.floor = floor


def give() -> None:
    """Let others have it."""
    if _having.floor:
        _having.floor.release()
        _having.floor = None


@contextmanager
def taken() -> Iterator[None]:
    """Have the floor as long as the block runs, but for where it is given away."""
    had = _having.floor
    take()
    try:
        yield
    finally:
        if not had:
            give()


@contextmanager
def given() -> Iterator[None]:
    """Let others have the floor as long as the block waits."""
    had = _having.floor
    give()
    try:
        yield
    finally:
        if had:
            take()
