"""LOCK and UNLOCK (RFC 4918 §9.10, §9.11)."""

import re
import time
import uuid
from dataclasses import replace
from xml.etree.ElementTree import Element

from ...dav import multistatus, xml
from ...dav.errors import (
    BadRequest,
    BodyTooLarge,
    InsufficientStorage,
    LockConflict,
    RefreshMismatch,
    TokenMismatch,
)
from ...dav.names import DAV
from ...dav.xml import XML, E, document
from ...model import (
    AddressBook,
    Entry,
    Home,
    Lock,
    Unmapped,
    UnmappedBook,
    UnmappedCard,
)
from .. import locks
from ..access import require
from ..bodies import XML_TYPE, element, multistatus_response
from ..context import Context, in_force
from ..messages import Response
from ..registry import method
from ..urls import owner, parent, resolve

LONGEST_OWNER = 4096  # characters of what a client says of itself

Lockable = Home | AddressBook | Entry | UnmappedBook | UnmappedCard


class MembersLocked(Exception):
    """What is to be locked as a whole has locks inside."""

    def __init__(self, roots: list[str]) -> None:
        super().__init__(roots)
        self.roots = roots


@method("LOCK", on=(Home, AddressBook, Entry), needs=DAV.write_content, heeds_locks=False)
@method("LOCK", on=(UnmappedBook, UnmappedCard), needs=DAV.bind, heeds_locks=False)
def lock(resource: Lockable, ctx: Context) -> Response:
    """On an unmapped URL it is a reservation (§7.3): nothing is there but the lock.

    An empty resource would be a member of an address book that is no card (RFC 6352 §5.2).
    """
    info = element(ctx.request, DAV.lockinfo)
    if info is None:
        return _refresh(resource, ctx)
    new, whose = _wanted(info, resource, ctx), _owner(resource)
    if isinstance(resource, Unmapped):
        locks.demand_token(parent(resource), ctx.locks(whose), ctx)

    def add(kept: tuple[Lock, ...]) -> tuple[Lock, ...]:
        live = in_force(kept)
        _check_compatible(new, live)
        if len(live) >= ctx.limits.max_locks:
            raise InsufficientStorage(f"a home has at most {ctx.limits.max_locks} locks")
        return (*live, new)

    try:
        ctx.store.change_locks(whose, add)
    except MembersLocked as conflict:
        return _partly(resource, conflict.roots, ctx)
    status = 201 if isinstance(resource, Unmapped) else 200
    return _answer(status, new, ctx, {"Lock-Token": f"<{new.token}>"})


@method("UNLOCK", on=(Home, AddressBook, Entry, UnmappedBook, UnmappedCard), needs=DAV.read)
def unlock(resource: Lockable, ctx: Context) -> Response:
    """For who made the lock, and for who has the privilege to end those of others."""
    header = re.fullmatch(r"\s*<([^<>]+)>\s*", ctx.request.header("lock-token", ""))
    if header is None:
        raise BadRequest("a Lock-Token is needed, in angle brackets")
    found = next((it for it in locks.covering(resource, ctx) if it.token == header[1]), None)
    if found is None:
        raise TokenMismatch("there is no such lock on this resource")
    _check_may_change(found, ctx)
    ctx.store.change_locks(
        _owner(resource), lambda kept: tuple(it for it in in_force(kept) if it != found)
    )
    return Response(204)


def _check_may_change(lock: Lock, ctx: Context) -> None:
    """NeedPrivileges.  Who made the lock may, but a limited login is not all of who it is."""
    if lock.principal != ctx.principal.name or ctx.principal.limited:
        require(DAV.unlock, ctx.principal, resolve(lock.root, ctx.store))


def _owner(resource: Lockable) -> str:
    whose = owner(resource)
    assert whose is not None  # noqa: S101 - what can be locked is in a home
    return whose


def _wanted(info: Element, resource: Lockable, ctx: Context) -> Lock:
    """The lock that a lockinfo (§14.11) asks for."""
    scopes = {child.tag for child in info.iterfind(f"{DAV.lockscope}/*")}
    types = {child.tag for child in info.iterfind(f"{DAV.locktype}/*")}
    if types != {DAV.write} or scopes not in ({DAV.exclusive}, {DAV.shared}):
        raise BadRequest("a lock is a write lock, and either exclusive or shared")
    depth = ctx.request.depth("infinity")
    if depth == "1":
        raise BadRequest("a lock has Depth 0 or infinity")
    said = info.find(DAV.owner)
    who = XML() if said is None else xml.fragment(said)
    if len(who) > LONGEST_OWNER:
        raise BodyTooLarge(f"the owner of a lock has at most {LONGEST_OWNER} characters")
    return Lock(
        uuid.uuid4().urn,
        resource.path,
        depth == "infinity",
        DAV.exclusive in scopes,
        ctx.principal.name,
        who,
        _expiry(ctx),
    )


def _expiry(ctx: Context) -> float:
    """When the lock ends; the Timeout header (§10.7) is a wish for a time, or for no end."""
    longest = ctx.limits.max_lock_seconds
    wish = re.search(r"second-(\d{1,9})\b", ctx.request.header("timeout", ""), re.I | re.A)
    return time.time() + min(int(wish[1]) if wish else longest, longest)


def _check_compatible(new: Lock, live: tuple[Lock, ...]) -> None:
    """LockConflict or MembersLocked when another lock cannot stand beside the new one (§6.2)."""
    others = [it for it in live if new.exclusive or it.exclusive]
    for other in others:
        if locks.covers(other, new.root):
            raise LockConflict(other.root)
    if inside := [it.root for it in others if locks.covers(new, it.root)]:
        raise MembersLocked(list(dict.fromkeys(inside)))


def _partly(resource: Lockable, roots: list[str], ctx: Context) -> Response:
    """§9.10.9: nothing was locked, because of these."""
    refused = [multistatus.status(ctx.base + root, 423) for root in roots]
    return multistatus_response([*refused, multistatus.status(ctx.href(resource), 424)])


def _refresh(resource: Lockable, ctx: Context) -> Response:
    """§9.10.2: the lock is the one whose token the If header has."""
    header = ctx.request.if_header
    if header is None or len(header.tokens) != 1:
        raise BadRequest("a LOCK has a body, or one token in an If header")
    held = next((it for it in locks.covering(resource, ctx) if locks.is_submitted(it, ctx)), None)
    if held is None:
        raise RefreshMismatch("this token is not one of this resource")
    _check_may_change(held, ctx)
    fresh = replace(held, expires=_expiry(ctx))
    ctx.store.change_locks(
        _owner(resource), lambda kept: tuple(fresh if it == held else it for it in in_force(kept))
    )
    return _answer(200, fresh, ctx, {})


def _answer(status: int, lock: Lock, ctx: Context, headers: dict[str, str]) -> Response:
    discovery = E(DAV.lockdiscovery, locks.activelock(lock, ctx))
    return Response(status, XML_TYPE | headers, document(DAV.prop, discovery))
