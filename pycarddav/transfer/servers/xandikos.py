"""The storage of Xandikos: git repositories with a work tree, and what they are in a file there.

What is in the work tree counts, whether it has been committed or not.
"""

from collections.abc import Iterator, Sequence
from configparser import ConfigParser, Error
from pathlib import Path
from xml.etree.ElementTree import Element

from ...dav.names import CARDDAV, DAV
from . import Fetched, Listed, SourceBook, SourceUnreadable, folders, text

_DEPTH = 4  # of folders below a user's: contacts/addressbook is what Xandikos makes
_TEXTS = {
    "displayname": DAV.displayname,
    "description": CARDDAV.addressbook_description,
    "color": "{http://inf-it.com/ns/ab/}addressbook-color",
}


class XandikosSource:
    """*folder* is what Xandikos is started with (-d), or one address book in it."""

    def __init__(self, folder: Path, user: str) -> None:
        if _is_book(_config(folder)):
            self._folders = [folder]
        else:
            users = [path.name for path in folders.subfolders(folder)]
            self._folders = list(_below(folders.home(folder, user, users), _DEPTH))

    def books(self) -> list[SourceBook]:
        return [
            SourceBook(str(path), path.name, tuple(_elements(config)))
            for path in self._folders
            if _is_book(config := _config(path))
        ]

    def listing(self, book: SourceBook) -> list[Listed]:
        return [item for item in folders.listing(book) if item.name.lower().endswith(".vcf")]

    def fetch(self, book: SourceBook, listed: Sequence[Listed]) -> Iterator[Fetched]:
        return folders.fetch(book, listed)


def _below(folder: Path, depth: int) -> Iterator[Path]:
    yield folder
    for path in folders.subfolders(folder) if depth else []:
        yield from _below(path, depth - 1)


def _config(folder: Path) -> dict[str, str]:
    """What Xandikos knows of a collection; nothing of a folder that is none.  SourceUnreadable."""
    if (folder / "objects").is_dir() and (folder / "HEAD").is_file():
        raise SourceUnreadable(f"{folder} has no work tree: git clone it, and name the clone")
    for path, section in (
        (folder / ".xandikos" / "config", "DEFAULT"),
        (folder / ".xandikos", "DEFAULT"),
        (folder / ".git" / "config", "xandikos"),  # where it was before there was a file
    ):
        if path.is_file() and (found := _read(path, section)):
            return found
    return {}


def _read(path: Path, section: str) -> dict[str, str]:
    parser = ConfigParser(interpolation=None, strict=False, allow_no_value=True)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
        found = parser.items(section) if section in parser else []
    except (OSError, Error, UnicodeDecodeError) as error:
        raise SourceUnreadable(f"{path}: {error}".splitlines()[0]) from error
    return {name: value.strip('"') for name, value in found if value}


def _is_book(config: dict[str, str]) -> bool:
    return config.get("type") == "addressbook"


def _elements(config: dict[str, str]) -> Iterator[Element]:
    return (text(_TEXTS[name], value) for name, value in config.items() if name in _TEXTS)
