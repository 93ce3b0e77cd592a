"""``pycarddav backup``: a consistent copy of the storage, while the server runs."""

import re
import shutil
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from pathlib import Path

from ..config import Loaded
from ..config.values import positive
from ..store.filesystem.backup import backup
from . import console, storage
from .console import Exit, Failure
from .failures import failures
from .options import add_options, loaded, read_by

DATED = "%Y-%m-%dT%H%M%SZ"
COPY = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z(\.unfinished)?")  # what has such a name is ours


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", type=Path, help="where; it must not exist yet")
    parser.add_argument(
        "--keep",
        metavar="N",
        type=read_by(positive),
        help="put the copy into DIR, under the name of its time, and keep the last N of these",
    )
    add_options(parser, "storage", "auth")


def run(args: Namespace) -> int:
    found = loaded(args)
    folder = args.folder.resolve()
    with failures():
        if args.keep is None:
            copy(found, folder)
        else:
            copy(found, folder / datetime.now(UTC).strftime(DATED))
            thin_out(folder, args.keep)
    return Exit.OK


def copy(found: Loaded, target: Path) -> None:
    """Make the copy, and say so.  Failure."""
    folder = found.config.storage.folder
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


def thin_out(folder: Path, keep: int) -> None:
    """Leave the last copies, and nothing of those that were never finished."""
    copies = sorted(path for path in folder.iterdir() if COPY.fullmatch(path.name))
    whole = [path for path in copies if not path.suffix]
    for path in sorted({*copies} - {*whole[-keep:]}):
        shutil.rmtree(path)
        console.note(f"removed {path}")
