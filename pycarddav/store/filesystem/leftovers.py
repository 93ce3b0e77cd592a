"""What is left lying about: by processes that were killed, and put aside for people to look at.

A writer's file has a name of its own until it is whole, a new book's folder as well; whoever is
killed before leaves that behind.  What could not be read and was replaced, properties and journals,
stays beside its successor: it may have been written by hand.
"""

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress

from . import files

NEW_FOLDER = ".new-"  # begins the name of a folder that is being filled

_UNFINISHED = re.compile(rf"^({re.escape(files.TEMPORARY)}|{re.escape(NEW_FOLDER)})")
_ASIDE = re.compile(r"\.(broken|damaged)-\d+$")
_OLD = 3600.0  # seconds after which what is unfinished is nobody's


def unfinished(folder: str) -> list[str]:
    """The files and folders in *folder* that somebody left behind long ago."""
    old = time.time() - _OLD
    return [path for path, status in _like(folder, _UNFINISHED) if status.st_mtime < old]


def put_aside(folder: str, before: float = float("inf")) -> list[str]:
    """The files in *folder* that were put aside *before* then, in seconds since the epoch."""
    return [path for path, status in _like(folder, _ASIDE) if status.st_ctime < before]


def clean(folder: str, since: float) -> None:
    """Remove what is unfinished, and what was put aside before."""
    for path in [*unfinished(folder), *put_aside(folder, since)]:
        remove(path)


def remove(path: str) -> None:
    """Remove one of these; it may have gone."""
    if os.path.isdir(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            os.unlink(path)


def _like(folder: str, names: re.Pattern[str]) -> Iterator[tuple[str, os.stat_result]]:
    try:
        with os.scandir(folder) as items:
            for item in items:
                if names.search(item.name):
                    yield item.path, item.stat(follow_symlinks=False)
    except FileNotFoundError:  # or one of them has just been finished
        return
