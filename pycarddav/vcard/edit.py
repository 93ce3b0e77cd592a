"""Changing one property of a card: every other line stays, byte for byte (RFC 6350 §3.3).

Values are as they stand in a card: escaped, as values.escape does it.  Every function raises
content.Unreadable for what is no card with an end.
"""

from collections.abc import Callable

from . import content
from .content import Params, Property, VCard


def add(data: bytes, name: str, value: str, params: Params = (), group: str | None = None) -> bytes:
    """The card with one more property, at its end."""
    vcard = _whole(data)
    line = _line(vcard, group, name, params, value)
    return data.removesuffix(vcard.end) + line + vcard.end


def replace(data: bytes, name: str, value: str, params: Params | None = None) -> bytes:
    """The card with this property once: where its first is, or else at the end.

    Its group stays, and so do its parameters unless others are given.
    """
    vcard = _whole(data)
    old = vcard.first(name)
    if old is None:
        return add(data, name, value, params or ())
    new = _line(vcard, old.group, name, old.params if params is None else params, value)
    kept = (item for item in vcard.properties if item is old or item.name != name)
    lines = (new if item is old else item.line for item in kept)
    return vcard.begin + b"".join(lines) + vcard.end


def remove(data: bytes, matches: Callable[[Property], bool]) -> bytes:
    """The card without the properties that match."""
    vcard = _whole(data)
    kept = b"".join(item.line for item in vcard.properties if not matches(item))
    return vcard.begin + kept + vcard.end


def _whole(data: bytes) -> VCard:
    vcard = content.parse(data)
    if not vcard.end:
        raise content.Unreadable("END:VCARD is missing")
    return vcard


def _line(vcard: VCard, group: str | None, name: str, params: Params, value: str) -> bytes:
    """A new line, which ends as the first line of the card does."""
    line = content.write_line(group, name, params, value)
    eol = next(eol for eol in (b"\r\n", b"\n", b"\r") if vcard.begin.endswith(eol))
    return line.replace(b"\r\n", eol)
