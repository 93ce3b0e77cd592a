"""``pycarddav show``: what a card says, for people to read."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from ..dav.errors import NotFound
from ..model import AddressBook, BrokenCard, Card
from ..store.filesystem import FilesystemStore, timeline
from ..vcard import content, readable
from ..vcard.readable import Field
from . import console, references, storage
from .console import Exit, Failure
from .failures import failures
from .options import add_options, loaded, utf8


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("reference", metavar="USER/BOOK/CARD", type=utf8)
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    add_options(parser, "storage", "auth")


def run(args: Namespace) -> int:
    found = loaded(args)
    with failures(), storage.opened(found) as store:
        about, name = references.parts(store, args.reference)
        if name is None:
            raise Failure(f"{args.reference} is not of the form USER/BOOK/CARD", code=Exit.USAGE)
        card = _card(store, about, name, args.reference)
    try:
        fields = readable.fields(content.parse(card.data))
    except content.Unreadable as error:
        raise Failure(f"{args.reference}: {error}") from error
    if args.json:
        said = [field._asdict() for field in fields]
        console.show_json({"card": args.reference, "etag": card.etag, "fields": said})
    else:
        console.table(["field", "kind", "value"], [row for field in fields for row in _rows(field)])
    return Exit.OK


def _card(store: FilesystemStore, book: AddressBook, name: str, reference: str) -> Card:
    """The card of this name, or with the ending that most have."""
    found = next(store.cards(book, [name]), None) or next(store.cards(book, [f"{name}.vcf"]), None)
    if isinstance(found, BrokenCard):
        raise Failure(f"{reference}: {found.why}", "pycarddav verify")
    if found:
        return found
    try:
        timeline.versions(store.opened(book), name)
    except NotFound:
        hint = "pycarddav find NAME"
    else:
        hint = f"it was deleted: pycarddav history {reference}"
    raise Failure(f"there is no card {reference}", hint, Exit.NOT_FOUND)


def _rows(field: Field) -> Iterator[tuple[str, str, str]]:
    """A line of a terminal for each line of the value; one in a pipe."""
    kinds = ", ".join(field.kinds)
    if not sys.stdout.isatty():
        yield field.name, kinds, field.value.replace("\n", "\\n")
        return
    first, *more = field.value.split("\n")
    yield field.name, kinds, first
    yield from (("", "", line) for line in more)
