"""The hidden file of properties in a home or a book: JSON, for people to read and edit."""

import hashlib
import json
import logging
import os
import time
from collections.abc import Mapping
from typing import Any

from ... import haste
from ...dav.errors import InsufficientStorage
from ...dav.names import DAV
from ...dav.xml import XML, document
from ...dav.xml import parse as parse_xml
from ...model import Dead
from . import files

log = logging.getLogger(__name__)

FILE = ".properties.json"
LARGEST = 2**22  # octets of the file: what clients attach to cards is in it as well
UNREADABLE = (OSError, ValueError, TypeError, AttributeError, RecursionError)
_TEXTS = ("displayname", "description", "language")


class Properties:
    """The properties of one folder, read again when the file is another."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, FILE)
        self._stamp: tuple[int, ...] | None = None
        self._values: dict[str, Any] = {}

    @haste.once
    def read(self) -> dict[str, Any]:
        """The values; the last good ones while the file cannot be read."""
        try:
            now = os.lstat(self._path)
        except FileNotFoundError:  # of a folder that has vanished, what it was stays
            return {} if os.path.isdir(os.path.dirname(self._path)) else self._values
        stamp = (now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)
        if stamp != self._stamp:
            try:
                self._values = parse(files.read(self._path, LARGEST)[0])
            except UNREADABLE as error:
                log.warning("%s: %s", self._path, error)
            self._stamp = stamp
        return self._values


def problem(folder: str) -> str | None:
    """Why the properties cannot be read."""
    try:
        parse(files.read(os.path.join(folder, FILE), LARGEST)[0])
    except FileNotFoundError:
        return None
    except UNREADABLE as error:
        return str(error)
    return None


def write(folder: str, values: dict[str, Any]) -> None:
    """Replace the values, keeping those of other programs and when the folder was made.

    InsufficientStorage.
    """
    path, before = os.path.join(folder, FILE), _kept(folder)
    kept = {"created": time.time()} | (before or {}) | values
    data = (json.dumps(kept, ensure_ascii=False, indent=1) + "\n").encode()
    if len(data) > LARGEST:
        raise InsufficientStorage("there is no room for so many properties")
    if before is None:
        _put_aside(path)
    files.save(path, data)


def write_cards(folder: str, changes: Mapping[str, Dead]) -> None:
    """Replace the properties of these cards; those of all others stay."""
    cards = {**(_kept(folder) or {}).get("cards", {}), **changes}
    write(folder, {"cards": {name: dead for name, dead in cards.items() if dead}})


def _put_aside(path: str) -> None:
    """Keep a broken file, which somebody has written by hand, beside the one that replaces it."""
    aside = f"{path}.broken-{os.lstat(path).st_mtime_ns}"  # the same if saving fails, and again
    try:
        os.link(path, aside, follow_symlinks=False)
    except OSError:  # a file system without hard links, or a folder of this name
        os.rename(path, aside)
    log.warning("%s: it is broken, and replaced; it is kept as %s", path, aside)


def _kept(folder: str) -> dict[str, Any] | None:
    """What the file says; None if it is broken: saving mends it."""
    try:
        data, _ = files.read(os.path.join(folder, FILE), LARGEST)
        parse(data)
    except FileNotFoundError:
        return {}
    except UNREADABLE:
        return None
    kept: dict[str, Any] = json.loads(data)
    return kept


def parse(data: bytes) -> dict[str, Any]:
    """The values; *cards* has the properties of each card that has any, *revision* names those."""
    values = json.loads(data)
    if not isinstance(values, dict):
        raise ValueError("not an object")
    if not all(isinstance(values.get(key), str | None) for key in _TEXTS):
        raise ValueError("a name or description is not text")
    values["dead"] = tuple(map(_dead, values.get("dead") or []))
    cards = values.get("cards") or {}
    values["cards"] = {name: tuple(map(_dead, pairs)) for name, pairs in cards.items()}
    values["revision"] = hashlib.sha256(repr(cards).encode()).hexdigest() if cards else ""
    return values


def _dead(pair: object) -> tuple[str, XML]:
    match pair:
        case [str(name), str(fragment)]:
            parse_xml(document(DAV.prop, XML(fragment)))  # it will stand in the middle of responses
            return name, XML(fragment)
    raise ValueError("a dead property is not a name and an element")
