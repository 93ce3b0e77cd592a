"""The file of what an import has refused: to be mended, and imported again."""

import os
from itertools import count
from typing import BinaryIO

from . import console


class Refused:
    """Bytes as they came, in *path*, which is made for the first of them.

    What is there already stays, and a file beside it is made.  Without a path there is none.
    """

    def __init__(self, path: str | None) -> None:
        self._wanted = path
        self._file: BinaryIO | None = None

    def write(self, data: bytes) -> None:
        """Add a refused card.  Where that cannot be, say so, once: others are to be imported."""
        if not data or self._wanted is None:
            return
        try:
            self._file = self._file or _new(self._wanted)
            self._file.write(data if data.endswith((b"\n", b"\r")) else data + b"\r\n")
            self._file.flush()
        except OSError as error:
            console.warn(f"{self._wanted}: refused cards are not kept: {error.strerror}")
            self._wanted = None

    @property
    def path(self) -> str:
        """Where something was written; empty where nothing was."""
        return str(self._file.name) if self._file else ""

    def close(self) -> None:
        """Nothing more comes."""
        if self._file:
            self._file.close()


def _new(path: str) -> BinaryIO:
    stem, ending = os.path.splitext(path)
    for number in count(1):
        try:
            return open(path, "xb")
        except FileExistsError:
            path = f"{stem}-{number + 1}{ending}"
    raise AssertionError
