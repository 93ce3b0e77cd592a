"""An index of a book, which follows it as a client does that syncs: on every engine."""

from threading import Lock

from .. import haste
from ..dav.errors import InvalidSyncToken
from ..model import AddressBook, BrokenCard
from ..store import Store
from ..vcard import content
from ..vcard.index import NAMES, Index


class BookIndex:
    """The index of one book, or none if it would take more than *most* octets.

    *unread* are the names of the cards that it could not read, and so knows nothing of.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._index: Index | None = Index()
        self._token: str | None = None  # of the state that it is of
        self.unread: frozenset[str] = frozenset()

    def at(self, book: AddressBook, store: Store) -> Index | None:
        """The index of the book as it is now."""
        if self._token != book.token:
            haste.wait()
            with self._lock:
                if self._index:
                    self._index = self._updated(self._index, book, store)
        return self._index

    def _updated(self, index: Index, book: AddressBook, store: Store) -> Index | None:
        try:
            changes = store.changes(book, self._token)
        except InvalidSyncToken:
            index = Index()
            changes = store.changes(book, None)
        looked_at = dict.fromkeys((*changes.changed, *sorted(self.unread)))
        gone, unread = {*looked_at, *changes.removed}, set()
        for card in store.cards(book, looked_at):
            if isinstance(card, BrokenCard):
                unread.add(card.name)
                continue
            try:
                index.put(card.name, content.parse(card.data, NAMES))
            except content.Unreadable:
                continue
            gone.discard(card.name)
        for name in gone:
            index.remove(name)
        self._token, self.unread = changes.token, frozenset(unread)
        return index if index.size <= self._most else None
