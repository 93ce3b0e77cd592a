"""The folder of the whole storage: that it is one, and that it is the one it was."""

import os
import secrets
import stat
from pathlib import Path

from ... import haste
from ...dav.errors import Unavailable
from . import files, libc, names, sight
from .sight import Glimpse

STATE = ".pycarddav"
_MARKER = "format"
_FORMAT = "pycarddav-storage 1"
_NOT_A_HOME = {"lost+found"}  # of a file system of its own


class Root:
    """*path* is where the homes are.  Unavailable when something else than a storage is there.

    An empty folder in the place of a storage is a mount point without its disk: it must not become
    the deletion of everything on every phone.
    """

    def __init__(self, folder: Path) -> None:
        self.path = os.path.realpath(folder)
        self.marker = os.path.join(self.path, STATE, _MARKER)
        with files.trouble(self.path):
            files.make_folders(self.path)
            if not os.path.exists(self.marker):
                _refuse_what_is_no_storage(self.path)
                self._mark(secrets.token_hex(8))
            self._id = self._read_marker()
            self._identity = self._identify()
            self._glimpse: Glimpse | None = None  # of the folder that was found to be that one

    def is_another(self) -> bool:
        """Whether another copy of the storage has been put in its place.  Unavailable."""
        with files.trouble(f"the storage {self.path} has vanished"):
            glimpse = sight.glimpse(self.path)
            if glimpse and glimpse == self._glimpse and os.path.exists(self.marker):
                return False
            self._glimpse, now = None, self._identify()
            if now == self._identity and os.path.exists(self.marker):
                self._glimpse = glimpse
                return False
            haste.wait()
            if now == self._identity and folders(self.path):  # only what is ours has been removed
                self._mark(self._id)
            elif not os.path.exists(self.marker) or self._read_marker() != self._id:
                raise Unavailable(
                    f"{self.path} is not the storage it was: is its disk mounted?"
                    " If it is to be used, restart"
                )
        self._identity = now
        return True

    def folder(self, *path: str) -> str | None:
        """Where a home or a book is; None where there can be none."""
        return os.path.join(self.path, *path) if all(map(names.can_be_file, path)) else None

    def state(self, *path: str) -> str:
        """Where the server keeps what it needs beside a home or a book."""
        return os.path.join(self.path, STATE, *path)

    def _identify(self) -> tuple[int, int, int]:
        status = os.stat(self.path)
        return status.st_dev, status.st_ino, libc.birth(self.path)

    def _mark(self, id: str) -> None:
        files.make_folders(os.path.dirname(self.marker))
        files.save(self.marker, f"{_FORMAT} {id}\n".encode())

    def _read_marker(self) -> str:
        """What tells this storage from others, but not from its copies.  Unavailable."""
        found = files.read(self.marker, 1000)[0].decode(errors="replace").strip()
        if not found.startswith(f"{_FORMAT} "):
            raise Unavailable(f"{self.path} has the format {found[:80]!r}, not {_FORMAT!r}")
        return found.removeprefix(_FORMAT).strip()


def folders(path: str) -> list[str]:
    """The names of the folders in a folder: those that can be seen, and are no links."""
    haste.wait()
    with os.scandir(path) as items:
        return [
            item.name for item in items if _is_seen(item) and item.is_dir(follow_symlinks=False)
        ]


def inode(path: str) -> int | None:
    """The inode of a folder; None when none is there (or a file, or a link)."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_ino if stat.S_ISDIR(status.st_mode) else None


def _is_seen(item: "os.DirEntry[str]") -> bool:
    return names.can_be_file(item.name) and item.name not in _NOT_A_HOME


def _refuse_what_is_no_storage(path: str) -> None:
    """Unavailable for a folder of something else; one of homes with books is taken over."""
    for folder in [path, *(os.path.join(path, home) for home in folders(path))]:
        with os.scandir(folder) as items:
            strange = [i.name for i in items if _is_seen(i) and i.is_file(follow_symlinks=False)]
        if strange:
            raise Unavailable(
                f"{path} is no storage: {os.path.join(folder, strange[0])} is a file,"
                " and cards belong into USER/BOOK/NAME.vcf"
            )
    if folders(path) == ["collection-root"]:
        raise Unavailable(f"{path} is Radicale's folder: name its collection-root instead")
