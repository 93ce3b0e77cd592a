"""An index of a book, which follows it as a client does that syncs: on every engine."""

from threading import Lock

from ..dav.errors import InvalidSyncToken
from ..model import AddressBook
from ..store import Store
from ..vcard import content
from ..vcard.index import NAMES, Index


class BookIndex:
    """The index of one book, or none if it would take more than *most* octets."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._index: Index | None = Index()
        self._token: str | None = None  # of the state that it is of

    def at(self, book: AddressBook, store: Store) -> Index | None:
        """The index of the book as it is now."""
        if self._token != book.token:
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
        gone = {*changes.changed, *changes.removed}
        for card in store.cards(book, changes.changed):
            try:
                index.put(card.name, content.parse(card.data, NAMES))
            except content.Unreadable:
                continue
            gone.discard(card.name)
        for name in gone:
            index.remove(name)
        self._token = changes.token
        return index if index.size <= self._most else None
