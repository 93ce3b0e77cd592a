"""Multi-status responses (RFC 4918 §13), built of fragments that stand on their own."""

from collections.abc import Iterable, Mapping
from functools import cache
from http import HTTPStatus

from .names import DAV
from .xml import XML, E, document, join


@cache
def status_line(code: int) -> XML:
    """Thunderbird compares the whole text ``HTTP/1.1 200 OK``."""
    return E(DAV.status, f"HTTP/1.1 {code:d} {HTTPStatus(code).phrase}")


def propstat(code: int, props: Iterable[str], *error: XML) -> XML:
    """Properties that share one outcome."""
    errors = [E(DAV.error, *error)] if error else []
    return E(DAV.propstat, E(DAV.prop, *props), status_line(code), *errors)


def propstats(href: str, by_status: Mapping[int, Iterable[str]]) -> XML:
    """A response whose properties are grouped by status, 200 first for Thunderbird."""
    groups = [(code, list(props)) for code, props in sorted(by_status.items())]
    shown = [(code, props) for code, props in groups if props] or [(200, [])]
    return response(href, *(propstat(code, props) for code, props in shown))


def response(href: str, *propstats: XML) -> XML:
    """A response out of ready propstat fragments."""
    return E(DAV.response, E(DAV.href, href), *propstats)


def status(href: str, code: int, *error: XML) -> XML:
    """A response about the resource as a whole."""
    errors = [E(DAV.error, *error)] if error else []
    return E(DAV.response, E(DAV.href, href), status_line(code), *errors)


def truncated(href: str) -> XML:
    """A response that says of *href* that there is more (RFC 6352 §8.6.1, RFC 6578 §3.6)."""
    return status(href, 507, E(DAV.number_of_matches_within_limits))


def multistatus(fragments: Iterable[str]) -> bytes:
    """The whole document."""
    return document(DAV.multistatus, join(fragments))
