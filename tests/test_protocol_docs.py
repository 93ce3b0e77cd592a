"""docs/protocol.md says what the registry says, and names tests that exist."""

import re
from pathlib import Path

import pytest

from pycarddav.dav import errors
from pycarddav.dav.names import NAMESPACES
from pycarddav.dav.xml import split
from pycarddav.model import (
    AddressBook,
    Card,
    Home,
    Principal,
    PrincipalCollection,
    Root,
    Unmappable,
    UnmappedBook,
    UnmappedCard,
)
from pycarddav.protocol import app
from pycarddav.protocol.registry import method, prop, report

TESTS = Path(__file__).parent
DOCUMENT = TESTS.parent / "docs" / "protocol.md"
PREFIXES = {namespace.uri: namespace.prefix for namespace in NAMESPACES}
MAPPED = {
    Root: "root", PrincipalCollection: "principals", Principal: "principal", Home: "home",
    AddressBook: "book", Card: "card",
}  # fmt: skip
UNMAPPED = {UnmappedBook: "new book", UnmappedCard: "new card", Unmappable: "nowhere"}
assert app  # filled the tables


def rows(heading):
    """The cells of the table under a heading."""
    section = re.split(r"^#+ ", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (text,) = [part for part in section if part.partition("\n")[0] == heading]
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [
        [cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in lines
    ]


def prefixed(name):
    uri, local = split(name)
    return f"{PREFIXES[uri]}:{local}"


def where(table, name):
    """On which resources something is registered."""
    kinds = [word for kind, word in MAPPED.items() if table.find(name, kind)]
    return ", ".join(["everywhere"] if len(kinds) == len(MAPPED) else kinds)


def where_also_unmapped(name):
    unmapped = [word for kind, word in UNMAPPED.items() if method.find(name, kind)]
    return ", ".join(filter(None, [where(method, name), *unmapped]))


def needs(name):
    items = [method.find(name, kind) for kind in (*MAPPED, *UNMAPPED)]
    return ", ".join(dict.fromkeys(split(item.needs)[1] for item in items if item and item.needs))


def told(name, fact):
    return "yes" if any(fact(item) for item in prop.named(name)) else ""


METHODS = [[name, where_also_unmapped(name), needs(name)] for name in method._items]
REPORTS = [[prefixed(name), where(report, name)] for name in report._items]
PROPERTIES = [
    [
        prefixed(name),
        where(prop, name),
        told(name, lambda item: item.allprop),
        told(name, lambda item: item.set),
    ]
    for name in prop._items
]
ERRORS = [
    [prefixed(kind.condition), str(kind.status)]
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.Error) and kind.condition
]


@pytest.mark.parametrize(
    ("heading", "known"),
    [
        ("Methods", METHODS),
        ("Reports", REPORTS),
        ("Properties", PROPERTIES),
        ("Errors", ERRORS),
    ],
)
def test_every_row_is_what_is_registered(heading, known):
    """The first cells of a row; behind them stands where it is written, and why."""
    width = len(known[0])
    written = sorted(row[:width] for row in rows(heading))
    missing = [row for row in known if row not in written]
    assert written == sorted(known), f"rows of {heading}: {missing} are to be there"


def test_every_test_that_is_named_exists():
    named = set(re.findall(r"\btest_\w+\.py\b", DOCUMENT.read_text(encoding="utf-8")))
    assert named
    assert named <= {path.name for path in TESTS.glob("*.py")}


def test_every_standard_is_in_its_place():
    """What a module of properties is named after has a section."""
    modules = {
        item.get.__module__.rpartition(".")[2] for name in prop._items for item in prop.named(name)
    }
    text = DOCUMENT.read_text(encoding="utf-8")
    for name in modules - {"calendarserver"}:
        assert f"RFC {name.removeprefix('rfc')}" in text
