"""What cards were: every version that was replaced, under the hash of its content.

``history/<etag>.vcf`` is a version, whoever wrote it; the journal says which card had it, until
when, and who changed that.  Versions come here by a link or a rename of the file that held them,
or as a copy that is made while the version still stands: then an editor that writes into the
file, or breaks it, loses nothing.
"""

import errno
import os
import shutil
from contextlib import suppress

from ... import floor
from .. import etag as etag_of
from . import files, member

_ENDING = ".vcf"
BROKEN = "broken-"  # before the time, in place of a hash: what was no version of a card


class History:
    """The versions of one book, in a folder of their own."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def path(self, etag: str) -> str:
        """Where the version is, if it is kept."""
        return os.path.join(self.folder, etag.strip('"') + _ENDING)

    def keep(self, path: str, etag: str) -> None:
        """Keep what is in this file, which is about to be replaced."""
        kept = self.path(etag)
        try:
            os.link(path, kept, follow_symlinks=False)
        except FileExistsError:
            if self.get(etag) is not None:
                _date(kept)
                return
            os.unlink(kept)  # it shared its disk blocks with a file that was written into
            self.keep(path, etag)
        except FileNotFoundError:
            if os.path.isdir(self.folder):
                raise
            files.make_folders(self.folder)
            self.keep(path, etag)
        except OSError:  # no hard links here, or too many of this file
            if self.get(etag) is None:
                files.make_folders(self.folder)
                shutil.copy2(path, kept, follow_symlinks=False)

    def take(self, path: str, etag: str) -> None:
        """Keep what is in this file, and remove it."""
        files.make_folders(self.folder)
        try:
            files.rename_over(path, self.path(etag))
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self.keep(path, etag)  # the book is a file system of its own
            os.unlink(path)

    def copy(self, path: str, etag: str) -> None:
        """Keep a copy of what is in this file, if it still is that version and none is kept.

        A link to the file itself is none: it would change with it.  Nor is an empty file, which a
        power cut has made of a copy.
        """
        if self.size(etag) and not files.are_one(path, self.path(etag)):
            return
        with floor.taken(), suppress(FileNotFoundError, ValueError):
            data, status = files.read(path, member.LARGEST)
            if etag_of(data) == etag:
                files.make_folders(self.folder)
                files.replace(self.path(etag), data)
                os.utime(self.path(etag), ns=(status.st_atime_ns, status.st_mtime_ns))

    def get(self, etag: str) -> bytes | None:
        """The content of a version; None if it is not kept (or somebody has edited it)."""
        try:
            data, _ = files.read(self.path(etag), member.LARGEST)
        except (OSError, ValueError):
            return None
        return data if etag_of(data) == etag else None

    def etags(self) -> set[str]:
        """The versions that are kept."""
        return {_etag(file) for file in self._files()}

    def damaged(self) -> list[str]:
        """The files that are not the versions they are called."""
        plain = (etag for etag in self.etags() if not etag.startswith(f'"{BROKEN}'))
        return [self.path(etag) for etag in plain if self.get(etag) is None]

    def size(self, etag: str) -> int:
        """The size of a version in octets; 0 if it is not kept."""
        try:
            return os.lstat(self.path(etag)).st_size
        except FileNotFoundError:
            return 0

    def prune(self, wanted: set[str], dated: set[str], since: float) -> None:
        """Remove all but the *wanted* versions.

        Of those that are not *dated* by the journal the newest stay, which came here after *since*
        (seconds since the epoch): broken files, and what an older journal knew.
        """
        for file in self._files():
            etag, path = _etag(file), os.path.join(self.folder, file)
            if etag not in wanted and (etag in dated or os.lstat(path).st_ctime < since):
                os.unlink(path)

    def _files(self) -> set[str]:
        try:
            return {file for file in os.listdir(self.folder) if file.endswith(_ENDING)}
        except FileNotFoundError:
            return set()


def _date(path: str) -> None:
    """Let its ctime say when it was replaced, as that of a link does: what is kept goes by it."""
    with suppress(OSError):  # it is another user's: no reason to refuse a change
        status = os.lstat(path)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _etag(file: str) -> str:
    return f'"{file.removesuffix(_ENDING)}"'
