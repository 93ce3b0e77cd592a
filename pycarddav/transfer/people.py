"""A row of a spreadsheet as a card.  Every value is kept: what has no place goes into the note."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from ..vcard import content, convert, values
from ..vcard.content import Params
from ..vcard.convert import dates
from . import cards
from .columns import PARTS, Place

_SEVERAL = " ::: "  # between values in one cell: Google's
_DATE = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})(?: 0?0:00(?::00)?)?")
_EVERYBODY = {"* mycontacts", "* starred", "mycontacts"}  # labels that Google gives by itself

# What Google calls kinds of values, as TYPE has them; other words become a label.
_KINDS = {
    "home": ("home",), "work": ("work",), "mobile": ("cell",), "cell": ("cell",),
    "main": ("voice",), "home fax": ("home", "fax"), "work fax": ("work", "fax"),
    "fax": ("fax",), "pager": ("pager",), "other": (), "internet": (), "homepage": (),
    "profile": (),
}  # fmt: skip
_RELATIONS = {"spouse", "child", "parent", "sibling", "friend"}
_MESSENGERS = {
    "aim": "aim", "google talk": "xmpp", "icq": "icq", "jabber": "xmpp", "msn": "msnim", "qq": "qq",
    "sip": "sip", "skype": "skype", "xmpp": "xmpp", "yahoo": "ymsgr",
}  # fmt: skip
_GENDERS = {"male": "M", "female": "F", "m": "M", "f": "F"}


def card(cells: list[tuple[Place, str]]) -> bytes | None:
    """The card in 3.0 of a row: texts and where they go; None where there is nothing.

    A text whose place is not known comes with the name of its column.
    """
    row = _Row()
    for target, text in cells:
        if text := values.CONTROL.sub("\N{REPLACEMENT CHARACTER}", text).strip():
            row.take(target, text)
    if not (lines := list(row.lines())):
        return None
    # By way of 4.0, of which the conversion makes what 3.0 and Apple have for it, and a name.
    head = b"BEGIN:VCARD\r\nVERSION:4.0\r\n"
    data = convert.convert(b"".join((head, *lines, b"END:VCARD\r\n")), "3.0")
    return cards.with_uid(data)[0]


@dataclass
class _Row:
    """The values of a row, by property, types and number, and then by part."""

    found: dict[tuple[str, tuple[str, ...], str], dict[str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    groups: int = 0

    def take(self, target: Place, text: str) -> None:
        if isinstance(target, str):
            self.unknown.append(f"{target}: {text}")
        elif target:
            parts = self.found.setdefault((target.name, target.types, target.number), {})
            before = parts.get(target.part)
            parts[target.part] = f"{before}\n{text}" if before else text

    def lines(self) -> Iterator[bytes]:
        """The content lines of 4.0."""
        full = self.found.get(("FN", (), ""))
        if full and ("N", (), "") not in self.found:
            yield content.write_line(None, "N", (), structured_name(full[""]))
        for (name, types, _), parts in self.found.items():
            label = parts.pop("label", "").lstrip("* ")
            if name in PARTS and parts:
                yield from self._labelled(name, types, label, _structured(name, parts))
            elif text := parts.get(""):
                yield from self._values(name, types, label, text)
        if notes := [*self.notes, *self.unknown]:
            yield content.write_line(None, "NOTE", (), values.escape("\n".join(notes)))

    def _values(self, name: str, types: tuple[str, ...], label: str, text: str) -> Iterator[bytes]:
        match name:
            case "NOTE":
                self.notes.append(f"{label}: {text}" if label else text)
            case "CATEGORIES":
                yield from _categories(text)
            case "BDAY" | "ANNIVERSARY" | "X-ABDATE":
                yield from self._date(name, label, text)
            case "GENDER":
                if sex := _GENDERS.get(text.lower()):
                    yield content.write_line(None, name, (), sex)
            case "FN" | "NICKNAME":
                yield content.write_line(None, name, (), values.escape(text))
            case _:
                for value in text.split(_SEVERAL):
                    yield from self._value(name, types, label, value)

    def _value(self, name: str, types: tuple[str, ...], label: str, text: str) -> Iterator[bytes]:
        match name:
            case "RELATED" if types or label.lower() in _RELATIONS:
                params = (("TYPE", types or (label.lower(),)), ("VALUE", ("text",)))
                yield content.write_line(None, name, params, values.escape(text))
            case "RELATED":
                yield from self._labelled("X-ABRELATEDNAMES", (), label, values.escape(text))
            case "IMPP":
                scheme = _MESSENGERS.get(label.lower(), "x-apple")
                service = (("X-SERVICE-TYPE", (label,)),) if label else ()
                yield content.write_line(None, name, service, f"{scheme}:{quote(text, safe='@')}")
            case "PHOTO" | "URL":
                uri = text if name == "URL" or "://" in text else None
                if uri is None:
                    self.notes.append(f"{name.lower()}: {text}")
                else:
                    yield from self._labelled(name, types, label, "".join(uri.split()))
            case _:
                yield from self._labelled(name, types, label, values.escape(text))

    def _labelled(
        self, name: str, types: tuple[str, ...], label: str, value: str
    ) -> Iterator[bytes]:
        """A line with its kind as TYPE, or else as the label that Apple gives it."""
        kinds = _KINDS.get(label.lower())
        types = (*types, *(kinds or ()))
        params: Params = (("TYPE", types),) if types else ()
        if not label or kinds is not None:
            yield content.write_line(None, name, params, value)
            return
        self.groups += 1
        group = f"item{self.groups}"
        yield content.write_line(group, name, params, value)
        yield content.write_line(group, "X-ABLABEL", (), values.escape(label))

    def _date(self, name: str, label: str, text: str) -> Iterator[bytes]:
        if text in ("0/0/00", "0/0/0000"):  # Outlook's way to have none
            return
        if name == "X-ABDATE" and label.lower() == "anniversary":
            name, label = "ANNIVERSARY", ""
        when = _when(text)
        if when is None:
            self.notes.append(f"{label or name.lower()}: {text}")
        elif name == "X-ABDATE":
            yield from self._labelled(name, (), label, when.extended())
        else:
            yield content.write_line(None, name, (), when.basic())


def _structured(name: str, parts: dict[str, str]) -> str:
    formatted = parts.pop("formatted", "")
    if not parts:
        parts = {"street": formatted}
    found = [values.escape(parts.get(part, "")) for part in PARTS[name]]
    while name == "ORG" and found[1:] and not found[-1]:
        found.pop()
    return ";".join(found)


def structured_name(text: str) -> str:
    """N of a full name: the last word is the family's, unless a comma says otherwise."""
    family, comma, given = text.partition(",")
    if not comma:
        given, _, family = text.rpartition(" ")
    if not given:
        given, family = family, ""
    return f"{values.escape(family.strip())};{values.escape(given.strip())};;;"


def _categories(text: str) -> Iterator[bytes]:
    google = _SEVERAL in text or text.startswith("* ")
    found = text.split(_SEVERAL) if google else re.split("[;,]", text)
    names = [name.strip() for name in found if name.strip().lower() not in _EVERYBODY]
    if any(names):
        value = ",".join(values.escape(name.removeprefix("* ")) for name in names if name)
        yield content.write_line(None, "CATEGORIES", (), value)


def _when(text: str) -> dates.When | None:
    """A date: as ISO has it, 24.12.1990, or, with slashes, 12/24/1990 unless that is none."""
    if match := _DATE.fullmatch(text):
        first, separator, second, last = match.groups()
        if len(first) == 4:
            year, month, day = first, second, last
        elif separator == "/" and int(first) <= 12:
            year, month, day = last, first, second
        else:
            year, month, day = last, second, first
        text = f"{year}-{month:0>2}-{day:0>2}"
    when = dates.parse(text)
    if not when or not when.month or not when.day:
        return None
    possible = 1 <= int(when.month) <= 12 and 1 <= int(when.day) <= 31
    return when if possible else None
