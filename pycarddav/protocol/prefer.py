"""What a client would like (RFC 7240, RFC 8144): decorators, so that no method is longer for it."""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import TypeVar

from ..dav.errors import InvalidAddressData, PreconditionFailed
from ..dav.headers import ANYTHING
from ..dav.preferences import MINIMAL, REPRESENTATION, STRICT
from ..model import Entry, Resource, Unmapped
from ..vcard import content, validate
from .context import Context
from .messages import Request, Response
from .registry import method
from .urls import local, path_of, resolve

Target = TypeVar("Target", bound=Resource | Unmapped)
Run = Callable[[Target, Context], Response]


def honours(*names: str) -> Callable[[Run[Target]], Run[Target]]:
    """Say in the response which of these preferences it owes something to (RFC 7240 §3)."""

    def decorate(run: Run[Target]) -> Run[Target]:
        @wraps(run)
        def honouring(target: Target, ctx: Context) -> Response:
            response = run(target, ctx)
            return response.adding(applied(response, ctx, *names))

        return honouring

    return decorate


def applied(response: Response, ctx: Context, *names: str) -> dict[str, str]:
    """The headers that tell the client and caches which preferences mattered."""
    honoured = [name for name in names if name in ctx.request.preferences]
    said = {"Preference-Applied": ", ".join(honoured)} if honoured else {}
    varies = [response.headers["Vary"]] if "Vary" in response.headers else []
    return {**said, "Vary": ", ".join([*varies, "Prefer", "Brief"])}


def succinct(response: Response, ctx: Context) -> Response:
    """*response*, which tells of a success, or no more than that it is one (RFC 8144 §2)."""
    if MINIMAL in ctx.request.preferences:
        response = Response(204)
    return response.adding(applied(response, ctx, MINIMAL))


def represented(change: Run[Target]) -> Run[Target]:
    """With return=representation, answer with the card as it is now (RFC 8144 §3).

    After a 412 the client so has what it must merge with, without asking again.
    """

    @wraps(change)
    def answered(target: Target, ctx: Context) -> Response:
        if REPRESENTATION not in ctx.request.preferences:
            return change(target, ctx)
        try:
            response = change(target, ctx)
        except PreconditionFailed as error:
            if error.etag is None:  # there is nothing to be shown
                raise
            response = Response(error.status, error.headers())
        location = response.headers.get("Location")
        path = path_of(location, ctx.base) if location else ctx.request.path
        return _with_card(response, path, ctx)

    return honours(REPRESENTATION)(answered)


def arrived(change: Run[Target]) -> Run[Target]:
    """With return=representation, answer a COPY or MOVE with the card at its Destination."""

    @wraps(change)
    def answered(target: Target, ctx: Context) -> Response:
        response = change(target, ctx)
        if REPRESENTATION not in ctx.request.preferences:
            return response
        destination = ctx.request.header("destination", "")
        return _with_card(response, local(destination, ctx.request.origin, ctx.base), ctx)

    return honours(REPRESENTATION)(answered)


def _with_card(response: Response, path: str, ctx: Context) -> Response:
    """*response* with the card at *path*."""
    card = resolve(path, ctx.store)
    show = method.find("GET", type(card))
    if show is None or not isinstance(card, Entry):  # deleted in the meantime
        return response
    accept = {"accept": ctx.request.header("accept") or "*/*"}
    get = replace(ctx, request=Request("GET", path, accept), condition=ANYTHING)
    shown: Response = show.run(card, get)
    headers = {**response.headers, **shown.headers, "Content-Location": ctx.href(card)}
    status = 200 if response.status == 204 else response.status
    return Response(status, headers, shown.body)


def strictly(change: Run[Target]) -> Run[Target]:
    """With handling=strict, refuse the cards that are forgiven to clients otherwise.

    A card has a UID (RFC 6352 §5.1) and a formatted name (RFC 6350 §6.2.1), and no byte order mark
    that would have to be taken off.
    """

    @wraps(change)
    def checked(target: Target, ctx: Context) -> Response:
        if STRICT in ctx.request.preferences:
            _check(ctx.request)
        return change(target, ctx)

    return honours(STRICT)(checked)


def _check(request: Request) -> None:
    data, uid = validate.acceptable(request.body, request.header("content-type"))
    if request.body.startswith(content.BOM):
        raise InvalidAddressData("the card begins with a byte order mark")
    if not uid:
        raise InvalidAddressData("the card has no UID")
    if not content.parse(data).get("FN"):
        raise InvalidAddressData("the card has no FN")
