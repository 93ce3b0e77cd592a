"""What a book was: its versions, and bringing one back as a change like any other."""

from dataclasses import dataclass
from datetime import UTC, datetime

from ...dav.errors import Error, NotFound
from ...dav.headers import ANYTHING
from ...model import Author
from ...vcard import content
from . import journal
from .book import Book

BEFORE = "before"
_RESTORED = "restore"


@dataclass(frozen=True)
class Version:
    """A card as it was from *since* on; *etag* is None where it was deleted.

    *number* grows with time within a book.  *since* is when the journal began for what was there
    before it, whose *reason* is then BEFORE.  *kept* says that the content can be had.
    """

    number: int
    name: str
    since: datetime
    etag: str | None
    reason: str
    author: Author
    kept: bool


@dataclass(frozen=True)
class Restored:
    """What a restore did, by name.  *lost* is what it could not: name -> why."""

    changed: tuple[str, ...]
    removed: tuple[str, ...]
    lost: dict[str, str]


def versions(book: Book, name: str | None = None) -> list[Version]:
    """All that is known of one card, or of all; the oldest first.  NotFound for an unknown card."""
    past = book.past()
    kept = book.history.etags() | {member.etag for member in book.trusted().members.values()}
    before = journal.Cause(past.time, BEFORE)
    began = [(past.seq, name, etag, before) for name, etag in past.members.items()]
    then = [(seq, change.name, change.etag, cause) for seq, change, cause in past.events]
    found = [
        Version(seq, of, _moment(cause.time), etag, cause.reason, cause.author, etag in kept)
        for seq, of, etag, cause in [*began, *then]
        if name in (None, of)
    ]
    if name is not None and not found:
        raise NotFound("nothing is known of such a card")
    return found


def data(book: Book, version: Version) -> bytes | None:
    """The content of a version; None where the card was deleted, or the version is not kept."""
    if version.etag is None:
        return None
    current = book.trusted().members.get(version.name)
    if current and current.etag == version.etag and (found := book.content(version.name)):
        return found[1]
    return book.history.get(version.etag)


def restore_card(book: Book, version: Version, author: Author) -> Restored:
    """Make a card what it was in that version."""
    etag = version.etag
    return _restore(book, {version.name: etag}, author)


def restore_book(book: Book, moment: datetime, author: Author) -> Restored:
    """Make all cards what they were then.  NotFound when that is before what is known."""
    past = book.past()
    if _moment(past.time) > moment:
        raise NotFound(f"what is known of the book begins at {past.time}")
    before = [event.change for event in past.events if _moment(event.cause.time) <= moment]
    then = journal.replayed(past.members, before)
    present = {name: member.etag for name, member in book.trusted().members.items()}
    wanted: dict[str, str | None] = dict.fromkeys(present.keys() - then.keys())
    wanted |= {name: etag for name, etag in then.items() if present.get(name) != etag}
    return _restore(book, wanted, author)


def _restore(book: Book, wanted: dict[str, str | None], author: Author) -> Restored:
    """Deletions come first: they free the UIDs."""
    changed, removed, lost = [], [], {}
    for name, etag in sorted(wanted.items(), key=lambda item: (item[1] is not None, item[0])):
        try:
            if etag is None:
                book.delete(name, ANYTHING, author, _RESTORED)
                removed.append(name)
            elif (found := book.history.get(etag)) is None:
                lost[name] = "this version is not kept"
            else:
                _put(book, name, found, author)
                changed.append(name)
        except Error as error:
            lost[name] = str(error)
    return Restored(tuple(changed), tuple(removed), lost)


def _put(book: Book, name: str, found: bytes, author: Author) -> None:
    book.put(name, found, content.parse(found).uid, ANYTHING, author, _RESTORED)


def _moment(time: str) -> datetime:
    return datetime.fromisoformat(time).astimezone(UTC)
