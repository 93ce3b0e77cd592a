"""Several cards of one person as one card, with every value of each."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import count

from ..dav.errors import NoConversion
from ..store import bare_uid
from ..vcard import content, convert, values
from ..vcard.content import Property, VCard
from ..vcard.convert import dates
from ..vcard.convert.lines import ASIDE
from .duplicates import number

_ITSELF = {"VERSION", "UID", "REV", "PRODID", "KIND"}  # said of the card, not of the person
_BESIDE = {"X-ABLABEL", "X-ABADR"}  # said of the other property of its group
_TYPED = {"TEL", "EMAIL", "ADR", "URL", "IMPP"}
_SERVICES = ("X-SERVICE-TYPE", "SERVICE-TYPE")
_RELATIVE = {"X-SOCIALPROFILE", "SOCIALPROFILE", "RELATED"}  # their TYPE says of what, or whose
_WHOLE = 9  # digits, without zeros before them, of a number with its area: 20 555 1234
_MEMBERS = {"MEMBER", "X-ADDRESSBOOKSERVER-MEMBER"}


def fullest(cards: Sequence[tuple[float, bytes]]) -> int:
    """Which of these, each when it was modified and its content, says the most; or the newest."""
    worth = [(len(content.parse(data).properties), modified) for modified, data in cards]
    return worth.index(max(worth))


def merged(base: bytes, others: Iterable[bytes]) -> bytes:
    """The card *base*, whose lines stay, with what the others say besides.

    NoConversion when one cannot be had in its version.
    """
    for other in others:
        mine = content.parse(base)
        theirs = content.parse(convert.convert(other, mine.version))
        if not mine.end:
            raise NoConversion("END:VCARD is missing")
        base = _Merge(mine, theirs).data()
    return base


def redirected(data: bytes, uids: Mapping[str, str]) -> bytes:
    """A group whose members have other UIDs now, as old -> new; the same bytes if it has none."""
    vcard = content.parse(data)
    lines, members = [], set()
    for item in vcard.properties:
        line = item.line
        if item.name in _MEMBERS:
            old = bare_uid(item.text)
            new = uids.get(old, old)
            if new in members:  # both were in it
                continue
            members.add(new)
            if new != old:
                value = item.text.removesuffix(old) + new
                line = content.write_line(item.group, item.name, item.params, value)
        lines.append(line)
    return vcard.begin + b"".join(lines) + vcard.end


class _Merge:
    """What *theirs* says is added to *mine*, both of one version."""

    def __init__(self, mine: VCard, theirs: VCard) -> None:
        self._mine, self._theirs = mine, theirs
        self._items: list[Property] = []
        self._known: dict[object, list[int]] = {}  # what values say -> where that stands
        self._groups: dict[str, str] = {}  # theirs -> what it is called here
        taken = {(item.group or "").lower() for item in mine.properties}
        self._free = (name for n in count(1) if (name := f"item{n}") not in taken)
        for item in mine.properties:
            self._append(item)
        for item in theirs.properties:
            if item.name not in _ITSELF | _BESIDE:
                self._take(item)

    def data(self) -> bytes:
        lines = b"".join(item.line for item in self._items)
        return self._mine.begin + lines + self._mine.end

    def _take(self, item: Property) -> None:
        at = self._first(item.name)
        match item.name:
            case "FN" | "N" | "BDAY" | "ANNIVERSARY" if at is not None:
                self._once(at, item)
            case "NOTE" if at is not None:
                self._joined(at, item)
            case "NICKNAME" | "CATEGORIES" if at is not None:
                self._united(at, item)
            case _:
                self._several(item)

    def _first(self, name: str) -> int | None:
        return next((n for n, item in enumerate(self._items) if item.name == name), None)

    def _once(self, at: int, item: Property) -> None:
        """What a card has one of: the fuller one stays, the other is carried along."""
        mine = self._items[at]
        if _said(mine) == _said(item):
            return
        if item.name in ("N", "FN") and (both := _both(mine, item)) is not None:
            self._replace(at, both)
            return
        if item.name in ("BDAY", "ANNIVERSARY") and _same_day(mine, item):
            if _year(item) and not _year(mine):
                self._items[at] = self._read(item.line)
            return
        several = item.name == "FN" and self._mine.version == "4.0"
        name = item.name if several else ASIDE + item.name
        if not any((old.name, old.value) == (name, item.value) for old in self._items):
            self._append(self._read(content.write_line(None, name, item.params, item.value)))

    def _joined(self, at: int, item: Property) -> None:
        """Many clients show one note only, and take the others away when they save."""
        mine, theirs = self._items[at].text.strip(), item.text.strip()
        if theirs in mine:
            return
        text = theirs if mine in theirs else f"{mine}\n\n{theirs}"
        self._replace(at, values.escape(text))

    def _united(self, at: int, item: Property) -> None:
        mine, theirs = values.items(self._items[at].escaped), values.items(item.escaped)
        known = {text.lower() for text in mine}
        more = [text for text in theirs if text.lower() not in known]
        if more:
            self._replace(at, ",".join(map(values.escape, filter(None, [*mine, *more]))))

    def _several(self, item: Property) -> None:
        label = _label(self._theirs, item)
        for at in self._known.get((item.name, _said(item)), ()):
            mine = self._items[at]
            if _says(mine, item) and label in ("", _label(self._mine, mine)):
                self._add_types(at, item)
                return
        if not item.value.strip("; "):
            return
        self._append(self._renamed(item))
        for name in _BESIDE if item.group else ():
            for beside in self._theirs.get(name, item.group):
                self._append(self._renamed(beside))

    def _renamed(self, item: Property) -> Property:
        """The same in a group that is free here."""
        if not item.group:
            return self._read(item.line)
        key = item.group.lower()
        group = self._groups[key] = self._groups.get(key) or next(self._free)
        return self._read(content.write_line(group, item.name, item.params, item.value))

    def _add_types(self, at: int, item: Property) -> None:
        """That a number is a mobile one, which only the other card knows."""
        mine = self._items[at]
        known = {kind.lower() for kind in mine.param("TYPE")} | {"pref"}
        more = tuple(kind for kind in item.param("TYPE") if kind.lower() not in known)
        if more and mine.name in _TYPED:
            types = (*mine.param("TYPE"), *more)
            params = tuple(pair for pair in mine.params if pair[0] != "TYPE")
            self._items[at] = self._read(
                content.write_line(mine.group, mine.name, (*params, ("TYPE", types)), mine.value)
            )

    def _replace(self, at: int, value: str) -> None:
        old = self._items[at]
        params = tuple(pair for pair in old.params if pair[0] not in ("ENCODING", "CHARSET"))
        self._items[at] = self._read(content.write_line(old.group, old.name, params, value))

    def _append(self, item: Property) -> None:
        self._known.setdefault((item.name, _said(item)), []).append(len(self._items))
        self._items.append(item)

    def _read(self, line: bytes) -> Property:
        """A line as one of this card's, which ends as they do."""
        eol = next(eol for eol in (b"\r\n", b"\n", b"\r") if self._mine.begin.endswith(eol))
        line = line.rstrip(b"\r\n").replace(b"\r\n", b"\n").replace(b"\n", eol) + eol
        item = content.read_line(line)
        if item is None:
            raise NoConversion("a line of it cannot be read")
        return item


def _says(mine: Property, theirs: Property) -> bool:
    """Whether *mine* says all that a value does of which the same is _said()."""
    if mine.name == "TEL" and mine.text.strip() != theirs.text.strip():
        return _has_number(mine.text, theirs.text)
    return _whose(theirs) <= _whose(mine)


def _has_number(mine: str, theirs: str) -> bool:
    """Whether two numbers are one, and the other lacks at most the country: 020 of +44 20."""
    (whole, extension), (short, other) = _dialled(mine), _dialled(theirs)
    contained = len(short) >= _WHOLE and whole.endswith(short)
    return extension == other and (whole == short or contained)


def _dialled(text: str) -> tuple[str, tuple[str, str]]:
    """The digits of a number; and what is said beside them, as an extension is."""
    head, _, rest = text.strip().lower().removeprefix("tel:").partition(";")
    digits = "".join(filter(str.isdecimal, head)).lstrip("0")
    return digits, ("".join(filter(str.isalpha, head)), rest)


def _whose(item: Property) -> set[str]:
    """Of which service an account is, of which kind somebody related."""
    names = (*_SERVICES, "TYPE") if item.name in _RELATIVE else _SERVICES
    return {kind.lower() for name in names for kind in item.param(name)} - {"pref"}


def _said(item: Property) -> object:
    """What is equal for values that say the same."""
    match item.name:
        case "TEL":
            return number(item.text) or item.text.strip()
        case "EMAIL":
            return item.text.strip().lower()
        case "N" | "ADR" | "ORG":
            parts = [part.strip().lower() for part in values.components(item.escaped)]
            return ";".join(parts).rstrip(";")
        case "PHOTO" | "LOGO" | "SOUND" | "KEY":
            return "".join(item.value.split())
        case "BEGIN":  # a card inside the card
            return item.line
    return item.text.strip()


def _both(mine: Property, theirs: Property) -> str | None:
    """A name with the parts of both, John for J.; None where they are two names."""
    if mine.name == "FN":
        words = _filled(mine.text.split(), theirs.text.split())
        return None if words is None else values.escape(" ".join(words))
    # As they are escaped: a comma is between two names of one part (RFC 6350 §6.2.2), or in one.
    parts = _filled(values.split(mine.escaped, ";"), values.split(theirs.escaped, ";"))
    return None if parts is None else ";".join(parts)


def _filled(mine: list[str], theirs: list[str]) -> list[str] | None:
    """The longer one of each two parts, if the other is its initial, or nothing."""
    length, parts = max(len(mine), len(theirs)), []
    for one, other in zip(_padded(mine, length), _padded(theirs, length), strict=True):
        short, long = sorted((one.strip(), other.strip()), key=len)
        initial = short.removesuffix(".").lower()
        if (len(initial) > 1 and initial != long.lower()) or not long.lower().startswith(initial):
            return None
        parts.append(one.strip() if len(one.strip()) == len(long) else long)
    return parts


def _padded(parts: list[str], length: int) -> list[str]:
    return [*parts, *[""] * (length - len(parts))]


def _year(item: Property) -> bool:
    when = dates.parse(item.text)
    return bool(when and when.year and when.year != "1604")


def _same_day(one: Property, other: Property) -> bool:
    first, second = dates.parse(one.text), dates.parse(other.text)
    if not first or not second or first[1:3] != second[1:3]:
        return False
    return first.year == second.year or not (_year(one) and _year(other))


def _label(vcard: VCard, item: Property) -> str:
    found = vcard.get("X-ABLABEL", item.group) if item.group else []
    return found[0].text if found else ""
