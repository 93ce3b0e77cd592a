"""What an answer was made of, so that it can be given again for as long as all of that holds."""

from collections.abc import Callable
from typing import Any

from ..model import AddressBook, Home, Lock
from ..store import Store

LARGEST = 1000  # characters of properties that a client has chosen: each answer would keep them
MOST = 4  # facts of an answer; to look at more is no quicker than to answer anew

Fact = tuple[Callable[..., Any], tuple[str, ...], Any]  # a look, at what, and what was seen


class Witness:
    """*store*, and what has been seen in it: what holds for as long as that is the same.

    Whatever is asked about a book's cards follows from the book, whose token is another when one
    of them is, and whose revision when one of their properties is; and what is derived from it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._facts: list[Fact] | None = []  # None: it cannot be told
        self.entries, self.cards, self.changes = store.entries, store.cards, store.changes
        self.texts, self.save_texts = store.texts, store.save_texts
        self.recall, self.remember = store.recall, store.remember

    def home(self, owner: str) -> Home | None:
        home: Home | None = self._seen(self._store.home, owner)
        return home

    def book(self, owner: str, name: str) -> AddressBook | None:
        book: AddressBook | None = self._seen(self._store.book, owner, name)
        return book

    def locks(self, owner: str) -> tuple[Lock, ...]:
        found: tuple[Lock, ...] = self._seen(self._store.locks, owner)
        if found:
            self._facts = None  # the time that is left is another every second
        return found

    def __getattr__(self, name: str) -> Any:
        """Whatever else there is: it changes something, or looks at everything."""
        self._facts = None
        return getattr(self._store, name)

    def _seen(self, look: Callable[..., Any], *at: str) -> Any:
        found, facts = look(*at), self._facts
        if isinstance(found, AddressBook | Home) and sum(len(it) for _, it in found.dead) > LARGEST:
            self._facts = None
        elif facts is not None and (fact := (look, at, found)) not in facts:
            self._facts = [*facts, fact] if len(facts) < MOST else None
        return found

    def holds(self) -> Callable[[], bool] | None:
        """What says whether all is as it was seen; None if that cannot be told."""
        facts = self._facts
        if facts is None:
            return None
        return lambda: all(look(*at) == seen for look, at, seen in facts)
