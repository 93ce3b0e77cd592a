"""Cards, books, properties and locks that move and stay, on disk."""

import fcntl
import threading
from dataclasses import replace

import pytest

from pycarddav.dav.errors import InsufficientStorage, Unavailable
from pycarddav.dav.headers import ANYTHING
from pycarddav.dav.xml import XML
from pycarddav.model import AddressBook, Author, Lock
from pycarddav.store.filesystem import FilesystemStore

ME = Author("alice", "pytest")
DEAD = (("{urn:x}y", XML("<y xmlns='urn:x'/>")),)
LOCK = Lock("urn:uuid:1", "/alice/", True, False, "alice", XML(), 1e10)


def card(uid):
    return f"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:{uid}\r\nFN:{uid}\r\nEND:VCARD\r\n".encode()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "storage"


@pytest.fixture
def store(folder):
    return FilesystemStore(folder)


@pytest.fixture
def book(store):
    store.save_book(AddressBook("alice", "friends"))
    return store.book("alice", "friends")


@pytest.fixture
def put(store, book):
    return lambda name: store.put(book, name, card(name), name, ANYTHING, ME)


def test_properties_of_cards_and_locks_outlive_the_process(folder, store, book, put):
    entry, _ = put("a.vcf")
    store.save_entry(replace(entry, dead=DEAD))
    store.change_locks("alice", lambda locks: (LOCK,))
    later = FilesystemStore(folder)
    assert [entry.dead for entry in later.entries(later.book("alice", "friends"))] == [DEAD]
    assert later.book("alice", "friends").size == entry.size
    assert later.locks("alice") == (LOCK,)


@pytest.mark.parametrize("data", [b"", b"[", b"{}", b"[1]", b'[{"token": 1}]', b"\xff"])
def test_broken_locks_lock_nothing(folder, store, book, data):
    (folder / ".pycarddav" / "alice" / ".locks.json").write_bytes(data)
    assert store.locks("alice") == ()
    store.change_locks("alice", lambda locks: locks)


def test_properties_have_an_end(folder, store, book, put):
    entry, _ = put("a.vcf")
    dead = (("{urn:x}y", XML("<y xmlns='urn:x'>" + "x" * 5_000_000 + "</y>")),)
    with pytest.raises(InsufficientStorage):
        store.save_entry(replace(entry, dead=dead))
    assert [entry.dead for entry in store.entries(book)] == [()]


def test_the_properties_of_a_card_that_another_program_removed_are_not_those_of_the_next(
    folder, store, book, put
):
    entry, _ = put("a.vcf")
    store.save_entry(replace(entry, dead=DEAD))
    (folder / "alice" / "friends" / "a.vcf").unlink()
    book = store.book("alice", "friends")
    assert list(store.entries(book)) == []
    assert put("a.vcf")[0].dead == ()


def test_a_card_that_is_broken_on_disk_does_not_move(folder, store, book, put):
    entry, _ = put("a.vcf")
    (folder / "alice" / "friends" / "a.vcf").write_bytes(b"BEGIN:VCARD")
    with pytest.raises(Unavailable):
        store.move(entry, book, "b.vcf", ANYTHING, ANYTHING, ME)
    assert not (folder / "alice" / "friends" / "b.vcf").exists()


def test_a_copy_that_fails_leaves_nothing_behind(folder, store, book, put):
    put("a.vcf")
    (folder / "alice" / "friends" / "a.vcf").write_bytes(b"BEGIN:VCARD")
    with pytest.raises(Unavailable):
        store.copy_book(store.book("alice", "friends"), "alice", "new", True, ME)
    assert sorted(path.name for path in (folder / "alice").iterdir()) == [
        ".properties.json",
        "friends",
    ]


def test_a_replaced_book_is_kept_where_deleted_ones_are(folder, store, book, put):
    put("a.vcf")
    store.save_book(AddressBook("alice", "work"))
    store.move_book(store.book("alice", "work"), "alice", "friends", True, ME)
    assert [path.name for path in (folder / ".pycarddav" / ".deleted").rglob("*.vcf")] == ["a.vcf"]


def test_who_waits_for_one_book_does_not_hold_up_another(folder, store, book, put):
    """Locks are taken in one order, so that two moves never wait for each other."""
    store.save_book(AddressBook("alice", "work"))
    work = store.book("alice", "work")
    entry, _ = put("one.vcf")

    def move():
        store.move(entry, work, "one.vcf", ANYTHING, ANYTHING, ME)

    def write():
        store.put(work, "two.vcf", card("two"), "two", ANYTHING, ME)

    mover, writer = threading.Thread(target=move), threading.Thread(target=write)
    with (folder / ".pycarddav" / "alice" / "friends" / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as another process
        mover.start()
        mover.join(0.3)
        writer.start()
        writer.join(10)
        waited = writer.is_alive()
    mover.join(20)
    writer.join(20)
    assert not waited
    names = [entry.name for entry in store.entries(store.book("alice", "work"))]
    assert names == ["one.vcf", "two.vcf"]


def test_a_card_that_was_moved_can_be_deleted(store, book, folder):
    """The history has a link to the same file, and rename(2) between the two does nothing."""
    entry, _ = store.put(book, "a.vcf", card("a"), "a", ANYTHING, ME)
    store.move(entry, book, "b.vcf", ANYTHING, ANYTHING, ME)
    (moved,) = store.entries(store.book("alice", "friends"))
    store.delete(moved, ANYTHING, ME)
    assert list(FilesystemStore(folder).entries(book)) == []
    assert not (folder / "alice/friends/b.vcf").exists()
