"""How much is in the storage, and whether it can take what comes next."""

import os
from typing import NamedTuple

from ...dav.errors import InsufficientStorage
from . import files

# Octets, and files, that are to be left.  No percentage: of a large disk that would be a lot.
ROOM = 100 * 2**20
FILES = 1000


class Tally(NamedTuple):
    """How many there are; *octets* of cards, and those that are *free* on the disk."""

    homes: int
    books: int
    cards: int
    octets: int
    free: int


def free(disk: os.statvfs_result) -> int:
    return disk.f_bavail * disk.f_frsize


def check_room(path: str) -> None:
    """InsufficientStorage when the disk is nearly full; Unavailable."""
    with files.trouble(path):
        disk = os.statvfs(path)
    if free(disk) < ROOM:
        raise InsufficientStorage(f"{path}: less than {ROOM >> 20} MB are free")
    if disk.f_files and disk.f_favail < FILES:  # btrfs and others do not count files
        raise InsufficientStorage(f"{path}: there is room for less than {FILES} files")


def check_writable(folder: str) -> None:
    """Write a file there, and remove it.  InsufficientStorage; Unavailable."""
    with files.trouble(folder), files.Temporary(folder, b"probe\n"):
        pass
