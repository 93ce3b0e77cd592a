"""What keeps a storage small and quick to open.  Nothing here changes what a client sees."""

import os
import time
from contextlib import suppress
from datetime import UTC, datetime

from . import files
from .book import Book
from .retention import Retention

_OLD = 3600.0  # seconds after which a temporary file is nobody's


def tidy(book: Book, keep: Retention) -> None:
    """Save the index, copy to the history what it lacks, and drop what is too old there."""
    members = book.trusted().members
    with files.trouble(book.path):
        book.mirror.save_index()
        for path in leftovers(book.folder.path):
            with suppress(OSError):
                os.unlink(path)
        kept = book.history.etags()
        for name, member in members.items():
            if member.etag not in kept:
                book.history.copy(book.folder.file(name), member.etag)
        with book.locked():
            book.mirror.journal.compact()
        now, past = datetime.now(UTC), book.past()
        wanted = keep.kept(past, book.history.size, now)
        wanted.update(past.now().values())  # a client may have replaced some of them meanwhile
        wanted.update(member.etag for member in book.mirror.snapshot.members.values())
        book.history.prune(wanted, past.etags(), now.timestamp() - keep.days * 86400)


def leftovers(folder: str) -> list[str]:
    """The files that a killed process of ours has left in a folder."""
    with os.scandir(folder) as items:
        return [
            item.path
            for item in items
            if files.is_temporary(item.name)
            and time.time() - item.stat(follow_symlinks=False).st_mtime > _OLD
        ]
