"""What a registered function may know besides its resource."""

import time
from collections.abc import Hashable
from dataclasses import dataclass, field

from ..dav.errors import BadRequest
from ..dav.headers import ANYTHING, Condition
from ..model import Author, Lock, Principal, Resource, Unmapped
from ..store import Store
from .cache import Caches
from .messages import Request


@dataclass(frozen=True)
class Limits:
    """What is enforced and, where the protocol has a property for it, advertised from here."""

    max_resource_size: int = 10 * 2**20  # octets of one card; photos of 5 MB and more are real
    max_body_size: int = 32 * 2**20  # octets of a request's body
    max_results: int = 100_000  # responses to one query, or members to one sync
    quota: int = 0  # octets of all cards in one home; 0 is no limit
    max_properties_size: int = 2**16  # characters of what a client attaches to one resource
    max_locks: int = 1000  # in one home
    max_lock_seconds: int = 3600  # that a lock lasts without its client: it keeps phones out
    max_head_size: int = 32 * 2**10  # octets of a request's line and header
    max_connections: int = 512
    idle_seconds: int = 75  # between two requests; nginx keeps its connections for 60
    head_seconds: int = 30  # for a request's head; for bodies and answers too if they are slower
    slowest: int = 4096  # than this, in octets a second on the average

    def seconds(self, octets: int) -> float:
        """How long a body of this size may take on its way, in either direction."""
        return self.head_seconds + octets / self.slowest

    def results(self, asked: str | None) -> int:
        """How many results to give to a client that asked for *asked*; BadRequest if no number."""
        if asked is None:
            return self.max_results
        asked = asked.strip()
        if not (asked.isascii() and asked.isdigit()):
            raise BadRequest("nresults is a number")
        return min(int(asked[:9]), self.max_results)


@dataclass(frozen=True)
class Context:
    """One request being served: who asks, on which store, within which limits.

    *condition* is what the request says of its target; who changes it passes that to the store.
    *reported* are the properties whose failure is in the log already, *unread* the paths of the
    cards that could not be read: an answer without them is not to be remembered.
    """

    request: Request
    principal: Principal
    store: Store
    limits: Limits
    base: str = ""  # the path prefix under which the server is reached
    caches: Caches = field(default_factory=Caches)
    condition: Condition = ANYTHING
    reported: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)

    def href(self, resource: Resource | Unmapped) -> str:
        """Where the client finds *resource*: one spelling in every response."""
        return self.base + resource.path

    def locks(self, owner: str | None) -> tuple[Lock, ...]:
        """The locks in force in somebody's home."""
        return in_force(self.store.locks(owner)) if owner else ()

    @property
    def author(self) -> Author:
        """Who is to blame for a change that this request makes."""
        return Author(self.principal.name, self.request.header("user-agent", "") or "")


def in_force(locks: tuple[Lock, ...]) -> tuple[Lock, ...]:
    """Those that have not expired."""
    now = time.time()
    return tuple(lock for lock in locks if lock.expires > now)


def asks(ctx: Context) -> Hashable:
    """All that an answer depends on, but for what is asked, and of what."""
    return ctx.principal, ctx.limits, ctx.base, ctx.request.origin
