"""How much a home may hold (RFC 4331).

Two requests at one moment may both be let through by what is left: a limit that is there against
running full need not be exact to the octet.
"""

from ..dav.errors import QuotaExceeded
from ..model import Resource, Unmapped
from . import urls
from .context import Context


def used(owner: str, ctx: Context) -> int:
    """The octets of all cards in a home, whoever asks: the limit is for all of them."""
    return sum(book.size for book in ctx.store.books(owner))


def available(owner: str, ctx: Context) -> int | None:
    """The octets that may still come; None where there is no limit."""
    limit = ctx.limits.quota
    return max(0, limit - used(owner, ctx)) if limit else None


def reserve(octets: int, target: Resource | Unmapped, ctx: Context) -> None:
    """QuotaExceeded when so much more has no room in the home of *target*."""
    owner = urls.owner(target)
    if octets <= 0 or owner is None or not ctx.limits.quota:
        return
    if octets > (available(owner, ctx) or 0):
        raise QuotaExceeded(f"an address book home holds {ctx.limits.quota} octets")
