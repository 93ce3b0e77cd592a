"""The hidden file of properties in a home or a book: JSON, for people to read and edit."""

import json
import logging
import os
import time
from typing import Any

from ...dav.names import DAV
from ...dav.xml import XML, document, parse
from . import files

log = logging.getLogger(__name__)

FILE = ".properties.json"


class Properties:
    """The properties of one folder, read again when the file is another."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, FILE)
        self._stamp: tuple[int, ...] | None = None
        self._values: dict[str, Any] = {}

    def read(self) -> dict[str, Any]:
        """The values; the last good ones while the file cannot be read."""
        try:
            now = os.lstat(self._path)
        except FileNotFoundError:
            return {}
        stamp = (now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)
        if stamp != self._stamp:
            try:
                self._values = _parse(files.read(self._path, 2**20)[0])
            except (OSError, ValueError, TypeError, RecursionError) as error:
                log.warning("%s: %s", self._path, error)
            self._stamp = stamp
        return self._values


def write(folder: str, values: dict[str, Any]) -> None:
    """Replace the values, keeping those of other programs and when the folder was made."""
    path = os.path.join(folder, FILE)
    try:
        old = json.loads(files.read(path, 2**20)[0])
    except (OSError, ValueError):
        old = {}
    old = old if isinstance(old, dict) else {}
    kept = {"created": time.time()} | old | values
    files.save(path, (json.dumps(kept, ensure_ascii=False, indent=1) + "\n").encode())


def _parse(data: bytes) -> dict[str, Any]:
    values = json.loads(data)
    if not isinstance(values, dict):
        raise ValueError("not an object")
    if not all(isinstance(values.get(key), str | None) for key in ("displayname", "description")):
        raise ValueError("a name or description is not text")
    values["dead"] = tuple(map(_dead, values.get("dead") or []))
    return values


def _dead(pair: object) -> tuple[str, XML]:
    match pair:
        case [str(name), str(fragment)]:
            parse(document(DAV.prop, XML(fragment)))  # it will stand in the middle of responses
            return name, XML(fragment)
    raise ValueError("a dead property is not a name and an element")
