"""jCard (RFC 7095): a card of vCard 4.0 as JSON, and back."""

import json
import re
from typing import Any

from ..dav.errors import InvalidAddressData, NoConversion
from . import content, values
from .content import Property
from .convert import dates
from .convert.lines import Line

MAX_VALUES = 200_000  # JSON takes a hundred times its size in memory where it is all brackets
CONTENT_TYPE = "application/vcard+json"
_VERSION = b"VERSION:4.0\r\n"

# Properties of RFC 6350 and its extensions by the type of their value; what is in none of these,
# and says no VALUE, is "unknown" (§5.1).
_DEFAULTS = {
    "text": "ADR BIRTHPLACE CATEGORIES CLIENTPIDMAP DEATHPLACE EMAIL EXPERTISE FN GENDER GRAMGENDER"
    " HOBBY INTEREST JSPROP KIND N NICKNAME NOTE ORG PRODID PRONOUNS ROLE TEL TITLE TZ VERSION XML",
    "uri": "CALADRURI CALURI CONTACT-URI FBURL GEO IMPP KEY LOGO MEMBER ORG-DIRECTORY PHOTO RELATED"
    " SOCIALPROFILE SOUND SOURCE UID URL",
    "date-and-or-time": "ANNIVERSARY BDAY DEATHDATE",
    "timestamp": "CREATED REV",
    "language-tag": "LANG LANGUAGE",
}
_TYPE = {name: kind for kind, names in _DEFAULTS.items() for name in names.split()}
_STRUCTURED = ("ADR", "CLIENTPIDMAP", "GENDER", "N", "ORG")
_COMPONENT_LISTS = ("ADR", "N")  # each of their components may be a list
_LISTS = ("CATEGORIES", "NICKNAME")
_DATES = ("date", "time", "date-time", "date-and-or-time", "timestamp")
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_INTEGER = re.compile(r"[+-]?\d{1,15}", re.ASCII)
_FLOAT = re.compile(r"[+-]?\d{1,15}\.\d{1,15}", re.ASCII)


def from_vcard(data: bytes) -> bytes:
    """A card of 4.0 as JSON.  NoConversion when another card is inside it."""
    found = content.parse(data).properties
    if any(item.name == "BEGIN" for item in found):
        raise NoConversion("jCard has no cards inside cards")
    items = [_from_property(item) for item in found if item.name != "VERSION"]
    card = ["vcard", [["version", {}, "text", "4.0"], *items]]
    return json.dumps(card, ensure_ascii=False, separators=(",", ":")).encode()


def _from_property(item: Property) -> list[Any]:
    params: dict[str, Any] = {"group": item.group} if item.group else {}
    for name, found in item.params:
        if name == "SORT-AS":  # a list that may be quoted as a whole (RFC 6350 §5.9)
            found = tuple(part for value in found for part in value.split(","))
        if name != "VALUE":
            params[name.lower()] = found[0] if len(found) == 1 else list(found)
    kind = "".join(item.param("VALUE")[:1]).lower() or _TYPE.get(item.name, "unknown")
    return [item.name.lower(), params, kind, *_from_value(item.name, kind, item.value)]


def _from_value(name: str, kind: str, value: str) -> list[Any]:
    if kind == "text" and name in _STRUCTURED:
        parts = [_from_component(name, part) for part in values.split(value, ";")]
        return [parts if len(parts) > 1 else parts[0]]
    if kind == "text":
        return values.items(value) if name in _LISTS else [values.unescape(value)]
    if kind in ("integer", "float", "boolean"):
        return [_number(part, kind) for part in value.split(",")]
    if kind == "utc-offset":
        return [dates.extended_offset(value)]
    when = dates.parse(value) if kind in _DATES else None
    return [when.extended() if when else value]


def _from_component(name: str, part: str) -> str | list[str]:
    found = values.items(part) if name in _COMPONENT_LISTS else [values.unescape(part)]
    return found if len(found) > 1 else found[0]


def _number(text: str, kind: str) -> int | float | bool | str:
    if kind == "boolean" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if kind == "float" and _FLOAT.fullmatch(text) else text


def to_vcard(data: bytes) -> bytes:
    """The card of 4.0 in a jCard, or in a list of one.  InvalidAddressData."""
    if sum(map(data.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise InvalidAddressData(f"a jCard of more than {MAX_VALUES} values")
    try:
        card = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidAddressData(f"this is not JSON: {error}") from None
    match card:
        case ["vcard", [*items]] | [["vcard", [*items]]]:
            lines = [_to_line(item) for item in items]
        case _:
            raise InvalidAddressData('a jCard is ["vcard", [properties]]')
    lines = [line for line in lines if line != _VERSION]
    return b"".join((b"BEGIN:VCARD\r\n", _VERSION, *lines, b"END:VCARD\r\n"))


def _to_line(item: Any) -> bytes:
    match item:
        case [str(name), dict(params), str(kind), first, *more]:
            group = params.pop("group", None)
            name, kind = _name(name), _name(kind).lower()
            line = Line(
                None if group is None else _name(group),
                name.upper(),
                tuple(
                    (_name(key).upper(), _params(found))
                    for key, found in params.items()
                    if found != []
                ),
                _to_value(name.upper(), kind, [first, *more]),
            )
        case _:
            raise InvalidAddressData("a property is [name, parameters, type, value]")
    if kind not in ("unknown", _TYPE.get(line.name)):
        line = line.with_param("VALUE", kind)
    if sort_as := line.param("SORT-AS"):
        line = line.with_param("SORT-AS", ",".join(sort_as))
    try:
        return content.write_line(*line[:4])
    except UnicodeEncodeError:
        raise InvalidAddressData("half a character is none") from None


def _name(text: Any) -> str:
    if isinstance(text, str) and _NAME.fullmatch(text):
        return text
    raise InvalidAddressData(f"{text!s:.80} is no name")


def _params(found: Any) -> tuple[str, ...]:
    texts = map(_scalar, found if isinstance(found, list) else [found])
    return tuple(text.replace("\r\n", "\n").replace("\r", "\n") for text in texts)


def _to_value(name: str, kind: str, found: list[Any]) -> str:
    if kind == "text" and name in _STRUCTURED and isinstance(found[0], list):
        return ";".join(map(_to_component, found[0]))
    if kind == "text":
        return _to_component(found)
    texts = list(map(_scalar, found))
    if kind == "utc-offset":
        texts = list(map(dates.basic_offset, texts))
    elif kind in _DATES:
        texts = [when.basic() if (when := dates.parse(text)) else text for text in texts]
    value = ",".join(texts)
    if "\n" in value or "\r" in value:
        raise InvalidAddressData(f"a value of {name} has a line break, and is no text")
    return value


def _to_component(found: Any) -> str:
    texts = map(_scalar, found if isinstance(found, list) else [found])
    return ",".join(map(values.escape, texts))


def _scalar(value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | float():
            return str(value)
    raise InvalidAddressData(f"{json.dumps(value):.80} is no value")
