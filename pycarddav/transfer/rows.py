"""A card as a row of a spreadsheet: what people have columns for, under Google's names for them."""

import csv
import io
from collections.abc import Iterator

from ..vcard import values
from ..vcard.content import Property, VCard

Row = dict[str, str]

_NAME = ("Last Name", "First Name", "Middle Name", "Name Prefix", "Name Suffix")
_ADDRESS = ("PO Box", "Extended Address", "Street", "City", "Region", "Postal Code", "Country")
_TEXTS = {
    "FN": "Name", "NICKNAME": "Nickname", "TITLE": "Organization Title", "BDAY": "Birthday",
    "X-ANNIVERSARY": "Anniversary", "NOTE": "Notes",
}  # fmt: skip
_SEVERAL = {"EMAIL": "E-mail", "TEL": "Phone", "URL": "Website", "ADR": "Address"}
_ORDER = (
    "Name", *_NAME[::-1], "Nickname", "Organization Name", "Organization Department",
    "Organization Title", "Birthday", "Anniversary", "Notes", "Labels",
)  # fmt: skip
_APPLE = "_$!<"  # before the labels that it translates
_NO_YEAR = "1604-"


def row(vcard: VCard) -> Row:
    """The values of a card of 3.0 by column; those of the first where there is one column."""
    found: Row = {}
    for name, column in _TEXTS.items():
        if item := vcard.first(name):
            found[column] = _date(item) if name == "BDAY" else item.text
    if item := vcard.first("N"):
        found |= zip(_NAME, values.components(item.escaped), strict=False)
    if item := vcard.first("ORG"):
        name, *department = values.components(item.escaped)
        found |= {"Organization Name": name, "Organization Department": ", ".join(department)}
    labels = [label for item in vcard.get("CATEGORIES") for label in values.items(item.escaped)]
    found["Labels"] = " ::: ".join(labels)
    for name, column in _SEVERAL.items():
        for number, item in enumerate(vcard.get(name), 1):
            found |= _numbered(f"{column} {number} - ", item, _label(vcard, item))
    return {column: text for column, text in found.items() if text}


def written(rows: list[Row]) -> bytes:
    """The rows below a head of all their columns; in UTF-8, and Excel is told so."""
    text = io.StringIO()
    table = csv.DictWriter(text, sorted({key for row in rows for key in row}, key=_place))
    table.writeheader()
    table.writerows(rows)
    return text.getvalue().encode("utf-8-sig")


def _numbered(column: str, item: Property, label: str) -> Iterator[tuple[str, str]]:
    yield f"{column}Label", label
    if item.name == "ADR":
        for part, text in zip(_ADDRESS, values.components(item.escaped), strict=False):
            yield f"{column}{part}", text
    else:
        yield f"{column}Value", item.text


def _label(vcard: VCard, item: Property) -> str:
    """Of what kind the value is, in a word of Google's, or of the person who chose it."""
    if item.group and (label := next(iter(vcard.get("X-ABLABEL", item.group)), None)):
        return label.text.removeprefix(_APPLE).removesuffix(">!$_")
    types = {kind.lower() for kind in item.param("TYPE")}
    place = next((kind.capitalize() for kind in ("home", "work") if kind in types), "")
    if "fax" in types:
        return f"{place} Fax".strip()
    if "cell" in types:
        return "Mobile"
    return "Pager" if "pager" in types else place


def _date(item: Property) -> str:
    """1604 is Apple's way to have no year."""
    omitted = item.param("X-APPLE-OMIT-YEAR") or item.text.startswith(_NO_YEAR)
    return "--" + item.text[5:] if omitted else item.text


def _place(column: str) -> tuple[int, str, int, int]:
    """Where a column stands: single ones first, then by number, the label before the value."""
    if column in _ORDER:
        return _ORDER.index(column), "", 0, 0
    start, number, rest = column.replace(" - ", " ", 1).split(" ", 2)
    parts = ("Label", "Value", *_ADDRESS)
    kinds = list(_SEVERAL.values())
    return len(_ORDER), str(kinds.index(start)), int(number), parts.index(rest)
