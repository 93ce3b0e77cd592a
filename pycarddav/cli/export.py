"""``pycarddav export``: the contacts of a book, or of a user, as one file."""

import os
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ..model import BrokenCard, Card
from ..transfer.exporting import WRITERS
from . import console, references, storage
from .console import Exit, Failure
from .failures import failures
from .options import add_options, loaded, utf8

_ENDINGS = {".zip": "zip", ".csv": "csv", ".json": "jcard", ".jcard": "jcard"}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("reference", metavar="USER[/BOOK]", type=utf8)
    parser.add_argument(
        "--format",
        choices=WRITERS,
        help="vcf: as stored; vcf3, vcf4: all in this version; jcard, csv, or zip of all files and"
        " properties (default: what -o ends with, or vcf)",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="where to (default: standard output)"
    )
    add_options(parser, "storage", "auth")


def run(args: Namespace) -> int:
    found = loaded(args)
    ending = args.output.suffix.lower() if args.output else ""
    form = args.format or _ENDINGS.get(ending, "vcf")
    if form == "zip" and args.output is None and sys.stdout.isatty():
        raise Failure("a terminal is no place for an archive", "-o FILE", Exit.USAGE)
    if args.output and not args.output.parent.is_dir():
        raise Failure(f"{args.output.parent} is no folder")
    done, left_out = 0, 0

    def complain(card: Card | BrokenCard, why: str) -> None:
        nonlocal left_out
        left_out += 1
        console.warn(f"{card.book.owner}/{card.book.name}/{card.name} is left out: {why}")

    with failures(), storage.opened(found) as store:
        books = references.books(store, args.reference)
        with _output(args.output) as out, console.progress("Exporting") as progress:
            total = sum(1 for book in books for _ in store.entries(book))

            def cards() -> Iterator[Card | BrokenCard]:
                nonlocal done
                for card in (card for book in books for card in store.cards(book)):
                    done += 1
                    yield card
                    progress(done, total)

            WRITERS[form](cards(), out, complain)
    to = f" to {args.output}" if args.output else ""
    console.note(f"exported {console.counted(done - left_out, 'card')}{to}")
    return Exit.PARTIAL if left_out else Exit.OK


@contextmanager
def _output(path: Path | None) -> Iterator[BinaryIO]:
    """Where to write: a file appears, or is replaced, when all of it is there."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.flush()
    elif path.exists() and not path.is_file():  # a device or a pipe is not to be replaced
        with path.open("wb") as file:
            yield file
    else:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".export-", delete=False) as file:
            try:
                yield file  # type: ignore[misc]  # it is one, but in its type
                file.flush()
                os.fsync(file.fileno())
                os.replace(file.name, path)
            except BaseException:
                os.unlink(file.name)
                raise
