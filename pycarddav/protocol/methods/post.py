"""POST of a card to a book (RFC 5995): a PUT to a name that the server finds."""

import re
from dataclasses import replace
from urllib.parse import unquote
from uuid import uuid4

from ...dav.errors import Forbidden, PreconditionFailed
from ...dav.headers import NEW
from ...dav.names import DAV
from ...model import AddressBook, UnmappedCard
from ..context import Context
from ..guards import permit
from ..messages import Response
from ..prefer import represented, strictly
from ..registry import method
from .put import save

# A Slug (RFC 5023 §9.7) that is a good name in a URL and on every file system.
_SLUG = re.compile(r"(?!\.)([\w@+=.-]{1,60}?)(\.vcf)?")


@method("POST", on=AddressBook, needs=DAV.read, judges=True)
@represented
@strictly
def add_member(book: AddressBook, ctx: Context) -> Response:
    """201 with the Location of the card: named by its Slug if that is to be had."""
    if ctx.request.header("sec-fetch-site") == "cross-site":
        # A browser that is logged in would send any page's form here, without asking first.
        raise Forbidden("another site's page may not add cards")
    slug = _SLUG.fullmatch(unquote(ctx.request.header("slug", "") or ""))
    if slug:
        try:
            return _add(UnmappedCard(book, f"{slug[1]}.vcf"), ctx)
        except PreconditionFailed:  # the name is taken
            pass
    return _add(UnmappedCard(book, f"{uuid4()}.vcf"), ctx)


def _add(target: UnmappedCard, ctx: Context) -> Response:
    permit(DAV.bind, target, ctx)
    request = replace(ctx.request, method="PUT", path=target.path)
    response = save(target, replace(ctx, request=request, condition=NEW))
    location = ctx.request.origin + ctx.href(target)
    return response.adding({"Location": location})
