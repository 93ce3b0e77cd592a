"""A card from anywhere as one that can be stored, and what was done to it for that."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from uuid import UUID, uuid5

from ..dav.errors import InvalidAddressData, UnsupportedAddressData
from ..vcard import content, convert, edit, validate

# Of what a card without a UID gets one: the same whenever the same card is imported.
_NAMESPACE = UUID("5c1a2d3b-2f4e-5a6c-9b7d-0e1f2a3b4c5d")

_GOOD_NAME = re.compile(r"(?!\.)[A-Za-z0-9@+=_.-]{1,100}")


@dataclass(frozen=True)
class Ready:
    """A card that can be stored; *repaired* says how it differs from the one that came."""

    data: bytes
    uid: str
    repaired: tuple[str, ...] = ()


def ready(data: bytes, line: int = 1) -> Ready:
    """The card, repaired where it has to be; *line* is its first, for what is said of it.

    InvalidAddressData, UnsupportedAddressData or NoConversion where nothing helps.
    """
    repaired = []
    try:
        data, uid = validate.acceptable(data)
    except UnsupportedAddressData:
        version = content.version(data)
        data, uid = validate.acceptable(convert.repaired(data))
        repaired.append(f"vCard {version} became {content.version(data)}")
    except InvalidAddressData as error:
        data, uid = validate.acceptable(convert.repaired(data))
        repaired.append(in_file(str(error), line))
    if uid is None:
        data, uid = with_uid(data)
        repaired.append("it had no UID")
    return Ready(data, uid, tuple(repaired))


def with_uid(data: bytes) -> tuple[bytes, str]:
    """The card with a UID made of its content in place of the one that it may have."""
    uid = str(uuid5(_NAMESPACE, data.decode(errors="replace")))
    return edit.replace(data, "UID", uid, ()), uid


def in_file(message: str, first: int) -> str:
    """What was said of a line of the card, of that line of the file."""
    number, colon, rest = message.removeprefix("line ").partition(": ")
    if not (message.startswith("line ") and colon and number.isdecimal()):
        return message
    return f"line {int(number) + first - 1}: {rest}"


def names_of(uid: str) -> Iterator[str]:
    """What to call the file of a card with this UID: as long as names are taken, others."""
    if _GOOD_NAME.fullmatch(uid):
        yield f"{uid}.vcf"
    for number in count():
        yield f"{uuid5(_NAMESPACE, f'{uid} {number}')}.vcf"
