"""An index of a book, which follows it as a client does that syncs: on every engine."""

import json
import logging
import sys
import unicodedata
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Known:
    """An index, the token of the state that it is of, and what could not be read of that.

    One value: whoever sees the token without the lock must not see the index of another.
    """

    index: Index | None
    token: str | None = None
    unread: frozenset[str] = frozenset()


class BookIndex:
    """The index of one book, or none if it would take more than *most* octets."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._known = Known(Index())
        self._unkept = 0  # cards that the store's copy does not know as they are

    def at(self, book: AddressBook, store: Store) -> Index | None:
        """The index of the book as it is now."""
        if self._known.token != book.token:
            haste.wait()
            with self._lock:
                known = self._known
                if known.token is None:
                    known = self._recalled(book, store) or known
                if known.index is not None:
                    self._known = self._updated(known, book, store)
        return self._known.index

    @property
    def unread(self) -> frozenset[str]:
        """The names of the cards that could not be read, of which the index knows nothing."""
        return self._known.unread

    def _recalled(self, book: AddressBook, store: Store) -> "Known | None":
        """What the store has kept, of whichever state that is."""
        data = store.recall(book, _KEPT)
        if data is None:
            return None
        head, _, index = data.partition(b"\n")
        try:
            match json.loads(head):
                case [maker, str(token), [*unread]] if maker == _MAKER:
                    return Known(Index.load(index), token, frozenset(map(str, unread)))
        except (ValueError, RecursionError) as error:
            log.warning("%s: the index is made anew: %s", book.path, error)
        return None

    def _keep(self, index: Index, known: "Known", book: AddressBook, store: Store) -> None:
        """Let the store keep it, if otherwise there would be much to read after a start."""
        if self._unkept > _FEW + len(index) // 50:
            head = json.dumps([_MAKER, known.token, sorted(known.unread)])
            store.remember(book, _KEPT, head.encode() + b"\n" + index.dump())
            self._unkept = 0

    def _updated(self, known: "Known", book: AddressBook, store: Store) -> "Known":
        index = known.index or Index()
        try:
            changes = store.changes(book, known.token)
        except InvalidSyncToken:
            index = Index()
            changes = store.changes(book, None)
        looked_at = dict.fromkeys((*changes.changed, *sorted(known.unread)))
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
        fits = index.size <= self._most
        known = Known(index if fits else None, changes.token, frozenset(unread))
        if fits:
            self._keep(index, known, book, store)
        return known
