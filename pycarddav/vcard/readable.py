"""What a card says, for people: its values in an order in which one looks for them."""

from typing import NamedTuple

from . import query, values
from .content import Property, VCard

# In this order; what is not here follows, under its own name.
_LABELS = {
    "FN": "name", "N": "sorted by", "NICKNAME": "nickname", "KIND": "kind", "ORG": "company",
    "TITLE": "title", "ROLE": "role", "TEL": "phone", "EMAIL": "email", "IMPP": "messenger",
    "ADR": "address", "URL": "web page", "BDAY": "birthday", "ANNIVERSARY": "anniversary",
    "X-ANNIVERSARY": "anniversary", "X-ABDATE": "date", "RELATED": "related",
    "X-ABRELATEDNAMES": "related", "GENDER": "gender", "CATEGORIES": "groups", "MEMBER": "member",
    "X-ADDRESSBOOKSERVER-MEMBER": "member", "NOTE": "note", "PHOTO": "photo", "LOGO": "logo",
    "SOUND": "sound", "KEY": "key",
}  # fmt: skip
_LAST = {"PRODID": "written by", "REV": "revised", "UID": "UID", "VERSION": "vCard"}
_ORDER = {name: number for number, name in enumerate(_LABELS)}
_UNSAID = {"internet", "voice", "pref", "x-internet"}  # kinds that say nothing
_APPLE = "_$!<"  # around the labels that it translates


class Field(NamedTuple):
    """*kinds* is what sets it apart from others of its name: home, work, a label."""

    name: str
    kinds: tuple[str, ...]
    value: str


def fields(vcard: VCard) -> list[Field]:
    """All values of a card that are not empty."""
    found = sorted(vcard.properties, key=_place)
    read = [_field(vcard, item) for item in found if item.name != "X-ABLABEL"]
    return [field for field in read if field.value]


def _place(item: Property) -> int:
    return len(_ORDER) + 1 if item.name in _LAST else _ORDER.get(item.name, len(_ORDER))


def _field(vcard: VCard, item: Property) -> Field:
    name = (_LABELS | _LAST).get(item.name, item.name)
    return Field(name, _kinds(vcard, item), _value(item).strip())


def _kinds(vcard: VCard, item: Property) -> tuple[str, ...]:
    types = (kind for value in item.param("TYPE") for kind in [value.lower()])
    labels = vcard.get("X-ABLABEL", item.group) if item.group else []
    said = [label.text.removeprefix(_APPLE).removesuffix(">!$_") for label in labels]
    inline = item.name in query.BINARY
    return tuple(dict.fromkeys([*said, *(t for t in types if t not in _UNSAID and not inline)]))


def _value(item: Property) -> str:
    if item.name == "BEGIN":
        return "a card inside this card"
    if item.name in query.BINARY and not query.candidates(item):
        size = len(item.value.rpartition(",")[2]) * 3 // 4
        return f"about {size} octets"
    if item.name in query.STRUCTURED:
        return ", ".join(filter(None, values.components(item.escaped)))
    if item.name in query.LISTS:
        return ", ".join(filter(None, values.items(item.escaped)))
    return item.text
