"""How often a password may be wrong: guessing gets slower and slower, the owner gets in.

Three counters, each forgiving one failure per FORGIVEN: a user from an address block, the block
whoever it claims to be, and a user from everywhere.  The first holds back one guesser, the second
one who tries many users, the third one who comes from many addresses; it never holds back for
long, and neither it nor the second holds back a user who has logged in from there before.
"""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from threading import Lock, Semaphore

from ..dav.errors import Busy, TooManyRequests

FORGIVEN = 600.0  # seconds
REMEMBERED = 4096  # entries of each counter; the stalest goes first


@dataclass(frozen=True)
class Failures:
    """How many failures count at a moment of the clock."""

    count: float = 0.0
    at: float = 0.0

    def now(self, clock: float) -> float:
        return max(0.0, self.count - (clock - self.at) / FORGIVEN)


@dataclass(frozen=True)
class Allowance:
    """*free* failures cost nothing, each further one doubles the wait, up to *longest* seconds."""

    free: int
    longest: int

    def wait(self, failures: Failures, clock: float) -> float:
        """Seconds until the next try."""
        if failures.count <= self.free:
            return 0.0
        pause = 2.0 ** min(ceil(failures.count) - self.free, 32)
        return max(0.0, failures.at + min(pause, self.longest) - clock)


class Counter:
    """Failures by key, of bounded size."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._failures: OrderedDict[Hashable, Failures] = OrderedDict()

    def wait(self, key: Hashable, clock: float) -> float:
        return self._allowance.wait(self._failures.get(key, Failures()), clock)

    def count(self, key: Hashable, clock: float) -> None:
        failures = self._failures.pop(key, Failures())
        self._failures[key] = Failures(failures.now(clock) + 1, clock)
        if len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def forget(self, key: Hashable) -> None:
        self._failures.pop(key, None)


class Throttle:
    """Asked before a password is verified, and told what came out.  *clock* is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._here = Counter(Allowance(free=5, longest=900))  # by user and block
        self._block = Counter(Allowance(free=20, longest=900))
        self._user = Counter(Allowance(free=100, longest=30))
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def check(self, user: str, address: str) -> None:
        """TooManyRequests if it is too early for another password."""
        here = (user, block(address))
        clock = self._clock()
        with self._lock:
            wait = self._here.wait(here, clock)
            if here not in self._known:
                wait = max(wait, self._block.wait(here[1], clock), self._user.wait(user, clock))
        if wait > 0:
            raise TooManyRequests(ceil(wait))

    def failed(self, user: str, address: str) -> None:
        here = (user, block(address))
        clock = self._clock()
        with self._lock:
            self._here.count(here, clock)
            self._block.count(here[1], clock)
            self._user.count(user, clock)

    def passed(self, user: str, address: str) -> None:
        """The password was right.  The block's counter stays: the guesser may have an account."""
        here = (user, block(address))
        with self._lock:
            self._here.forget(here)
            self._known[here] = None
            self._known.move_to_end(here)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)


def block(address: str) -> str:
    """What one guesser can be taken to own: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address  # a unix socket has none
    if ip.version == 6 and ip.ipv4_mapped is None:
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(getattr(ip, "ipv4_mapped", None) or ip)


class Turnstile:
    """Lets *running* through at once and *waiting* more queue; whoever is beyond that is Busy.

    A bcrypt hash takes a whole core, an argon2 one 64 MB; and a thread must be left for those
    who have logged in already.
    """

    def __init__(self, running: int = 2, waiting: int = 4) -> None:
        self._running = Semaphore(running)
        self._inside = Semaphore(running + waiting)

    @contextmanager
    def turn(self) -> Iterator[None]:
        if not self._inside.acquire(blocking=False):
            raise Busy("too many logins at once")
        try:
            with self._running:
                yield
        finally:
            self._inside.release()
