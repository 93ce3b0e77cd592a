"""``pycarddav history``: what a book or a card was, since when, and who made it so."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from ..store.filesystem import timeline
from ..store.filesystem.book import Book
from ..store.filesystem.timeline import Version
from ..vcard import content
from . import console, moments, references, storage
from .console import Exit
from .failures import failures
from .options import add_options, loaded, utf8


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("reference", metavar="USER/BOOK[/CARD]", type=utf8)
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    add_options(parser, "storage", "auth")


def run(args: Namespace) -> int:
    found = loaded(args)
    with failures(), storage.opened(found) as store:
        about, card = references.parts(store, args.reference)
        book = store.opened(about)
        rows = list(_rows(book, timeline.versions(book, card), of_card=card is not None))
    if args.json:
        console.show_json({"versions": [row._asdict() for row in rows]})
    else:
        heads = ["version", "since", "card", "name", "what", "by", ""]
        console.table(heads, [_cells(row) for row in rows])
    return Exit.OK


class Row(NamedTuple):
    """A version.  *since* is ISO 8601; *kept* says whether it can be had back."""

    version: int
    since: str
    card: str
    name: str
    reason: str
    user: str
    agent: str
    kept: bool


def _rows(book: Book, found: list[Version], of_card: bool) -> Iterator[Row]:
    """All versions of one card; of a book, what happened since its history began."""
    last: dict[str, Version] = {}  # card -> its last version that was no deletion
    for version in found:
        if version.etag:
            last[version.name] = version
        if of_card or version.reason != timeline.BEFORE:
            yield Row(
                version.number,
                moments.written(version.since),
                version.name,
                _name(book, last.get(version.name)),
                version.reason,
                version.author.user,
                version.author.agent,
                version.kept,
            )


def _cells(row: Row) -> list[object]:
    program = row.agent.partition(" ")[0]  # the rest is what it was built with, and runs on
    by = ", ".join(part for part in (row.user, program) if part)
    note = "" if row.kept or row.reason == "delete" else "not kept"
    time = moments.shown(datetime.fromisoformat(row.since))
    return [row.version, time, row.card, row.name, row.reason, by, note]


def _name(book: Book, version: Version | None) -> str:
    """Whose card it was then; empty where that cannot be told."""
    data = timeline.data(book, version) if version else None
    try:
        found = content.parse(data, {"FN"}).first("FN") if data else None
    except content.Unreadable:
        return ""
    return found.text if found else ""
