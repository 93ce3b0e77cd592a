"""sync-collection (RFC 6578 §3).

Its Depth is ignored: Thunderbird always sends 1, against §3.2, and takes a 400 as the order to
download everything again.
"""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from ...dav import multistatus
from ...dav.errors import BadRequest, InvalidSyncToken
from ...dav.names import DAV
from ...dav.xml import XML, E
from ...model import AddressBook, Changes, encode
from ..bodies import multistatus_response
from ..context import Context
from ..messages import Response
from ..properties.rfc6578 import PREFIX
from ..propfind import PropFind, members
from ..registry import report

LEVELS = ("1", "infinite", "infinity")  # §6.3; in a book there is only one level


@report(DAV.sync_collection, on=AddressBook)
def sync_collection(book: AddressBook, body: Element, ctx: Context) -> Response:
    _check_level(body, ctx)
    limit = ctx.limits.results(body.findtext(f"{DAV.limit}/{DAV.nresults}"))
    try:
        changes = ctx.store.changes(book, _since(body), limit)
    except InvalidSyncToken as error:
        if "Thunderbird/" in (ctx.request.header("user-agent") or ""):
            error.status = 400  # the only answer after which it starts afresh
        raise
    return multistatus_response(_answers(book, changes, PropFind.parse(body), ctx))


def _answers(book: AddressBook, changes: Changes, wanted: PropFind, ctx: Context) -> Iterator[XML]:
    found = set()
    for entry in members(book, wanted, ctx, changes.changed):
        found.add(entry.name)
        yield wanted.answer(entry, ctx)
    gone = [name for name in changes.changed if name not in found]  # between two looks
    for name in (*changes.removed, *gone):
        yield multistatus.status(ctx.href(book) + encode(name), 404)
    if changes.more:
        more = E(DAV.number_of_matches_within_limits)
        yield multistatus.status(ctx.href(book), 507, more)
    yield E(DAV.sync_token, PREFIX + changes.token)  # of exactly what was sent (§3.6)


def _check_level(body: Element, ctx: Context) -> None:
    """§3.3; without the element the Depth header says it (Appendix A)."""
    level = body.findtext(DAV.sync_level)
    if level is None:
        level = {"1": "1", "infinity": "infinite"}.get(ctx.request.header("depth") or "", "")
    if level.strip() not in LEVELS:
        raise BadRequest("sync-level is 1 or infinite")


def _since(body: Element) -> str | None:
    token = (body.findtext(DAV.sync_token) or "").strip()
    if not token:
        return None
    if not token.startswith(PREFIX):
        raise InvalidSyncToken("not a token of this server")
    return token.removeprefix(PREFIX)
