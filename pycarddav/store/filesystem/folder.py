"""The folder of one book: its card files, and whether it is the folder that it was."""

import json
import logging
import os
import stat
import time
from collections.abc import Iterator
from typing import NamedTuple

from ... import haste
from ...dav.errors import NotFound, Unavailable
from . import files, journal, libc, member, names, sight
from .sight import Glimpse

log = logging.getLogger(__name__)

_MEMORY = "folder"
_QUIET = 2.0  # seconds without a change in a folder that is being filled


class Identity(NamedTuple):
    """What tells a folder from another that is put in its place."""

    inode: int
    birth: int  # in ns: a file system gives the inode of a folder that went to the next one
    mounted: bool  # on a file system of its own


class Folder:
    """*path* holds the cards; a file in *state* remembers which folder it was."""

    def __init__(self, path: str, state: str) -> None:
        self.path, self._state = path, state
        self._identity = recall(state)
        self._glimpse: Glimpse | None = None  # of the folder that was found to be that one

    def file(self, name: str) -> str:
        """The path of the card *name*.  Forbidden where there can be none."""
        return os.path.join(self.path, names.file_of(name))

    def read(self, name: str) -> bytes | None:
        """The content of a card's file; None where it cannot be read."""
        try:
            return files.read(self.file(name), member.LARGEST)[0]
        except (OSError, ValueError):
            return None

    def scan(self) -> Iterator[tuple[str, os.stat_result]]:
        """Every card file, as the name of its card, and its status."""
        haste.wait()
        # Not by its path, which the kernel would walk for each file.
        with files.opened(self.path) as descriptor, os.scandir(descriptor) as items:
            for item in items:
                if (name := names.name_of(item.name)) is not None:
                    try:
                        status = item.stat(follow_symlinks=False)
                    except FileNotFoundError:  # it has gone since the directory was read
                        continue
                    yield name, status

    def has(self, name: str) -> bool:
        """Whether the directory lists this name: lstat() may find one that differs in case."""
        file = names.file_of(name)
        return any(item == file for item in os.listdir(self.path))

    def is_another(self, cards: int) -> bool:
        """Whether this is not the folder it was; *cards* is how many it had.

        NotFound when it is gone and had none.  Unavailable when it had cards and has vanished, or
        what is in its place may be a mount point without its disk, or half of a copy: that must
        not become the deletion of the cards on every phone.
        """
        glimpse = self._look()
        if glimpse and glimpse == self._glimpse:
            return False
        self._glimpse, now = None, identify(self.path)
        if now == self._identity:
            self._glimpse = glimpse
            return False
        if now is None and not cards:
            raise NotFound("no such book")
        if now is None:
            raise Unavailable(f"{self.path} has vanished: put it back, or delete the book")
        if cards:
            self._check_replacement(now, cards)
        return True

    def _look(self) -> Glimpse | None:
        try:
            return sight.glimpse(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def accept(self) -> None:
        """Take what is there for the folder from now on."""
        self._identity = identify(self.path)
        if self._identity:
            data = json.dumps(self._identity) + "\n"
            try:
                files.make_folders(self._state)
                files.replace(os.path.join(self._state, _MEMORY), data.encode())
            except OSError as error:  # it is accepted again after a restart
                log.warning("%s: %s is not remembered: %s", self.path, self._identity, error)

    def _check_replacement(self, now: Identity, cards: int) -> None:
        if self._identity and self._identity.mounted and not now.mounted:
            raise Unavailable(f"{self.path} is on another disk than before: is it mounted?")
        found = sum(1 for _ in self.scan())
        if not found:
            raise Unavailable(f"{self.path} is another folder than before, and empty")
        if found < cards and time.time() - os.stat(self.path).st_mtime < _QUIET:
            raise Unavailable(f"{self.path} is another folder than before, and being filled")


def identify(path: str) -> Identity | None:
    """The folder at *path*; None where there is none (or a file, or a link)."""
    try:
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode):
            return None
        mounted = status.st_dev != os.stat(os.path.dirname(path)).st_dev
        return Identity(status.st_ino, libc.birth(path), mounted)
    except (FileNotFoundError, NotADirectoryError):
        return None


def recall(state: str) -> Identity | None:
    """The folder that was accepted last; None when that is not known."""
    try:
        with open(os.path.join(state, _MEMORY), "rb") as file:
            match json.loads(file.read(1000)):
                case [int(inode), int(birth), bool(mounted)]:
                    return Identity(inode, birth, mounted)
    except (OSError, ValueError):
        pass
    return None


def was_renamed(state: str, path: str) -> bool:
    """Whether the folder of this *state* is at *path* now."""
    known, now = recall(state), identify(path)
    if not known or known != now:
        return False
    try:
        past = journal.read(os.path.join(state, "journal"))
    except ValueError:
        return False
    cards = past.now()
    there = set(os.listdir(path))
    return 2 * sum(names.file_of(name) in there for name in cards) >= len(cards)
