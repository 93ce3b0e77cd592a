"""What a lock covers, and what it forbids (RFC 4918 §6, §7)."""

import math
import time

from ..dav.errors import Locked
from ..dav.names import DAV
from ..dav.xml import XML, E
from ..model import Lock, Resource, Unmapped
from . import urls
from .context import Context, in_force

# Who takes one of these privileges changes something (RFC 3744 appendix B).
MEMBERSHIP = (DAV.bind, DAV.unbind)
CHANGING = (DAV.write_content, DAV.write_properties, *MEMBERSHIP)


def covers(lock: Lock, path: str) -> bool:
    """Whether *lock* is on what is at *path*, or on a collection with all that is in it."""
    return lock.root == path or (lock.deep and is_inside(path, lock.root))


def is_inside(path: str, collection: str) -> bool:
    """Whether *path* is below that of a collection."""
    return collection.endswith("/") and path != collection and path.startswith(collection)


def covering(resource: Resource | Unmapped, ctx: Context) -> list[Lock]:
    """The locks that a resource has, its own and inherited ones."""
    return [lock for lock in ctx.locks(urls.owner(resource)) if covers(lock, resource.path)]


def heed(needs: str | None, resource: Resource | Unmapped, ctx: Context) -> None:
    """Locked when a lock forbids what takes the privilege *needs*, and was not submitted."""
    if needs not in CHANGING or not (locks := ctx.locks(urls.owner(resource))):
        return
    path = resource.path
    places = [path]
    if needs in MEMBERSHIP:  # what is inside comes or goes with it (§7.4, §9.6.1)
        places += [urls.parent(resource), *(it.root for it in locks if is_inside(it.root, path))]
    for place in places:
        demand_token(place, locks, ctx)


def demand_token(place: str, locks: tuple[Lock, ...], ctx: Context) -> None:
    """Locked when *place* is, and no token of its locks was submitted by who holds it."""
    found = [lock for lock in locks if covers(lock, place)]
    if found and not any(is_submitted(lock, ctx) for lock in found):
        raise Locked(found[0].root)


def is_submitted(lock: Lock, ctx: Context) -> bool:
    """Whether the request shows this lock's token, and comes from who made the lock (§6.4)."""
    header = ctx.request.if_header
    shown = header is not None and lock.token in header.tokens
    return shown and lock.principal == ctx.principal.name


def release(path: str, owner: str, ctx: Context, itself: bool = True) -> None:
    """End the locks in (and on) what is no longer there (§6.1)."""

    def gone(lock: Lock) -> bool:
        return is_inside(lock.root, path) or (itself and lock.root == path)

    if any(map(gone, ctx.store.locks(owner))):
        ctx.store.change_locks(
            owner, lambda locks: tuple(lock for lock in in_force(locks) if not gone(lock))
        )


def activelock(lock: Lock, ctx: Context) -> XML:
    """§14.1"""
    seconds = max(0, math.ceil(lock.expires - time.time()))
    return E(
        DAV.activelock,
        E(DAV.locktype, E(DAV.write)),
        E(DAV.lockscope, E(DAV.exclusive if lock.exclusive else DAV.shared)),
        E(DAV.depth, "infinity" if lock.deep else "0"),
        lock.owner,
        E(DAV.timeout, f"Second-{seconds}"),
        E(DAV.locktoken, E(DAV.href, lock.token)),
        E(DAV.lockroot, E(DAV.href, ctx.base + lock.root)),
    )
