"""What may be stored (RFC 6352 §5.1, §6.3.2.1): strict where a card could not be kept safely.

One refused PUT stops a phone's whole sync, so a missing FN, a doubled REV, an unknown property or
a wrong date is kept.  Refused is what is no card, or more than one, what is cut off, and what the
XML of a report cannot carry.
"""

from collections.abc import Iterator

from ..dav.errors import InvalidAddressData, UnsupportedAddressData
from . import content, jcard, query, values

MAX_DEPTH = 8  # of nested components
# Components and items of one value, and parameters of all lines: each takes memory and time when
# it is looked at.
MAX_PARTS = 10_000
VERSIONS = ("3.0", "4.0")

# text/x-vcard and text/directory are older names; Nextcloud has sent application/vcard, and curl
# and others send application/octet-stream when they do not know.
CONTENT_TYPES = (
    "text/vcard",
    "text/x-vcard",
    "text/directory",
    "application/vcard",
    "application/octet-stream",
)
_CHARSETS = ("utf-8", "utf8", "us-ascii", "ascii")


def acceptable(data: bytes, content_type: str | None = None) -> tuple[bytes, str | None]:
    """The bytes to store for a card that a client sends, and its UID.

    The same object wherever possible; a byte order mark is taken off, because every GET would hand
    it on, and a jCard becomes a card of 4.0.  Where the bytes are others, the PUT must not be
    answered with an ETag (RFC 6352 §6.3.2.3).  InvalidAddressData or UnsupportedAddressData when
    the card is refused.
    """
    data = data.removeprefix(content.BOM)
    if (content_type or "").partition(";")[0].strip().lower() == jcard.CONTENT_TYPE:
        data = jcard.to_vcard(data)
        content_type = None
    return data, validate(data, content_type)


def validate(data: bytes, content_type: str | None = None) -> str | None:
    """The UID of a card that a client wants to store, if it has one.

    RFC 6352 §5.1 wants a UID.  A card without one is nevertheless kept, as it is: some clients send
    none, a UID added here would be unknown to them, and their next PUT to the same URL would then
    be a conflict of UIDs.  InvalidAddressData or UnsupportedAddressData otherwise.
    """
    check_content_type(content_type)
    vcard = _one_card(data)
    if not vcard.version:
        raise InvalidAddressData("the card has no VERSION")
    if vcard.version not in VERSIONS:
        raise UnsupportedAddressData(f"vCard {vcard.version:.20} is not one of 3.0 and 4.0")
    return vcard.uid


def check_content_type(header: str | None) -> None:
    """UnsupportedAddressData when a Content-Type cannot be that of a card.

    Parameters come in any spelling and doubled (Nextcloud); ``version`` is ignored, because the
    card says it itself.
    """
    kind, *parameters = (part.strip().lower() for part in (header or "text/vcard").split(";"))
    if kind not in CONTENT_TYPES:
        raise UnsupportedAddressData(f"{kind:.80} is not a type of vCard")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip(' "') not in _CHARSETS:
            raise UnsupportedAddressData(f"vCards are UTF-8, not {value:.80}")


class _Fault(Exception):
    """Why a line is refused."""


def _one_card(data: bytes) -> content.VCard:
    """The card, when it is exactly one, complete, and every line of it can be read."""
    depth: int | None = None  # of components: None before the card, 0 after it
    offset = parameters = 0
    for line in _lines(data):
        try:
            if line.strip():
                item = _item(line)
                depth = _depth(item, depth)
                parameters += item.parameters.count(";") + item.parameters.count(",")
            if parameters > MAX_PARTS:
                raise _Fault(f"the card has more than {MAX_PARTS} parameters up to here")
        except _Fault as fault:
            number = len(data[:offset].splitlines()) + 1
            raise InvalidAddressData(f"line {number}: {fault}") from None
        offset += len(line)
    if depth != 0:
        raise InvalidAddressData("END:VCARD is missing")
    return content.parse(data)


def _lines(data: bytes) -> Iterator[bytes]:
    try:
        return content.logical_lines(data)
    except content.Unreadable as error:
        raise InvalidAddressData(str(error)) from None


def _item(line: bytes) -> content.Property:
    """The property in a line that can be read by everybody."""
    try:
        text = content.unfold(line).decode()
    except UnicodeDecodeError:
        raise _Fault("this is not UTF-8") from None
    if control := values.CONTROL.search(text):
        raise _Fault(f"U+{ord(control[0]):04X} is a control character")
    item = content.read_line(line)
    if item is None:
        raise _Fault("this is no content line: a name, at most 1000 parameters, a colon, a value")
    parts = item.value.count(";") + item.value.count(",")
    if parts > MAX_PARTS and item.name in (*query.STRUCTURED, *query.LISTS):
        raise _Fault(f"{item.name} has more than {MAX_PARTS} parts")
    return item


def _depth(item: content.Property, depth: int | None) -> int:
    """The depth of components after *item*."""
    if depth is None and (item.name, item.value.strip().upper()) != ("BEGIN", "VCARD"):
        raise _Fault("BEGIN:VCARD is missing before this")
    if depth == 0:
        raise _Fault("there is more than one card, or something after it")
    if depth == 1 and item.name == "END" and item.value.strip().upper() != "VCARD":
        raise _Fault("this does not end what has begun: END:VCARD is cut off")
    depth = (depth or 0) + (item.name == "BEGIN") - (item.name == "END")
    if depth > MAX_DEPTH:
        raise _Fault(f"components are nested more than {MAX_DEPTH} deep")
    return depth
