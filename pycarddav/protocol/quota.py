"""How much a home may hold (RFC 4331).

Two requests at one moment may both be let through by what is left: a limit that is there against
running full need not be exact to the octet.
"""

from ..dav.errors import QuotaExceeded
from ..model import AddressBook, Entry, UnmappedBook, UnmappedCard
from . import urls
from .context import Context


def used(owner: str, ctx: Context) -> int:
    """The octets of all cards in a home, whoever asks: the limit is for all of them."""
    return sum(book.size for book in ctx.store.books(owner))


def available(owner: str | None, ctx: Context) -> int | None:
    """The octets that may still come; None where there is no limit."""
    if not (limit := ctx.limits.quota) or owner is None:
        return None
    return max(0, limit - used(owner, ctx))


def reserve(
    octets: int, target: Entry | UnmappedCard | AddressBook | UnmappedBook, ctx: Context
) -> None:
    """QuotaExceeded when so much has no room in the home of *target*, whose place it takes."""
    left = available(urls.owner(target), ctx)
    replaced = target.size if isinstance(target, Entry | AddressBook) else 0
    if left is not None and octets - replaced > left:
        raise QuotaExceeded(f"the contacts of one user have at most {ctx.limits.quota} octets")
