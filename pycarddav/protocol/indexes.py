"""An index of a book, which follows it as a client does that syncs: on every engine."""

import json
import logging
import sys
import unicodedata
from threading import Lock

from .. import __version__, haste
from ..dav.errors import InvalidSyncToken
from ..model import AddressBook, BrokenCard
from ..store import Store
from ..vcard import content
from ..vcard.index import NAMES, REVISION, Index

log = logging.getLogger(__name__)

_KEPT = "query"  # under this name, by the store
_FEW = 100  # cards that are read after a start
_MAKER = f"{__version__} {REVISION} {unicodedata.unidata_version} {sys.byteorder}"


class BookIndex:
    """The index of one book, or none if it would take more than *most* octets.

    *unread* are the names of the cards that it could not read, and so knows nothing of.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._index: Index | None = Index()
        self._token: str | None = None  # of the state that it is of
        self._unkept = 0  # cards that the store's copy does not know as they are
        self.unread: frozenset[str] = frozenset()

    def at(self, book: AddressBook, store: Store) -> Index | None:
        """The index of the book as it is now."""
        if self._token != book.token:
            haste.wait()
            with self._lock:
                if self._token is None:
                    self._recall(book, store)
                if self._index is not None:
                    self._index = self._updated(self._index, book, store)
                if self._index is not None:
                    self._keep(self._index, book, store)
        return self._index

    def _recall(self, book: AddressBook, store: Store) -> None:
        """Begin with what the store has kept, of whichever state that is."""
        data = store.recall(book, _KEPT)
        if data is None:
            return
        head, _, index = data.partition(b"\n")
        try:
            match json.loads(head):
                case [maker, str(token), [*unread]] if maker == _MAKER:
                    self._index, self._token = Index.load(index), token
                    self.unread = frozenset(map(str, unread))
        except (ValueError, RecursionError) as error:
            log.warning("%s: the index is made anew: %s", book.path, error)

    def _keep(self, index: Index, book: AddressBook, store: Store) -> None:
        """Let the store keep it, if otherwise there would be much to read after a start."""
        if self._unkept > _FEW + len(index) // 50:
            head = json.dumps([_MAKER, self._token, sorted(self.unread)])
            store.remember(book, _KEPT, head.encode() + b"\n" + index.dump())
            self._unkept = 0

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
        self._unkept += len(looked_at) + len(changes.removed)
        self._token, self.unread = changes.token, frozenset(unread)
        return index if index.size <= self._most else None
