"""The storage of Radicale 3: ``collection-root/USER/BOOK/*.vcf``, as is described there in
``storage/multifilesystem``.

It is the layout of our own storage, so that its files can also be used where they are.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from ...store.filesystem import files
from . import Fetched, Listed, SourceBook, SourceUnreadable, folders, text

_ROOT = "collection-root"
_PROPS = ".Radicale.props"
_ADDRESS_BOOK = "VADDRESSBOOK"
_NAMESPACES = {
    "D": "DAV:",
    "CR": "urn:ietf:params:xml:ns:carddav",
    "C": "urn:ietf:params:xml:ns:caldav",
    "CS": "http://calendarserver.org/ns/",
    "ICAL": "http://apple.com/ns/ical/",
    "ME": "http://me.com/_namespace/",
    "RADICALE": "http://radicale.org/ns/",
}


class RadicaleSource:
    """*folder* is Radicale's ``filesystem_folder``, or the ``collection-root`` in it."""

    def __init__(self, folder: Path, user: str) -> None:
        root = folder / _ROOT if (folder / _ROOT).is_dir() else folder
        users = [path.name for path in folders.subfolders(root)]
        self._collections = folders.subfolders(folders.home(root, user, users))

    def books(self) -> list[SourceBook]:
        return [
            SourceBook(str(path), path.name, tuple(_elements(props)))
            for path in self._collections
            if (props := _props(path)).get("tag") == _ADDRESS_BOOK
        ]

    def others(self) -> list[str]:
        """Calendars and journals: they stay where they are."""
        tags = {path.name: _props(path).get("tag") for path in self._collections}
        return [name for name, tag in tags.items() if tag != _ADDRESS_BOOK]

    def listing(self, book: SourceBook) -> list[Listed]:
        return folders.listing(book)

    def fetch(self, book: SourceBook, listed: Sequence[Listed]) -> Iterator[Fetched]:
        return folders.fetch(book, listed)


def _props(collection: Path) -> dict[str, object]:
    """What Radicale knows of a collection; nothing of a folder that is none.  SourceUnreadable."""
    path = collection / _PROPS
    try:
        found = json.loads(files.read(str(path), folders.LARGEST)[0])
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SourceUnreadable(f"{path}: {error}") from error
    return found if isinstance(found, dict) else {}


def _elements(props: dict[str, object]) -> Iterator[Element]:
    """Properties, whose names are in Clark notation or with a prefix of Radicale's."""
    for name, value in props.items():
        if not isinstance(value, str):
            continue
        prefix, _, local = name.partition(":")
        if name.startswith("{"):
            yield text(name, value)
        elif local and prefix in _NAMESPACES:
            yield text(f"{{{_NAMESPACES[prefix]}}}{local}", value)
