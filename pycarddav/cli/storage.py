"""The storage as a command finds it: there, to be begun, or not to be touched.

A new storage is never begun where an old one may be missing.  Phones that log in and find an
empty address book delete their contacts; phones that cannot log in wait.  What can be known:

* Users are listed outside of the storage, and the storage is empty: they have had one.
* The folder that is to hold the storage is missing: its disk is not mounted.
* Users are kept inside (the default) and all is gone: nothing tells this from a first start.  The
  storage that is begun then has one new user with a random password, so no phone gets in.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum
from pathlib import Path
from pwd import getpwuid

from ..auth import accounts
from ..config import Key, Loaded
from ..config.schema import Config
from ..serve import site
from ..store.filesystem import FilesystemStore
from . import console
from .console import Exit, Failure

INIT = "begin a storage, although users are listed already or the folder is not empty"
MARKS = {".pycarddav", ".htpasswd"}  # one of these is at the top of every storage
INITIAL_PASSWORD = ".initial-password"  # noqa: S105 - a file's name
# At the top of a disk that is otherwise empty, and of a storage whose beginning was interrupted.
NOTHING = {"lost+found", INITIAL_PASSWORD}


class Ground(Enum):
    """What is where the storage is configured to be."""

    STORAGE = "a storage"
    NOTHING = "nothing: no folder, or an empty one"
    OTHER = "something else"


def ground(folder: Path) -> Ground:
    """What *folder* is; OSError where that cannot be told."""
    try:
        names = set(os.listdir(folder)) - NOTHING
    except FileNotFoundError:
        return Ground.NOTHING
    if names & MARKS:
        return Ground.STORAGE
    return Ground.OTHER if names else Ground.NOTHING


def is_new(found: Loaded, *, init: bool = False) -> bool:
    """Whether a storage is to be begun; Failure where that could hide an old one.

    *init* says that somebody who knows better wants it.
    """
    folder, htpasswd = found.config.storage.folder, found.config.auth.htpasswd
    here = ground(folder)
    if here is Ground.STORAGE:
        return False
    chosen = found.given[Key("storage", "folder")].origin != "default"
    if chosen and not folder.parent.exists():
        raise Failure(f"{folder.parent} does not exist", "is its disk mounted?")
    if init:
        return True
    if here is Ground.OTHER:
        raise Failure(
            f"{folder} has files in it, but is no storage of pycarddav", "--init makes it one"
        )
    if htpasswd.exists() and accounts.users(htpasswd):
        raise Failure(
            f"{folder} is empty, but {htpasswd} lists users: is its disk mounted?",
            "--init begins a new storage",
        )
    return True


@contextmanager
def opened(found: Loaded, least: int = logging.WARNING) -> Iterator[FilesystemStore]:
    """The storage that is there; Failure.  A command that is not to begin one does not.

    What it logs is said from level *least* on.
    """
    if is_new(found):
        raise Failure(f"there is no storage in {found.config.storage.folder}", code=Exit.NOT_FOUND)
    check_access(found.config.storage.folder)
    with console.logged(least), site.store(at_once(found.config)) as store:
        yield store


def at_once(config: Config) -> Config:
    """For a command, which looks once and need not be told what changes after that."""
    return replace(config, storage=replace(config.storage, watch="stat"))


def begin(folder: Path) -> None:
    """Make the folder, for its owner alone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def check_access(folder: Path) -> None:
    """Failure unless we can write there, and leave nothing that the owner cannot change."""
    nearest = next(path for path in [folder, *folder.parents] if path.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise Failure(f"{nearest}: cannot be written by this user")
    owner = nearest.stat().st_uid
    if nearest == folder and os.geteuid() == 0 and owner != 0:
        name = _user_name(owner)
        raise Failure(
            f"{folder} belongs to {name}, who could not change what root leaves there",
            f"run this as its owner: sudo -u {name} ...",
            Exit.USAGE,
        )


def check_private(folder: Path) -> None:
    """Failure where everybody who has an account on this machine could read the contacts."""
    if folder.stat().st_mode & 0o007:
        raise Failure(f"{folder} is open to every user of this machine", f"chmod 700 {folder}")


def _user_name(uid: int) -> str:
    try:
        return getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"  # as sudo takes it
