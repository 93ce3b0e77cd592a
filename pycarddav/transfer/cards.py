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
class Storable:
    """A card that can be stored, with its UID if it has one; *repaired* says what was done."""

    data: bytes
    uid: str | None
    repaired: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ready:
    """A card that is stored as it is: it has a UID."""

    data: bytes
    uid: str
    repaired: tuple[str, ...] = ()


def ready(data: bytes, line: int = 1) -> Ready:
    """As storable(); a card without a UID gets one."""
    card = storable(data, line)
    if card.uid is not None:
        return Ready(card.data, card.uid, card.repaired)
    data, uid = with_uid(card.data)
    return Ready(data, uid, (*card.repaired, "it had no UID"))


def storable(data: bytes, line: int = 1) -> Storable:
    """The card, repaired where it has to be; *line* is its first, for what is said of it.

    InvalidAddressData, UnsupportedAddressData or NoConversion where nothing helps.
    """
    try:
        return Storable(*validate.acceptable(data))
    except UnsupportedAddressData:
        version = content.version(data)
        data, uid = validate.acceptable(convert.repaired(data))
        return Storable(data, uid, (f"vCard {version} became {content.version(data)}",))
    except InvalidAddressData as error:
        data, uid = validate.acceptable(convert.repaired(data))
        return Storable(data, uid, (in_file(str(error), line),))


def with_uid(data: bytes, seed: str | None = None) -> tuple[bytes, str]:
    """The card with a UID made of *seed*, or its content, in place of the one that it may have."""
    uid = str(uuid5(_NAMESPACE, data.decode(errors="replace") if seed is None else seed))
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
