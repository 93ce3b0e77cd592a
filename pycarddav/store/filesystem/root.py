"""The folder of the whole storage: that it is one, and that it is the one it was."""

import os
import stat
from pathlib import Path

from ...dav.errors import Unavailable
from . import files, names

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
        self._marker = os.path.join(self.path, STATE, _MARKER)
        with files.trouble(self.path):
            files.make_folders(self.path)
            if not os.path.exists(self._marker):
                _refuse_what_is_no_storage(self.path)
                mark(self.path)
            self._check_format()
            self._identity = self._identify()

    def is_another(self) -> bool:
        """Whether another storage has been put in the place of the one before.  Unavailable."""
        with files.trouble(f"the storage {self.path} has vanished"):
            now = self._identify()
            if now == self._identity:
                return False
            if not os.path.exists(self._marker):
                raise Unavailable(f"{self.path} is not the storage it was: is its disk mounted?")
            self._check_format()
        self._identity = now
        return True

    def folder(self, *path: str) -> str | None:
        """Where a home or a book is; None where there can be none."""
        return os.path.join(self.path, *path) if all(map(names.can_be_file, path)) else None

    def state(self, *path: str) -> str:
        """Where the server keeps what it needs beside a home or a book."""
        return os.path.join(self.path, STATE, *path)

    def _identify(self) -> tuple[int, int]:
        status = os.stat(self.path)
        return status.st_dev, status.st_ino

    def _check_format(self) -> None:
        data, _ = files.read(self._marker, 1000)
        if (found := data.decode(errors="replace").strip()) != _FORMAT:
            raise Unavailable(f"{self.path} has the format {found[:80]!r}, not {_FORMAT!r}")


def mark(path: str) -> None:
    """Make a folder a storage."""
    state = os.path.join(path, STATE)
    files.make_folders(state)
    files.save(os.path.join(state, _MARKER), f"{_FORMAT}\n".encode())


def folders(path: str) -> list[str]:
    """The names of the folders in a folder: those that can be seen, and are no links."""
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
