"""Address books that are folders with one file a card, as Radicale and Xandikos keep them."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ...model import encode
from ...store.filesystem import files, names
from . import Fetched, Listed, SourceBook, SourceUnreadable

LARGEST = 2**26  # octets of a file that is looked at


def home(folder: Path, user: str, known: Iterable[str]) -> Path:
    """The folder of *user*; SourceUnreadable where there is none, with those that there are."""
    found = folder / user
    if names.can_be_file(user) and found.is_dir():
        return found
    raise SourceUnreadable(f"{folder} has nothing of {user}: --user {' or '.join(known) or '?'}")


def subfolders(folder: Path) -> list[Path]:
    """The folders in it that are not hidden, in the order of their names; SourceUnreadable."""
    try:
        return sorted(
            path
            for path in folder.iterdir()
            if path.is_dir() and not path.is_symlink() and not path.name.startswith(".")
        )
    except OSError as error:
        raise SourceUnreadable(f"{folder}: {error.strerror}") from error


def listing(book: SourceBook) -> list[Listed]:
    """The files of a book, each by what shows that it was changed; SourceUnreadable."""
    found = []
    try:
        with os.scandir(book.place) as items:
            for item in items:
                if item.name.startswith(".") or item.is_dir(follow_symlinks=False):
                    continue
                href = (
                    f"{encode(book.name)}/{encode(os.fsencode(item.name).decode(errors='replace'))}"
                )
                status = item.stat(follow_symlinks=False)
                version = f"{status.st_size} {status.st_mtime_ns}"
                found.append(Listed(item.name, href, version, status.st_size))
    except OSError as error:
        raise SourceUnreadable(f"{book.place}: {error.strerror}") from error
    return sorted(found, key=lambda item: item.name)


def fetch(book: SourceBook, listed: Iterable[Listed]) -> Iterator[Fetched]:
    for item in listed:
        try:
            data, _ = files.read(os.path.join(book.place, item.name), LARGEST)
        except (OSError, ValueError) as error:
            yield Fetched(item, problem=str(error))
        else:
            yield Fetched(item, data)
