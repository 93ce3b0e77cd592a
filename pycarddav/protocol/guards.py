"""What must be true before a method runs: privileges, conditions, locks."""

from dataclasses import replace
from typing import cast

from ..dav.errors import BadRequest, Error, PreconditionFailed, RefreshMismatch
from ..dav.headers import ANYTHING, Condition, Demands
from ..dav.if_header import If, State
from ..dav.names import DAV
from ..model import Entry, Resource, Unmapped
from . import locks
from .access import require, see
from .context import Context
from .messages import Response
from .registry import Method, prop
from .urls import local, owner, resolve

MOST_RESOURCES = 100  # in one If header: each has to be looked at


def guarded(action: Method, resource: Resource | Unmapped, ctx: Context) -> Response:
    """Run a method, if it may.

    NeedPrivileges comes first, then PreconditionFailed (whoever may not do it at all learns nothing
    of the state: RFC 9110 §13.2.1), then Locked.
    """
    require(action.needs, ctx.principal, resource)
    condition = ctx.request.condition
    if (found := demands(resource, resource, ctx)) is not None:
        condition = replace(condition, demands=found)
        _judge_if_header(condition, resource, ctx.request.if_header)
    if not (
        action.judges or condition.holds(etag_of(resource), getattr(resource, "modified", None))
    ):
        raise PreconditionFailed("the resource is not as you think", etag_of(resource))
    if action.heeds_locks:
        locks.heed(action.needs, resource, ctx)
    if condition != ANYTHING:
        ctx = replace(ctx, condition=condition)
    response = action.run(resource, ctx)
    if action.needs == DAV.unbind and (home := owner(resource)):
        locks.release(resource.path, home, ctx)
    return cast(Response, response)


def permit(needs: str, resource: Resource | Unmapped, ctx: Context) -> None:
    """NeedPrivileges or Locked: for what a method changes beside its own resource."""
    require(needs, ctx.principal, resource)
    locks.heed(needs, resource, ctx)


def demands(
    target: Resource | Unmapped, request_uri: Resource | Unmapped, ctx: Context
) -> Demands | None:
    """What the If header says of the etag of *target*, where everything else is as it is now."""
    header = ctx.request.if_header
    if header is None:
        return None
    if len(header.resources) > MOST_RESOURCES:
        raise BadRequest(f"an If header has at most {MOST_RESOURCES} resources")
    states = {tag: _state(_named(tag, request_uri, ctx), ctx) for tag in header.resources}
    return header.demands(target.path, states)


def _judge_if_header(
    condition: Condition, resource: Resource | Unmapped, header: If | None
) -> None:
    """PreconditionFailed as things are now; a store judges again when it makes the change."""
    if Condition(demands=condition.demands).holds(etag_of(resource)):
        return
    if header and header.names_one_token:
        raise RefreshMismatch("this token is not one of this resource")
    raise PreconditionFailed("what the If header says is not so", etag_of(resource))


def etag_of(resource: Resource | Unmapped) -> str | None:
    """Empty for what is there and has none, so that ``*`` is true of it and no other tag."""
    if isinstance(resource, Entry):
        return resource.etag
    return None if isinstance(resource, Unmapped) else ""


def _named(
    tag: str | None, request_uri: Resource | Unmapped, ctx: Context
) -> Resource | Unmapped | None:
    """The resource that a list is about; none for who may not see it, or elsewhere."""
    if tag is None:
        return request_uri
    try:
        resource = resolve(local(tag, ctx.request.origin, ctx.base), ctx.store)
        see(ctx.principal, resource)
    except Error:
        return None
    return resource


def _state(resource: Resource | Unmapped | None, ctx: Context) -> State:
    if resource is None:
        return State("")
    tokens = {lock.token for lock in locks.covering(resource, ctx)}
    if item := prop.find(DAV.sync_token, type(resource)):  # RFC 6578 §5
        tokens.add(item.get(resource, ctx))
    return State(resource.path, etag_of(resource), frozenset(tokens))
