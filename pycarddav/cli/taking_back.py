"""``--undo`` of the commands that change many cards."""

import time
from argparse import ArgumentParser, Namespace
from datetime import datetime

from ..model import AddressBook
from ..store.filesystem import FilesystemStore
from ..transfer import undoing
from . import console, moments, references
from .console import Exit

_TICK = 0.002  # seconds: the history knows milliseconds, and "before" is to be an earlier one


def add_argument(parser: ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--undo",
        metavar="ID",
        nargs="?",
        const="",
        help=f"take back the last {what}, or the one with this ID",
    )


def undo(args: Namespace, store: FilesystemStore, book: AddressBook, command: str) -> int:
    """Take back what --undo names; what was changed since stays, and is said."""
    reference, before = f"{book.owner}/{book.name}", datetime.now().astimezone()
    time.sleep(_TICK)
    done = undoing.undo(store, book, command, args.undo or None, references.author(command))
    for name, why in done.left.items():
        console.warn(f"{name} stays: {why}")
    removed, restored = console.counted(len(done.removed), "card"), len(done.restored)
    console.note(f"{done.reason}: {removed} removed, {restored} as before")
    if done.removed or done.restored:
        console.undo(args, "restore", reference, "--at", moments.written(before))
    return Exit.PARTIAL if done.left else Exit.OK
