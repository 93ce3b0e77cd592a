"""vCard 3.0 and 4.0, each as the other, and 2.1 as both (RFC 2426, RFC 6350).  Pure functions.

Nothing is dropped: what the wanted version cannot say travels as X- properties and parameters
(``lines``), and comes back.  What is only carried along gives way to what a client changes.
"""

from ...dav.errors import NoConversion
from .. import content, values
from . import legacy, to3, to4
from .lines import Line, Pass, read, write

_CONVERTERS: dict[str, Pass] = {"3.0": to3.convert, "4.0": to4.convert}


def convert(data: bytes, version: str) -> bytes:
    """The card in *version*, 3.0 or 4.0; the same object if that is its version already.

    NoConversion where the bytes are no card, or a card of a version that nobody knows.
    """
    try:
        has = content.version(data)
        if has == version:
            return data
        has, lines = _lines(content.parse(data), has)
    except content.Unreadable as error:
        raise NoConversion(str(error)) from None
    return _card(lines if has == version else _CONVERTERS[version](lines), version)


def repaired(data: bytes) -> bytes:
    """A card that can be stored, of one that cannot: its lines, in the version that is nearest.

    For an import, where refusing helps nobody: 2.1 becomes 3.0, octets that are not UTF-8 are taken
    for latin-1, control characters become U+FFFD, real line breaks in values are escaped, a card
    inside the card becomes a value, and a missing END is added.  NoConversion as convert.
    """
    try:
        vcard = content.parse(data)
    except content.Unreadable as error:
        raise NoConversion(str(error)) from None
    version, lines = _lines(vcard, vcard.version)
    return values.CONTROL.sub("\ufffd", _card(legacy.agents(lines), version).decode()).encode()


def _lines(vcard: content.VCard, has: str) -> tuple[str, list[Line]]:
    """The lines, and the version they are in: what has none (edited by hand) passes for 3.0."""
    items = [item for item in vcard.properties if item.name != "VERSION"]
    if has == "2.1":
        return "3.0", legacy.upgrade([legacy.read(item) for item in items])
    if has not in ("", *_CONVERTERS):
        raise NoConversion(f"vCard {has:.20} is not known")
    return has or "3.0", [read(item) for item in items]


def _card(lines: list[Line], version: str) -> bytes:
    head = f"BEGIN:VCARD\r\nVERSION:{version}\r\n".encode()
    return b"".join((head, *map(write, lines), b"END:VCARD\r\n"))
