"""A book on disk, as a server sees it, and a client that syncs with it."""

from pathlib import Path

from pycarddav.dav.headers import ANYTHING, Condition
from pycarddav.model import AddressBook, Author, Changes, Entry
from pycarddav.store.filesystem import FilesystemStore

ME = Author("alice", "pytest")


def card(uid: str, text: str = "") -> bytes:
    return f"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:{uid}\r\nFN:{text or uid}\r\nEND:VCARD\r\n".encode()


class Server:
    """Alice's friends."""

    def __init__(self, storage: Path, **settings: object) -> None:
        self.storage, self.folder = storage, storage / "alice" / "friends"
        self.state = storage / ".pycarddav" / "alice" / "friends"
        self.token: str | None = None
        self.cards: dict[str, bytes] = {}
        self._settings = settings
        self.restart()

    def restart(self) -> None:
        """As after a kill: nothing is saved."""
        self.store = FilesystemStore(self.storage, **self._settings)

    @property
    def book(self) -> AddressBook:
        return self.store.book("alice", "friends")

    def put(
        self, name: str, text: str = "", uid: str | None = None, condition: Condition = ANYTHING
    ) -> Entry:
        data = card(uid or name, text)
        return self.store.put(self.book, name, data, uid or name, condition, ME)[0]

    def delete(self, name: str) -> None:
        (entry,) = self.store.entries(self.book, [name])
        self.store.delete(entry, ANYTHING, ME)

    def names(self) -> list[str]:
        return [entry.name for entry in self.store.entries(self.book)]

    def contents(self) -> dict[str, bytes]:
        return {card.name: card.data for card in self.store.cards(self.book)}

    def told(self, limit: int | None = None) -> Changes:
        """What the client would be told now."""
        return self.store.changes(self.book, self.token, limit)

    def sync(self) -> tuple[set[str], set[str]]:
        """What the client is told since the last time, and has then, as (changed, removed)."""
        changes = self.told()
        self.token = changes.token
        for name in changes.removed:
            del self.cards[name]
        for found in self.store.cards(self.book, changes.changed):
            self.cards[found.name] = found.data
        assert self.cards == self.contents()
        return set(changes.changed), set(changes.removed)
