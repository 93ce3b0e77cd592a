"""Changing one property of a card: every other line stays, byte for byte (RFC 6350 §3.3).

Values are as they stand in a card: escaped, as values.escape does it.
"""

from collections.abc import Callable

from . import content
from .content import Params, Property


def add(data: bytes, name: str, value: str, params: Params = (), group: str | None = None) -> bytes:
    """The card with one more property, at its end.  content.Unreadable."""
    vcard = content.parse(data)
    head = vcard.begin + b"".join(item.line for item in vcard.properties)
    eol = _line_end(vcard.begin)
    if not head.endswith((b"\n", b"\r")):
        head += eol
    return head + _line(group, name, params, value, eol) + vcard.end


def replace(data: bytes, name: str, value: str, params: Params | None = None) -> bytes:
    """The card with this property once: where its first is, or else at the end.

    Its group stays, and so do its parameters unless others are given.  content.Unreadable.
    """
    vcard = content.parse(data)
    old = vcard.first(name)
    if old is None:
        return add(data, name, value, params or ())
    params = old.params if params is None else params
    new = _line(old.group, name, params, value, _line_end(vcard.begin))
    lines = (
        new if item is old else item.line
        for item in vcard.properties
        if item is old or item.name != name
    )
    return vcard.begin + b"".join(lines) + vcard.end


def remove(data: bytes, matches: Callable[[Property], bool]) -> bytes:
    """The card without the properties that match.  content.Unreadable."""
    vcard = content.parse(data)
    kept = b"".join(item.line for item in vcard.properties if not matches(item))
    return vcard.begin + kept + vcard.end


def _line(group: str | None, name: str, params: Params, value: str, eol: bytes) -> bytes:
    return content.write_line(group, name, params, value).replace(b"\r\n", eol)


def _line_end(begin: bytes) -> bytes:
    """How this card ends its lines."""
    return next((eol for eol in (b"\r\n", b"\n", b"\r") if begin.endswith(eol)), b"\r\n")
