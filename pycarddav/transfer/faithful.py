"""A card of another server as it can be stored: the same bytes, wherever that can be."""

from typing import NamedTuple
from uuid import UUID, uuid5

from ..dav.errors import CardTooLarge, Error, InvalidAddressData
from ..vcard import convert, edit, validate

_NAMESPACE = UUID("0b2e7d6a-9f0c-5c5e-8b0b-6a4f2f1d3c9e")


class Storable(NamedTuple):
    """*data* and its UID; *remark* says why these are not the bytes that came, if they are not."""

    data: bytes
    uid: str | None
    remark: str = ""


def storable(data: bytes, largest: int) -> Storable:
    """The same bytes where they are a card that a client may store, and else a repaired one.

    CardTooLarge; InvalidAddressData where nothing helps, with what was wrong at first.
    """
    if len(data) > largest:
        raise CardTooLarge(f"the card has {len(data)} octets, more than {largest}")
    try:
        taken, uid = validate.acceptable(data)
    except Error as error:
        return _repaired(data, error)
    return Storable(taken, uid, "" if taken == data else "a byte order mark was taken off")


def with_own_uid(card: Storable, name: str, taken_by: str) -> Storable:
    """The card with a UID of its own: the same one whenever a card of this *name* comes."""
    uid = str(uuid5(_NAMESPACE, f"{name} {card.uid}"))
    data = edit.replace(card.data, "UID", uid, ())
    why = f"its UID is that of {taken_by} as well: it has one of its own"
    return Storable(data, uid, "; ".join(filter(None, (card.remark, why))))


def _repaired(data: bytes, wrong: Error) -> Storable:
    try:
        mended = convert.repaired(data)
        return Storable(mended, validate.validate(mended), f"repaired: {wrong}")
    except Error:
        raise InvalidAddressData(str(wrong)) from wrong
