"""``pycarddav backup``: a consistent copy of the storage, while the server runs."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from ..store.filesystem.backup import backup
from . import console, storage
from .console import Exit, Failure
from .failures import failures
from .options import add_options, loaded


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", type=Path, help="where; it must not exist yet")
    add_options(parser, "storage", "auth")


def run(args: Namespace) -> int:
    found = loaded(args)
    target, folder = args.folder.resolve(), found.config.storage.folder
    with failures():
        if target.is_relative_to(folder.resolve()):
            raise Failure(f"{target} is inside of the storage {folder}", code=Exit.USAGE)
        if not target.parent.is_dir():
            raise Failure(f"{target.parent} is no folder", "is its disk mounted?")
        with storage.opened(found) as store, console.progress("Copying") as progress:
            done = backup(store, str(target), progress)
    cards, books = console.counted(done.cards, "card"), console.counted(done.books, "address book")
    console.note(f"copied {cards} in {books} to {target}")
    htpasswd = found.config.auth.htpasswd
    if not htpasswd.is_relative_to(folder):
        console.note(f"the users are not in it: they are in {htpasswd}")
    return Exit.OK
