"""vCard 3.0 and 4.0, each as the other (RFC 2426, RFC 6350).  Pure functions over content lines.

Nothing is dropped: what the wanted version cannot say travels as X- properties and parameters
(``lines``), and comes back.  What is only carried along gives way to what a client changes.
"""

from ...dav.errors import NoConversion
from .. import content
from . import to3, to4
from .lines import Pass, read, write

_CONVERTERS: dict[str, Pass] = {"3.0": to3.convert, "4.0": to4.convert}


def convert(data: bytes, version: str) -> bytes:
    """The card in *version*, 3.0 or 4.0; the same object if that is its version already.

    NoConversion where the bytes are no card, or a card of some other version.
    """
    try:
        has = content.version(data)
        if has == version:
            return data
        vcard = content.parse(data)
    except content.Unreadable as error:
        raise NoConversion(str(error)) from None
    if has not in ("", *_CONVERTERS):
        raise NoConversion(f"vCard {has:.20} cannot be converted")
    lines = [read(item) for item in vcard.properties if item.name != "VERSION"]
    if has or version == "4.0":  # only files edited by hand have none; they pass for 3.0
        lines = _CONVERTERS[version](lines)
    head = f"BEGIN:VCARD\r\nVERSION:{version}\r\n".encode()
    return b"".join((head, *map(write, lines), b"END:VCARD\r\n"))
