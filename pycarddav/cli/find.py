"""``pycarddav find``: the contacts in which all words occur, in all address books."""

import re
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..model import AddressBook, BrokenCard, Card
from ..store.filesystem import FilesystemStore
from ..vcard import content
from ..vcard.content import VCard
from ..vcard.query import Filter, PropFilter, TextMatch
from . import console, references, storage
from .console import Exit
from .failures import failures
from .options import add_options, loaded, utf8

_NAMES = (
    "FN", "N", "NICKNAME", "ORG", "TITLE", "ROLE", "EMAIL", "TEL", "IMPP", "ADR", "URL", "NOTE",
    "CATEGORIES", "BDAY", "X-ABRELATEDNAMES", "RELATED", "UID",
)  # fmt: skip
_NUMBER = re.compile(r"[+0-9()/. -]*[0-9]{2}[+0-9()/. -]*")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("words", metavar="QUERY", nargs="+", type=utf8, help="all must occur")
    parser.add_argument(
        "--in", dest="within", metavar="USER[/BOOK]", type=utf8, help="only look there"
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    add_options(parser, "storage", "auth")


def run(args: Namespace) -> int:
    found = loaded(args)
    words = [Word(word) for text in args.words for word in text.split()]
    with failures(), storage.opened(found) as store:
        rows = [
            _facts(card, vcard)
            for book in _books(store, args.within)
            for card, vcard in _cards(store, book)
            if all(word.occurs(vcard) for word in words)
        ]
    if args.json:
        console.show_json({"cards": rows})
    else:
        heads = ["card", "name", "email", "phone"]
        console.table(heads, [[_first(value) for value in row.values()] for row in rows])
    if not rows:
        console.note("nothing matches")
    return Exit.OK if rows else Exit.PROBLEM


@dataclass(frozen=True)
class Word:
    """A part of a query: a text, or of a telephone number, however it is written."""

    text: str

    def occurs(self, vcard: VCard) -> bool:
        """Whether some value has it."""
        if self._filter.matches(vcard):
            return True
        return bool(self._digits) and any(
            self._digits in _digits(item.text) for item in vcard.get("TEL")
        )

    @cached_property
    def _filter(self) -> Filter:
        match = (TextMatch(self.text),)
        return Filter("anyof", tuple(PropFilter(name, texts=match) for name in _NAMES))

    @cached_property
    def _digits(self) -> str:
        """Without the 0 that stands for the country."""
        return _digits(self.text).lstrip("0") if _NUMBER.fullmatch(self.text) else ""


def _digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))


def _books(store: FilesystemStore, within: str | None) -> list[AddressBook]:
    if within is None:
        return [book for owner in store.owners() for book in store.books(owner)]
    return references.books(store, within)


def _cards(store: FilesystemStore, book: AddressBook) -> Iterator[tuple[Card, VCard]]:
    for card in store.cards(book):
        if isinstance(card, BrokenCard):
            console.warn(f"{book.owner}/{book.name}/{card.name}: {card.why}")
            continue
        try:
            yield card, content.parse(card.data, _NAMES)
        except content.Unreadable:
            continue


def _facts(card: Card, vcard: VCard) -> dict[str, Any]:
    name = vcard.first("FN")
    return {
        "card": f"{card.book.owner}/{card.book.name}/{card.name}",
        "name": name.text if name else "",
        "emails": [item.text for item in vcard.get("EMAIL")],
        "phones": [item.text for item in vcard.get("TEL")],
    }


def _first(value: str | list[str]) -> str:
    return value if isinstance(value, str) else next(iter(value), "")
