"""``pycarddav import``: cards from files, folders, archives and spreadsheets into a book."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from ..config import Loaded
from ..dav.errors import Error
from ..model import AddressBook, UnmappedBook
from ..serve import site
from ..store.filesystem import FilesystemStore
from ..store.filesystem.book import Wanted
from ..transfer import jcards, sources, spreadsheets, undoing
from ..transfer.importing import Import, OnDuplicate, Outcome, Rules, Stopped
from ..transfer.report import Fate, Report
from ..transfer.sources import Found
from ..transfer.spreadsheets import Spreadsheets
from ..vcard import content
from . import console, references, storage, taking_back
from .console import Exit, Failure
from .failures import failures
from .interruption import interruptible
from .options import add_options, loaded, utf8
from .refused import Refused


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "files", metavar="FILE", nargs="*", help=".vcf, .csv, .zip or a folder; - is a pipe"
    )
    parser.add_argument("--to", metavar="USER/BOOK", type=utf8, required=True)
    parser.add_argument(
        "--on-duplicate",
        choices=get_args(OnDuplicate),
        default="skip",
        help="what to do with a card whose UID is in the book, in another version (default: skip)",
    )
    parser.add_argument(
        "--map",
        metavar="FILE",
        help="what the columns of a .csv are: a row for each, with its name and TEL;TYPE=cell",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument(
        "--refused",
        metavar="FILE",
        default="refused.vcf",
        help="where refused cards go (default: refused.vcf, or refused-2.vcf and so on)",
    )
    taking_back.add_argument(parser, "import into this book")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    add_options(parser, "storage", "auth")


def run(args: Namespace) -> int:
    found = loaded(args)
    if bool(args.files) is (args.undo is not None):
        raise Failure("either a FILE to import, or --undo", code=Exit.USAGE)
    for place in args.files:
        if place != sources.STDIN and not os.path.exists(place):
            raise Failure(f"there is no file {place}", code=Exit.NOT_FOUND)
    with failures(), storage.opened(found) as store:
        if args.undo is not None:
            return taking_back.undo(args, store, references.book(store, args.to), "import")
        return bring_in(args, found, store)


@dataclass
class Told:
    """What became of the cards: numbers, and those that are worth a line."""

    report: Report = field(default_factory=Report)
    rows: list[dict[str, str]] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count it, and remember it unless nobody would look for it."""
        done = outcome.fate in (Fate.ADDED, Fate.UPDATED)
        repaired = outcome.repaired if done else ()
        self.report.counts[outcome.fate] += 1
        self.report.counts["repaired"] += bool(repaired)
        if console.manner.verbose or repaired or outcome.fate in (Fate.SKIPPED, Fate.REFUSED):
            self.rows.append(_row(outcome, repaired))


def _row(outcome: Outcome, repaired: tuple[str, ...]) -> dict[str, str]:
    return {
        "where": outcome.found.where,
        "what": str(outcome.fate),
        "card": outcome.name,
        "name": _full_name(outcome.found.data),
        "note": "; ".join((*repaired, outcome.why) if outcome.why else repaired),
    }


def _full_name(data: bytes) -> str:
    """Whose card it is; empty where that cannot be told."""
    try:
        found = content.parse(data, {"FN"}).first("FN")
    except content.Unreadable:
        return ""
    return found.text if found else ""


def bring_in(args: Namespace, found: Loaded, store: FilesystemStore) -> int:
    reason, told, problem = undoing.new_reason("import"), Told(), ""
    readers, running = _readers(args), _import(args, found, store, reason)
    with (
        closing(Refused(None if args.dry_run else args.refused)) as refused,
        interruptible() as stopped,
        console.progress("Importing", "B") as progress,
    ):
        try:
            for outcome in running.run(_read(args.files, readers, progress), stopped):
                told.add(outcome)
                if outcome.fate is Fate.REFUSED:
                    refused.write(outcome.found.data)
        except Stopped as error:
            problem = str(error)
        except KeyboardInterrupt:  # the second one, of somebody who does not want to wait
            console.warn("stopped at once: something may be done that is not counted")
    _show(args, told)
    if refused.path:
        console.note(f"what was refused is in {refused.path}")
    if not args.dry_run and (told.report.counts[Fate.ADDED] or told.report.counts[Fate.UPDATED]):
        console.undo(args, "import", "--undo", reason.partition(" ")[2], "--to", args.to)
    if stopped():
        console.note("interrupted: the same command goes on")
        return Exit.INTERRUPTED
    if problem:
        raise Failure(problem, "what was done is said above; the same command goes on")
    return Exit.PARTIAL if told.report.refused else Exit.OK


def _import(args: Namespace, found: Loaded, store: FilesystemStore, reason: str) -> Import:
    """The import, into a book that is there, or is made for it."""
    target = references.resolve(store, args.to)
    if not isinstance(target, AddressBook):
        target = references.new_book(found, store, args.to)
    owner, limits = target.owner, site.limits(found.config)
    used = sum(book.size for book in store.books(owner)) if limits.quota else 0
    room = max(0, limits.quota - used) if limits.quota else None
    rules = Rules(args.on_duplicate, limits.max_resource_size, room)
    if isinstance(target, UnmappedBook):
        console.note(f"{args.to} is new")
        if args.dry_run:
            return Import({}, rules, None)
        store.save_book(_new_book(args, owner, target.name))
        target = references.book(store, args.to)
    return Import(
        store.opened(target).trusted().members, rules, _change(args, store, target, reason)
    )


def _new_book(args: Namespace, owner: str, name: str) -> AddressBook:
    """A book with the properties that an exported one has brought along."""
    found = list(filter(None, map(sources.properties, args.files)))
    if len(found) != 1:
        return AddressBook(owner, name, displayname=name)
    kept = found[0]
    return AddressBook(
        owner,
        name,
        displayname=kept.get("displayname"),
        description=kept.get("description"),
        language=kept.get("language"),
        dead=kept["dead"],
    )


def _change(
    args: Namespace, store: FilesystemStore, book: AddressBook, reason: str
) -> Callable[[Sequence[Wanted]], Sequence[Error | None]] | None:
    author = references.author("import")
    return None if args.dry_run else lambda many: store.change(book, many, author, reason)


def _readers(args: Namespace) -> sources.Readers:
    """How files are read that hold no cards."""
    chosen = {}
    if args.map:
        try:
            chosen = spreadsheets.read_map(Path(args.map).read_text("utf-8-sig"))
        except ValueError as error:
            raise Failure(f"{args.map}: {error}", code=Exit.USAGE) from error
    return {
        **dict.fromkeys(spreadsheets.ENDINGS, Spreadsheets(chosen).read),
        **dict.fromkeys(jcards.ENDINGS, jcards.read),
    }


def _read(
    places: list[str], readers: sources.Readers, progress: console.Progress
) -> Iterator[Found]:
    """What is in the files, telling how far one is."""
    done, total = 0, sum(map(sources.size, places))
    for place in places:
        for found in sources.read(place, readers):
            yield found
            done += len(found.data)
            progress(done, total)


def _show(args: Namespace, told: Told) -> None:
    numbers = {word: told.report.counts[word] for word in (*Fate, "repaired")}
    if args.json:
        console.show_json(
            {"book": args.to, "dry_run": args.dry_run} | numbers | {"cards": told.rows}
        )
        return
    heads = ["where", "what", "card", "name", "note"]
    console.table(heads, [list(row.values()) for row in told.rows])
    console.note(("would be: " if args.dry_run else "") + told.report.summary())
