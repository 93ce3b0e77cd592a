"""Which version of which card was taken over already: why a second run has little to do."""

import hashlib
import json
import os
from contextlib import suppress
from typing import NamedTuple

from ..store.filesystem import files


class Taken(NamedTuple):
    """*version* is that of the source, *etag* what the card became here."""

    version: str
    etag: str


class Memory:
    """What came from one *place* into the book whose state is in *folder*; one line a card."""

    def __init__(self, folder: str, place: str) -> None:
        name = hashlib.sha256(place.encode()).hexdigest()[:16]
        self._path = os.path.join(folder, f"migrated-{name}")
        self._known = dict(_read(self._path))

    def get(self, name: str) -> Taken | None:
        return self._known.get(name)

    def add(self, name: str, taken: Taken) -> None:
        """Remember a card; after a power cut it may be forgotten, and is only fetched again."""
        if self._known.get(name) == taken:
            return
        self._known[name] = taken
        files.make_folders(os.path.dirname(self._path))
        line = json.dumps([name, *taken]) + "\n"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o600)
        try:
            files.write_all(descriptor, line.encode())
        finally:
            os.close(descriptor)


def _read(path: str) -> list[tuple[str, Taken]]:
    """What the lines say; one that is cut off says nothing."""
    found = []
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.readlines()
    except FileNotFoundError:
        return []
    for line in lines:
        with suppress(ValueError):
            match json.loads(line):
                case [str(name), str(version), str(etag)]:
                    found.append((name, Taken(version, etag)))
    return found
