"""Where the kernel has no inotify left, and where it has some again: no change is missed."""

import errno
import logging
import os
from types import SimpleNamespace

import pytest
from disk import ME, Server, card

from pycarddav.dav.errors import Unavailable
from pycarddav.haste import WouldWait, haste
from pycarddav.model import AddressBook
from pycarddav.store.filesystem import libc, watch
from pycarddav.store.filesystem.folder import Folder
from pycarddav.store.filesystem.watch import EVERYTHING, Watches

MINUTE = 60.0


class Kernel:
    """Has nothing left of what *call* asks for until :meth:`mend`."""

    def __init__(self, monkeypatch, call, number):
        self.used_up, self.asked = True, 0
        self.before = self.after = lambda: None  # each folder is listened to
        self.call, self._number, self._real = call, number, {}
        for name in ("inotify_init", "inotify_add"):
            self._real[name] = getattr(libc, name)
            refuses = name == call
            monkeypatch.setattr(libc, name, lambda *a, n=name, r=refuses: self._do(n, r, *a))

    def _do(self, name, refuses, *arguments):
        self.asked += refuses
        if refuses and self.used_up:
            raise OSError(self._number, os.strerror(self._number))
        if name == "inotify_init":
            return self._real[name](*arguments)
        self.before()
        number = self._real[name](*arguments)
        self.after()
        return number

    def mend(self):
        self.used_up = False


@pytest.fixture(
    params=[("inotify_init", errno.EMFILE), ("inotify_add", errno.ENOSPC)],
    ids=["no instance", "no watch"],
)
def kernel(monkeypatch, request):
    return Kernel(monkeypatch, *request.param)


@pytest.fixture(autouse=True)
def clock(monkeypatch, clock):
    monkeypatch.setattr(watch, "time", SimpleNamespace(monotonic=clock))
    return clock


@pytest.fixture
def deaf(synced, kernel):
    """Another server of the book, with a client in sync, that could not listen."""
    return another(synced)


def another(synced, **settings):
    other = Server(synced.storage, **settings)
    other.sync()
    assert other.cards == synced.cards
    return other


def listens(server):
    """Whether nothing has to be looked at where nothing was heard."""
    try:
        with haste():
            assert server.book
    except WouldWait:
        return False
    return True


def write(server, name, text="by somebody else"):
    (server.folder / name).write_bytes(card(name, text))
    return {name}


def test_a_server_listens_once_it_can_and_sees_every_change(deaf, kernel, clock):
    assert deaf.sync() == (set(), set())
    assert not listens(deaf)
    changed = write(deaf, "ada.vcf", "before")
    assert deaf.sync() == (changed, set())
    kernel.mend()
    clock.now += MINUTE
    changed = write(deaf, "bob.vcf", "unheard")
    assert deaf.sync() == (changed, set())
    assert listens(deaf)
    changed = write(deaf, "ada.vcf", "after")
    (deaf.folder / "bob.vcf").unlink()
    assert deaf.sync() == (changed, {"bob.vcf"})
    clock.now += 2.5  # what was not closed may have been written to until then
    assert listens(deaf)


def test_a_book_that_is_opened_later_is_listened_to_at_once(deaf, kernel):
    kernel.mend()
    deaf.store.move_book(deaf.book, "alice", "foes", False, ME)
    assert deaf.store.book("alice", "foes")
    with haste():
        assert deaf.store.book("alice", "foes")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_what_happens_while_a_server_begins_to_listen_is_seen(deaf, kernel, clock, moment):
    setattr(kernel, moment, lambda: write(deaf, "ada.vcf"))
    kernel.mend()
    clock.now += MINUTE
    assert deaf.sync() == ({"ada.vcf"}, set())
    assert listens(deaf)


def test_what_happens_after_everything_was_looked_at_is_seen(deaf, kernel, clock, monkeypatch):
    scan = Folder.scan

    def scanned(folder):
        yield from [*scan(folder)]
        write(deaf, "ada.vcf")

    kernel.mend()
    clock.now += MINUTE
    with monkeypatch.context() as patched:
        patched.setattr(Folder, "scan", scanned)
        deaf.store.book("alice", "friends")
    assert deaf.sync() == ({"ada.vcf"}, set())


def test_a_look_that_began_before_does_not_count_for_what_came_since(synced, kernel, clock):
    listener = Watches().of(str(synced.folder))
    before = listener.heard()
    kernel.mend()
    clock.now += MINUTE
    heard = listener.heard()
    listener.done(before)
    assert EVERYTHING in listener.heard()
    listener.done(heard)
    assert not listener.heard()


def test_each_thing_is_said_once(synced, kernel, clock, caplog):
    synced.store.save_book(AddressBook("alice", "foes"))
    with caplog.at_level(logging.INFO):
        deaf = another(synced)
        for used_up in (True, True, False, False):
            kernel.used_up = used_up
            clock.now += MINUTE
            deaf.sync()
            deaf.store.book("alice", "foes")
    times = {"inotify_init": 1, "inotify_add": 2}[kernel.call]  # for all books, or for each
    assert [record.levelname for record in caplog.records] == ["WARNING"] * times + ["INFO"] * times
    assert caplog.text.count("no inotify, looking at every file: [Errno ") == times
    assert caplog.text.count("inotify works now") == times


def test_what_fails_again_is_said_again(synced, monkeypatch, caplog):
    kernel = Kernel(monkeypatch, "inotify_add", errno.ENOSPC)
    listener = Watches().of(str(synced.folder))
    for kernel.used_up in (False, True, True):
        listener.begin()
    assert len(caplog.records) == 2


def test_it_is_tried_once_a_minute_and_never_in_haste(deaf, kernel, clock):
    asked = kernel.asked
    clock.now += MINUTE - 1
    deaf.sync()
    assert kernel.asked == asked
    clock.now += 1
    assert not listens(deaf)
    assert kernel.asked == asked
    for _ in range(3):
        deaf.sync()
    assert kernel.asked == asked + 1


@pytest.mark.parametrize("choice", ["stat", "auto"])
def test_where_nobody_is_to_listen_it_is_never_tried(synced, kernel, clock, choice, monkeypatch):
    looks = []
    monkeypatch.setattr(libc, "is_remote", lambda path: looks.append(path) or True)
    kernel.mend()
    other = another(synced, watch=choice)
    clock.now += MINUTE
    assert other.sync() == (set(), set())
    assert not listens(other)
    assert (kernel.asked, len(looks)) == (0, int(choice == "auto"))


def test_a_share_may_be_listened_to_if_somebody_wants_it(synced, kernel, monkeypatch):
    monkeypatch.setattr(libc, "is_remote", lambda path: True)
    kernel.mend()
    assert listens(another(synced, watch="inotify"))


def test_a_folder_that_was_away_at_first_is_listened_to_when_it_is_back(synced, clock, caplog):
    synced.folder.rename(synced.storage.parent / "away")
    other = Server(synced.storage)
    with pytest.raises(Unavailable):
        other.names()
    (synced.storage.parent / "away").rename(synced.folder)
    clock.now += MINUTE
    other.sync()
    assert listens(other)
    assert "inotify" not in caplog.text


def test_of_two_who_listen_to_one_folder_the_first_knows_that_it_hears_no_more(synced, clock):
    """As when a book is opened anew while a request still has the one that was dropped."""
    watches = Watches()
    first, second = (watches.of(str(synced.folder)) for _ in range(2))
    for listener in (first, second):
        listener.done(listener.heard())
    assert EVERYTHING in first.heard()
    assert not second.heard()


def test_who_has_ended_does_not_listen_again(synced, kernel, clock):
    listener = Watches().of(str(synced.folder))
    listener.end()
    kernel.mend()
    clock.now += MINUTE
    listener.begin()
    assert listener.heard() == {EVERYTHING: 0}
    assert kernel.asked == 1


def test_who_is_ended_while_it_tries_does_not_listen(synced, kernel, clock, monkeypatch):
    listener = Watches().of(str(synced.folder))
    monkeypatch.setattr(libc, "is_remote", lambda path: listener.end())
    kernel.mend()
    clock.now += MINUTE
    assert listener.heard() == {EVERYTHING: 0}
    assert kernel.asked == 1
