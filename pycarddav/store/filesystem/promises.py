"""The WebDAV locks of a home: one small file, which only LOCK and UNLOCK write."""

import json
import logging
import os
from dataclasses import asdict
from typing import Any

from ...dav.xml import XML
from ...model import Lock
from . import files

log = logging.getLogger(__name__)

_LARGEST = 2**22  # octets


def read(path: str) -> tuple[Lock, ...]:
    """The locks in this file; none when it is not there, which costs next to nothing."""
    try:
        return tuple(_lock(**item) for item in json.loads(files.read(path, _LARGEST)[0]))
    except FileNotFoundError:
        return ()
    except (ValueError, TypeError) as error:  # somebody has edited it: the cards are still safe
        log.warning("%s: %s", path, error)
        return ()


def write(path: str, locks: tuple[Lock, ...]) -> None:
    """Replace the locks in this file."""
    if locks:
        files.save(path, json.dumps([asdict(lock) for lock in locks], indent=1).encode())
    elif os.path.exists(path):
        os.unlink(path)
        files.sync_folder(os.path.dirname(path))


def _lock(owner: str, **facts: Any) -> Lock:
    return Lock(owner=XML(owner), **facts)
