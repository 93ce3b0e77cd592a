"""Whatever happens to a book, a client that syncs ends with a copy of it.

A model plays the folder, several clients, other programs, restarts, a second server process, lost
state, and restores of older copies, in any order.
"""

import logging
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from disk import ME, card
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, precondition, rule

from pycarddav.dav.errors import InvalidSyncToken, UidConflict
from pycarddav.dav.headers import ANYTHING
from pycarddav.model import AddressBook
from pycarddav.store.filesystem import FilesystemStore

NAMES = st.sampled_from(["a.vcf", "b.vcf", "c.vcf", "Ü.vcf", "no ending", "z.vcf"])
LIMITS = st.sampled_from([None, 1, 2, 3])


@dataclass
class Client:
    """A copy of the book, and the token that says what is in it."""

    token: str | None = None
    cards: dict[str, bytes] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)  # what it has put or deleted since that token
    touched: set[str] = field(default_factory=set)  # what anybody has
    whole: bool = False  # whether it was told everything, by the journal of today


@dataclass
class Backup:
    """A copy of the storage, and what was true when it was made."""

    path: Path
    cards: dict[str, bytes]
    valid: set[str]


class Book(RuleBasedStateMachine):
    """*cards* is what clients have to see; *valid* the tokens that have to be understood."""

    clients = Bundle("clients")
    backups = Bundle("backups")

    def __init__(self) -> None:
        super().__init__()
        self.tmp = Path(tempfile.mkdtemp(prefix="pycarddav-model-"))
        self.storage = self.tmp / "storage"
        self.folder = self.storage / "alice" / "friends"
        self.cards: dict[str, bytes] = {}
        self.broken: set[str] = set()
        self.valid: set[str] = set()
        self.everyone: list[Client] = []
        self.counter = 0
        self.stores: list[FilesystemStore] = []

    def teardown(self) -> None:
        try:
            for client in self.everyone:
                self.catch_up(client, 2)
        finally:
            shutil.rmtree(self.tmp)

    @initialize(watch=st.sampled_from(["auto", "stat"]))
    def start(self, watch) -> None:
        self.watch = watch
        self.open_stores()
        self.stores[0].save_book(AddressBook("alice", "friends"))

    def open_stores(self) -> None:
        """Two server processes on one storage; what was open is as if it were killed."""
        self.stores = [FilesystemStore(self.storage, self.watch) for _ in range(2)]

    def book(self, store) -> AddressBook:
        found = store.book("alice", "friends")
        assert found is not None
        return found

    def changed(self, name: str, data: bytes | None) -> None:
        if data is None:
            del self.cards[name]
        else:
            self.cards[name] = data
        self.broken.discard(name)
        for client in self.everyone:
            client.touched.add(name)

    def text(self) -> str:
        self.counter += 1
        return f"{self.counter:06}"

    def path(self, name: str) -> Path:
        return self.folder / (name if name.endswith(".vcf") else f"{name}.noext.vcf")

    # Clients

    @rule(target=clients)
    def arrive(self) -> Client:
        self.everyone.append(Client())
        return self.everyone[-1]

    @rule(client=clients, name=NAMES, server=st.integers(0, 1))
    def put(self, client, name, server) -> None:
        store = self.stores[server]
        data = card(f"uid of {name}", self.text())
        try:
            store.put(self.book(store), name, data, f"uid of {name}", ANYTHING, ME)
        except UidConflict:  # another program has renamed cards
            return
        self.changed(name, data)
        client.cards[name] = data
        client.own.add(name)

    @rule(client=clients, name=NAMES, server=st.integers(0, 1))
    def delete(self, client, name, server) -> None:
        store = self.stores[server]
        for entry in store.entries(self.book(store), [name]):
            store.delete(entry, ANYTHING, ME)
            self.changed(name, None)
            client.cards.pop(name, None)
            client.own.add(name)

    @rule(client=clients, limit=LIMITS, server=st.integers(0, 1))
    def sync(self, client, limit, server) -> None:
        self.page(client, limit, server)

    def page(self, client, limit, server) -> bool:
        """Tell a client what it lacks; whether that was all."""
        store = self.stores[server]
        book = self.book(store)
        try:
            changes = store.changes(book, client.token, limit)
        except InvalidSyncToken:
            assert client.token not in self.valid
            client.token, client.whole = None, False
            return self.page(client, limit, server)
        if client.token is None:  # what is not listed, it does not keep
            client.cards.clear()
            client.own.clear()
        told = {*changes.changed, *changes.removed}
        assert limit is None or len(told) <= limit
        if client.whole and client.token in self.valid:
            assert told <= client.touched
        found = {card.name: card.data for card in store.cards(book, changes.changed)}
        assert found.keys() == {*changes.changed}
        client.cards |= found
        for name in changes.removed:
            client.cards.pop(name, None)
        client.token, client.whole = changes.token, not changes.more
        self.valid.add(changes.token)
        if not changes.more:
            assert changes.token == book.token
            assert client.cards == self.cards
            client.own.clear()
            client.touched.clear()
        return not changes.more

    def catch_up(self, client, limit) -> None:
        assert any(self.page(client, limit, 0) for _ in range(200))

    # Other programs

    @rule(name=NAMES, how=st.sampled_from(["in place", "rename"]))
    def write(self, name, how) -> None:
        data = card(f"uid of {name}", self.text())
        if any(f"uid of {name}".encode() in other for n, other in self.cards.items() if n != name):
            return
        if how == "rename":
            new = self.folder / ".new"
            new.write_bytes(data)
            new.rename(self.path(name))
        else:
            self.path(name).write_bytes(data)
        self.changed(name, data)

    @rule(name=NAMES)
    def remove(self, name) -> None:
        if name in self.cards:
            self.path(name).unlink()
            self.changed(name, None)

    @rule(client=clients, name=NAMES, server=st.integers(0, 1))
    def put_for_a_moment(self, client, name, server) -> None:
        """Somebody removes a card before the other server has looked."""
        self.put(client, name, server)
        self.remove(name)

    @rule(name=NAMES, other=NAMES)
    def rename(self, name, other) -> None:
        if name in self.cards and name not in self.broken and name != other:
            self.path(name).rename(self.path(other))
            data = self.cards[name]
            self.changed(name, None)
            self.changed(other, data)

    @rule(name=NAMES)
    def break_file(self, name) -> None:
        if name in self.cards and name not in self.broken:
            self.stores[0].book("alice", "friends")
            self.stores[0].tidy()
            self.path(name).write_bytes(self.cards[name][:-7])
            self.broken.add(name)

    @rule()
    def mend_files(self) -> None:
        for name in [*self.broken]:
            data = card(f"uid of {name}", self.text())
            if f"uid of {name}".encode() in self.cards[name]:
                self.path(name).write_bytes(data)
                self.changed(name, data)

    @rule()
    def touch(self) -> None:
        for path in self.folder.iterdir():
            path.touch()

    # Mishaps

    @rule(close=st.booleans())
    def restart(self, close) -> None:
        if close:
            for store in self.stores:
                self.book(store)
                store.close()
        self.open_stores()

    @rule()
    def lose_the_index(self) -> None:
        for path in self.storage.glob(".pycarddav/*/*/index"):
            path.unlink()

    @precondition(lambda self: not self.broken)
    @rule()
    def lose_the_end_of_the_journal(self) -> None:
        """A power cut, after which the server starts."""
        for path in self.storage.glob(".pycarddav/*/*/journal"):
            data = path.read_bytes()
            path.write_bytes(data[: data.rstrip(b"\n").rfind(b"\n") + 10])
        self.valid.clear()
        self.went_back(self.cards)
        self.open_stores()

    @precondition(lambda self: not self.broken)
    @rule(running=st.booleans())
    def lose_all_but_the_cards(self, running) -> None:
        for store in self.stores:
            self.book(store)
        shutil.rmtree(self.storage / ".pycarddav", ignore_errors=True)
        self.valid.clear()
        self.went_back(self.cards)
        if not running:
            self.open_stores()

    @precondition(lambda self: not self.broken)
    @rule(target=backups)
    def back_up(self) -> Backup:
        for store in self.stores:
            self.book(store)
        path = self.tmp / f"backup-{self.text()}"
        subprocess.run(["cp", "-a", self.storage, path], check=True)
        return Backup(path, dict(self.cards), set(self.valid))

    @precondition(lambda self: not self.broken)
    @rule(backup=backups, how=st.sampled_from(["cards", "stopped", "running"]))
    def restore(self, backup, how) -> None:
        """Bring back a copy: the storage while the server runs or not, or its cards alone."""
        if how == "cards":
            for path in self.folder.glob("*.vcf"):
                path.unlink()
            for path in (backup.path / "alice" / "friends").glob("*.vcf"):
                shutil.copy2(path, self.folder)
        else:
            before = self.marker()
            shutil.rmtree(self.storage)
            subprocess.run(["cp", "-a", backup.path, self.storage], check=True)
            os.utime(self.folder, (0, 0))  # or a server waits for more
            self.valid &= backup.valid
            if how == "stopped" or self.marker() is None or self.marker() != before:
                self.open_stores()  # a server waits for a restart to take another storage
        self.went_back(backup.cards)
        for store in self.stores:  # if all cards were removed before a look, it would wait
            self.book(store)

    def marker(self) -> bytes | None:
        path = self.storage / ".pycarddav" / "format"
        return path.read_bytes() if path.exists() else None

    def went_back(self, cards) -> None:
        for client in self.everyone:
            client.whole = False
            if client.own:  # what it wrote into a future that is lost it has to compare itself
                client.token = None
        self.cards = dict(cards)


@pytest.fixture(autouse=True)
def unlogged():
    """What pytest keeps of the log are errors, whose frames keep stores: each has an inotify queue.

    A user may have 128 of them, which others want as well.
    """
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def run(examples, steps):
    class Machine(Book.TestCase):
        settings = settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )

    Machine().runTest()


def test_a_client_always_ends_with_a_copy_of_the_book():
    run(examples=12, steps=25)


@pytest.mark.slow
def test_a_client_always_ends_with_a_copy_of_the_book_after_a_long_time():
    run(examples=600, steps=60)
