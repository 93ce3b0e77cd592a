"""What keeps a storage small and quick to open.  Nothing here changes what a client sees."""

import logging
from datetime import UTC, datetime

from . import files, leftovers
from .book import Book
from .retention import Retention

log = logging.getLogger(__name__)

_AT_ONCE = 500  # copies: so many small files are a second's work of a slow disk


def tidy(book: Book, keep: Retention) -> None:
    """Save the index, copy to the history what it lacks, and drop what is too old there."""
    members = book.trusted().members
    with files.trouble(book.path):
        book.mirror.save_index()
        for name, member in members.items():
            book.history.copy(book.folder.file(name), member.etag)
        with book.locked():
            book.mirror.journal.compact()
        now, past = datetime.now(UTC), book.past()
        since = now.timestamp() - keep.days * 86400
        for folder in (*book.places, book.history.folder):
            leftovers.clean(folder, since)
        wanted = keep.kept(past, book.history.size, now)
        wanted.update(past.now().values())  # a client may have replaced some of them meanwhile
        wanted.update(member.etag for member in book.mirror.snapshot.members.values())
        book.history.prune(wanted, past.etags(), since)


def keep_up(book: Book) -> None:
    """Copy to the history what is new in the book, before somebody writes into its files."""
    if not book.mirror.new:
        return
    names = list(book.mirror.new)[:_AT_ONCE]
    book.mirror.new.difference_update(names)
    members = book.mirror.snapshot.members  # looked at last: who adds to the former has set it
    with files.trouble(book.path):
        for name in names:
            if member := members.get(name):
                book.history.copy(book.folder.file(name), member.etag)
    book.forms.expect(names)


def make_ready(book: Book, until: float) -> None:
    """Make cards ready for whoever asks for them, as all other devices will; not for too long.

    So are those that have come by other ways, or that another version has made ready.
    """
    try:
        book.forms.make_ready(until)
    except Exception:  # a bug in a conversion is not to keep other books out of the history
        log.exception("%s: not made ready", book.path)
