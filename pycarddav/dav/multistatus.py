"""Multi-status responses (RFC 4918 §13), built of fragments that stand on their own."""

from collections.abc import Collection, Iterable, Mapping
from functools import cache, lru_cache
from http import HTTPStatus

from .names import DAV
from .xml import XML, E, Fragment, document, escape

# A book has one response for each card, so what is the same in all of them is written once.
_GAP = XML("\0")
_BEGIN, _BETWEEN, _END = E(DAV.response, E(DAV.href, _GAP), _GAP).split(_GAP)


@cache
def status_line(code: int) -> XML:
    """Thunderbird compares the whole text ``HTTP/1.1 200 OK``."""
    return E(DAV.status, f"HTTP/1.1 {code:d} {HTTPStatus(code).phrase}")


def propstat(code: int, props: Iterable[str], *error: XML) -> XML:
    """Properties that share one outcome."""
    before, behind = _around(code, *error)
    return XML(f"{before}{''.join(props)}{behind}")


@lru_cache(maxsize=128)
def _around(code: int, *error: XML) -> tuple[str, str]:
    """What stands around the properties of one outcome: the same for all cards of a listing."""
    errors = [E(DAV.error, *error)] if error else []
    whole = E(DAV.propstat, E(DAV.prop, _GAP), status_line(code), *errors)
    before, _, behind = whole.partition(_GAP)
    return before, behind


def propstats(href: str, by_status: Mapping[int, Collection[str]]) -> XML:
    """A response whose properties are grouped by status, 200 first for Thunderbird."""
    codes = sorted(code for code, props in by_status.items() if props) or [200]
    return response(href, *[propstat(code, by_status.get(code, ())) for code in codes])


def response(href: str, *propstats: XML) -> XML:
    """A response out of ready propstat fragments."""
    return XML(f"{_BEGIN}{escape(href)}{_BETWEEN}{''.join(propstats)}{_END}")


def status(href: str, code: int, *error: XML) -> XML:
    """A response about the resource as a whole."""
    errors = [E(DAV.error, *error)] if error else []
    return E(DAV.response, E(DAV.href, href), status_line(code), *errors)


def truncated(href: str) -> XML:
    """A response that says of *href* that there is more (RFC 6352 §8.6.1, RFC 6578 §3.6)."""
    return status(href, 507, E(DAV.number_of_matches_within_limits))


def multistatus(fragments: Iterable[Fragment]) -> bytes:
    """The whole document."""
    return document(DAV.multistatus, *fragments)
