"""``pycarddav restore``: bring back a card, a book as it was, or a book that was deleted."""

from argparse import ArgumentParser, Namespace

from ..model import AddressBook
from ..store.filesystem import FilesystemStore, deleted, timeline
from ..store.filesystem.deleted import Deleted
from ..store.filesystem.timeline import Restored, Version
from . import console, moments, references, storage
from .console import Exit, Failure
from .failures import failures
from .options import add_options, loaded, utf8


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("reference", metavar="USER/BOOK[/CARD]", type=utf8)
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--at",
        metavar="TIME",
        type=moments.moment,
        help="as it was then: 2026-11-23T10:00, or 90m, 3h, 2d, 1w ago",
    )
    chosen.add_argument("--version", metavar="N", type=int, help="a card as `history` numbers it")
    add_options(parser, "storage", "auth")


def run(args: Namespace) -> int:
    found = loaded(args)
    if args.version is not None and references.depth(args.reference) != 3:
        raise Failure(f"{args.reference} is no card: --version is one of a card", code=Exit.USAGE)
    with failures(), storage.opened(found) as store:
        if lost := references.lost(store, args.reference):
            _bring_back(args, store, lost)
            if not args.at:
                return Exit.OK
        about, card = references.parts(store, args.reference)
        return _card(args, store, about, card) if card else _book(args, store, about)


def _bring_back(args: Namespace, store: FilesystemStore, lost: Deleted) -> None:
    deleted.bring_back(store.root, lost)
    by = f" by {lost.author.user}" if lost.author.user else ""
    console.note(f"{args.reference} is back, which was deleted at {moments.shown(lost.time)}{by}")
    console.undo(args, "book", "delete", args.reference)


def _card(args: Namespace, store: FilesystemStore, about: AddressBook, name: str) -> int:
    book = store.opened(about)
    versions = timeline.versions(book, name)
    chosen, now = _chosen(args, versions), versions[-1]
    if chosen.etag == now.etag:
        console.note(f"{args.reference} is as it was")
        return Exit.OK
    done = timeline.restore_card(book, chosen, references.author("restore"))
    return _report(args, done, ["--version", str(now.number)])


def _chosen(args: Namespace, versions: list[Version]) -> Version:
    """The version that is asked for: by its number, by a time, or the last other one."""
    if args.version is not None:
        found = [version for version in versions if version.number == args.version]
    elif args.at:
        found = [version for version in versions if version.since <= args.at]
    else:
        now = versions[-1].etag
        found = [version for version in versions if version.kept and version.etag != now]
    if not found:
        raise Failure(
            f"no such version of {args.reference} is known",
            f"pycarddav history {args.reference}",
            Exit.NOT_FOUND,
        )
    return found[-1]


def _book(args: Namespace, store: FilesystemStore, about: AddressBook) -> int:
    if not args.at:
        raise Failure(f"as of when is {args.reference} to be restored?", "--at TIME", Exit.USAGE)
    book = store.opened(about)
    before = max((version.since for version in timeline.versions(book)), default=args.at)
    done = timeline.restore_book(book, args.at, references.author("restore"))
    return _report(args, done, ["--at", moments.written(before)])


def _report(args: Namespace, done: Restored, back: list[str]) -> int:
    for name, why in done.lost.items():
        console.warn(f"{name}: {why}")
    if not done.changed and not done.removed and not done.lost:
        console.note(f"{args.reference} is as it was")
        return Exit.OK
    back_again, gone = console.counted(len(done.changed), "card"), len(done.removed)
    console.note(f"{args.reference}: {back_again} restored, {gone} that came later removed")
    if done.changed or done.removed:
        console.undo(args, "restore", args.reference, *back)
    return Exit.PARTIAL if done.lost else Exit.OK
