"""A book that is opened again: from its index and the end of its journal, or from all of it."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from pycarddav.dav.errors import InvalidSyncToken, Unavailable
from pycarddav.dav.headers import ANYTHING
from pycarddav.model import AddressBook, Author
from pycarddav.store.filesystem import FilesystemStore, journal, token

ME = Author("alice", "pytest")


def card(uid, note=""):
    text = f"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:{uid}\r\nFN:{uid}\r\nNOTE:{note}\r\nEND:VCARD\r\n"
    return text.encode()


class Storage:
    """Its tokens are those of every moment so far, and some that it never gave out."""

    def __init__(self, folder):
        self.folder = folder
        self.state = folder / ".pycarddav/alice/friends"
        self.tokens = [None, f"3-{'5' * 32}-00000000", f"0-{0:032x}.YQ.2-{'5' * 32}"]

    def change(self, *words, close=True):
        """Words are a name to put, or one with a minus to delete; the process ends, or is killed"""
        store = FilesystemStore(self.folder)
        store.save_book(AddressBook("alice", "friends"))
        for number, word in enumerate(words):
            book, name = store.book("alice", "friends"), word.strip("-") + ".vcf"
            if word.startswith("-"):
                (entry,) = store.entries(book, [name])
                store.delete(entry, ANYTHING, ME)
            else:
                note = f"{len(self.tokens)}{number}"
                store.put(book, name, card(word, note), word, ANYTHING, ME)
            self.tokens.append(store.book("alice", "friends").token)
        if close:
            store.close()

    def seen(self, folder=None):
        """Everything that a client could learn; and whether the journal was gone on with."""
        store = FilesystemStore(folder or self.folder)
        book = store.book("alice", "friends")
        opened = store.opened(book).mirror
        resumed = opened.journal._past._before is not None
        changes = [self.answer(store, book, token, n) for token in self.tokens for n in (None, 1)]
        owners = [opened.snapshot.owner(uid) for uid in "abcde"]
        entries = [(entry.name, entry.etag, entry.size) for entry in store.entries(book)]
        said = book.token, book.revision, book.size, entries, owners, changes, opened.journal.length
        return said, resumed

    def answer(self, store, book, token, limit):
        try:
            return store.changes(book, token, limit)
        except InvalidSyncToken as error:
            return str(error)

    def both(self):
        """seen() with the index, and on a copy without it."""
        copy = self.folder.parent / "copy"
        shutil.copytree(self.folder, copy)
        (copy / ".pycarddav/alice/friends/index").unlink()
        slow = self.seen(copy)
        shutil.rmtree(copy)
        return self.seen(), slow


@pytest.fixture
def storage(tmp_path):
    return Storage(tmp_path / "storage")


ENDS = {
    "at the end of the journal": ([], True),
    "after which it went on": (["d", "-a", "b", "-d", "a"], False),
    "after which it was what it had been": (["-c", "c", "-b", "e"], False),
}


@pytest.mark.parametrize(("later", "close"), ENDS.values(), ids=ENDS)
def test_the_index_of_a_moment_and_the_whole_journal_say_the_same(storage, later, close):
    storage.change("a", "b", "-a", "c", "a", "b")
    storage.change(*later, close=close)
    (fast, resumed), (slow, replayed) = storage.both()
    assert fast == slow
    assert (resumed, replayed) == (True, False)


def test_a_compacted_journal_is_gone_on_with(storage, monkeypatch):
    monkeypatch.setattr(journal, "KEPT", 2)
    storage.change("a", "b", "c", "-a", "a")
    store = FilesystemStore(storage.folder)
    store.tidy()
    store.book("alice", "friends")
    store.tidy()
    store.close()
    storage.change("d", "-b")
    (fast, resumed), (slow, _) = storage.both()
    assert fast == slow
    assert resumed
    assert fast[-1] < 5


def cut_off(state):
    path = state / "journal"
    path.write_bytes(path.read_bytes()[:-30])


def damaged_before(state):
    path = state / "journal"
    path.write_bytes(path.read_bytes().replace(b"put", b"PUT", 1))


def damaged_behind(state):
    with (state / "journal").open("ab") as file:
        file.write(b"nonsense\n")


def another(state):
    path = state / "journal"
    head, _, rest = path.read_bytes().partition(b"\n")
    path.write_bytes(head[:-5] + b"999Z\n" + rest)


def gone(state):
    (state / "journal").unlink()


def without_its_place(state):
    """As a disk that is full leaves it."""
    path = state / "index"
    data = path.read_bytes()
    path.write_bytes(data.replace(b" 3 ", b" 2 ", 1))


@pytest.mark.parametrize(
    "do", [cut_off, damaged_before, damaged_behind, another, gone, without_its_place]
)
def test_what_does_not_fit_together_is_not_gone_on_with(storage, do):
    storage.change("a", "b", "-a", "c", "a", "b")
    do(storage.state)
    (fast, resumed), (slow, _) = storage.both()
    assert fast[3] == slow[3]
    assert fast[4] == slow[4]
    assert not resumed


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"")])
def test_what_is_another_later_makes_tokens_unknown_not_wrong(storage, spoil):
    storage.change("a", "b", "-a")
    old, new = storage.tokens[-2:]
    store = FilesystemStore(storage.folder)
    book = store.book("alice", "friends")
    kept = store.opened(book).mirror.journal
    spoil(storage.state / "journal")
    points = [token.parse(text)[0].point for text in (old, new)]
    assert [kept.since(point) for point in points] == [None, []]


def test_what_cannot_be_read_at_the_moment_is_asked_for_again(storage, monkeypatch):
    storage.change("a", "b", "-a")
    store = FilesystemStore(storage.folder)
    book = store.book("alice", "friends")
    with monkeypatch.context() as patched:
        patched.setattr(journal, "open", lambda *_: os.open("/", os.O_WRONLY), raising=False)
        with pytest.raises(Unavailable):
            store.changes(book, storage.tokens[-2])
    assert store.changes(book, storage.tokens[-2]).removed == ("a.vcf",)


HEADS = [
    b"",
    b"1",
    b"x 1 -",
    b"1 x -",
    b"-1 0 -",
    b"1 -1 -",
    b"1 5 - -",
    b"999999999999 5 -",
    b"1 999999999999 -",
    b"2 5 -",
    b"0 5 -",
    b"%s 5 -" % (b"9" * 5000),
    b"1 5 1 2 3",
    b"1 5 1 %s 7 0 5 -" % (b"-" + b"0" * 31),
    b"1 5 1 %s 7 0 5 -" % (b"f" * 33),
    b"1 5 -1 %s 7 -1 5 -" % (b"0" * 32),
    b"1 5 1 %s 7 2 5 -" % (b"0" * 32),
    b"1 5 %s %s 7 0 5 -" % (b"9" * 30, b"0" * 32),
    b"1 5 1 %s -7 0 5 -" % (b"0" * 32),
    b"1 5 1 %s %s 0 5 -" % (b"0" * 32, b"9" * 30),
    b"1 5 1 %s 7 0 -5 -" % (b"0" * 32),
    b"1 5 1 %s 7 0 %s -" % (b"0" * 32, b"9" * 30),
    b"\xff 5 -",
]
BODIES = [b"", b"a.vcf", b"a.vcf" + bytes(45), b"a.vcf" + b"\xff" * 45 + b"u", b"\xff" * 50]
BODIES += [b"a.vcf" + bytes(44) + b"\2", b"a.vcf" + bytes(44) + b"\2\xff", b"a\0vcf" + bytes(90)]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("head", HEADS)
def test_an_index_that_lies_changes_nothing(storage, head, body):
    """With a checksum that is right: somebody has taken the trouble."""
    storage.change("a", "b", close=False)
    expected, _ = storage.seen()
    rest = head + b"\n" + body
    title = f"pycarddav-index 3 {hashlib.sha256(rest).hexdigest()}\n".encode()
    (storage.state / "index").write_bytes(title + rest)
    assert storage.seen() == (expected, False)


@pytest.mark.parametrize("field", range(2, 6))
def test_an_index_that_lies_of_the_journal_is_not_believed(storage, field):
    """With a digest of it that is right."""
    storage.change("a", "b", "-a")
    (expected, resumed), _ = storage.both()
    path = storage.state / "index"
    head, body = path.read_bytes().partition(b"\n")[2].split(b"\n", 1)
    fields = head.split(b" ")
    fields[field] = b"1" * len(fields[field])
    rest = b" ".join(fields) + b"\n" + body
    title = f"pycarddav-index 3 {hashlib.sha256(rest).hexdigest()}\n".encode()
    path.write_bytes(title + rest)
    assert resumed
    assert storage.seen() == (expected, False)


@pytest.mark.parametrize("state", ["-" + "0" * 31, "+" + "0" * 31, "0" * 31, "0_" * 16, " " * 32])
def test_a_state_that_is_none_damages_the_journal_and_nothing_else(storage, state):
    storage.change("a", "b", close=False)
    path = storage.state / "journal"
    *lines, last = path.read_text().splitlines()
    seq, _, *rest = last.split("\t")
    path.write_text("\n".join([*lines, "\t".join([seq, state, *rest]), ""]))
    (_, _, _, entries, *_), _ = storage.seen()
    assert [name for name, _, _ in entries] == ["a.vcf", "b.vcf"]
