"""Nothing that was ever there is lost: versions, restores, and how long they are kept."""

import os
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from disk import ME, Server, card

from pycarddav.dav.errors import Conflict, NotFound, Unavailable
from pycarddav.dav.headers import ANYTHING
from pycarddav.model import AddressBook, BrokenCard, Card
from pycarddav.store import etag
from pycarddav.store.filesystem import Retention, deleted, journal, retention, timeline


def book(server):
    return server.store.opened(server.book)


def past(server, name=None):
    """(etag, reason, user, kept) of each version."""
    return [
        (found.etag, found.reason, found.author.user, found.kept)
        for found in timeline.versions(book(server), name)
    ]


def content(server, name):
    kept = book(server)
    return [timeline.data(kept, version) for version in timeline.versions(kept, name)]


@pytest.fixture
def tidied(synced):
    """A server with two cards, of which the history has copies."""
    synced.store.tidy()
    return synced


def test_what_a_client_replaces_and_deletes_is_kept(server):
    server.put("ada.vcf", "one")
    server.put("ada.vcf", "two")
    server.delete("ada.vcf")
    one, two = card("ada.vcf", "one"), card("ada.vcf", "two")
    assert past(server, "ada.vcf") == [
        (etag(one), "put", "alice", True),
        (etag(two), "put", "alice", True),
        (None, "delete", "alice", False),
    ]
    assert content(server, "ada.vcf") == [one, two, None]
    assert [version.author.agent for version in timeline.versions(book(server))] == ["pytest"] * 3
    server.restart()
    assert content(server, "ada.vcf") == [one, two, None]


def rewrite(path):
    path.write_bytes(card("ada.vcf", "edited"))


def replace(path):
    new = path.with_name(".new")
    rewrite(new)
    new.rename(path)


def remove(path):
    path.unlink()


@pytest.mark.parametrize("edit", [rewrite, replace, remove])
def test_what_another_program_does_can_be_undone(tidied, edit):
    edit(tidied.folder / "ada.vcf")
    tidied.sync()
    version, after = timeline.versions(book(tidied), "ada.vcf")
    assert (after.reason, after.author.user) == ("found", "")
    done = timeline.restore_card(book(tidied), version, ME)
    assert (done.changed, done.removed, done.lost) == (("ada.vcf",), (), {})
    assert tidied.sync() == ({"ada.vcf"}, set())
    assert tidied.contents()["ada.vcf"] == card("ada.vcf")


def test_a_restore_is_a_change_that_can_be_undone(server):
    server.put("ada.vcf", "one")
    server.put("ada.vcf", "two")
    server.sync()
    one, two = timeline.versions(book(server), "ada.vcf")
    timeline.restore_card(book(server), one, ME)
    assert server.sync() == ({"ada.vcf"}, set())
    assert server.contents() == {"ada.vcf": card("ada.vcf", "one")}
    timeline.restore_card(book(server), two, ME)
    server.sync()
    assert server.contents() == {"ada.vcf": card("ada.vcf", "two")}
    assert [reason for _, reason, _, _ in past(server)] == ["put", "put", "restore", "restore"]


def test_restoring_the_deletion_of_a_card_deletes_it(server):
    server.put("ada.vcf")
    server.delete("ada.vcf")
    server.put("ada.vcf", "again")
    _, deleted, _ = timeline.versions(book(server), "ada.vcf")
    assert timeline.restore_card(book(server), deleted, ME).removed == ("ada.vcf",)
    assert server.contents() == {}


def test_a_book_is_restored_to_what_it_was_at_a_time(tidied):
    before = tidied.contents()
    time.sleep(0.002)
    moment = datetime.now(UTC)
    time.sleep(0.002)
    tidied.put("ada.vcf", "changed")
    tidied.delete("bob.vcf")
    tidied.put("cyd.vcf", uid="bob.vcf")  # the UID of bob.vcf has gone to another card
    (tidied.folder / "ada.vcf").unlink()
    tidied.sync()
    done = timeline.restore_book(book(tidied), moment, ME)
    assert (set(done.changed), done.removed, done.lost) == ({*before}, ("cyd.vcf",), {})
    assert tidied.sync() == ({"ada.vcf", "bob.vcf"}, {"cyd.vcf"})
    assert tidied.contents() == before
    assert timeline.restore_book(book(tidied), moment, ME) == timeline.Restored((), (), {})


def test_a_time_before_all_that_is_known_is_refused(synced):
    with pytest.raises(NotFound):
        timeline.restore_book(book(synced), datetime.now(UTC) - timedelta(days=1), ME)


def test_the_versions_of_an_unknown_card_are_not_an_empty_list(synced):
    with pytest.raises(NotFound):
        timeline.versions(book(synced), "nobody.vcf")


def test_a_version_that_is_not_kept_is_said_to_be_lost(synced):
    (synced.folder / "ada.vcf").write_bytes(card("ada.vcf", "edited"))
    synced.sync()
    version, _ = timeline.versions(book(synced), "ada.vcf")
    assert not version.kept
    assert set(timeline.restore_card(book(synced), version, ME).lost) == {"ada.vcf"}
    assert synced.contents()["ada.vcf"] == card("ada.vcf", "edited")


# The last good version


@pytest.mark.parametrize("broken", [b"", b"BEGIN:VCARD\r\nhalf", card("ada.vcf") * 2])
def test_while_a_file_is_broken_its_last_good_version_is_served(tidied, broken):
    good = tidied.contents()
    (tidied.folder / "ada.vcf").write_bytes(broken)
    assert tidied.sync() == (set(), set())
    assert tidied.contents() == good
    tidied.restart()
    assert tidied.sync() == (set(), set())
    assert tidied.contents() == good


def test_where_no_good_version_is_kept_the_server_says_that_it_does_not_know(synced):
    (synced.folder / "ada.vcf").write_bytes(b"")
    listed = list(synced.store.entries(synced.book))
    ada, bob = synced.store.cards(synced.book)
    assert isinstance(ada, BrokenCard)
    assert isinstance(bob, Card)
    assert [(found.name, found.etag, found.size) for found in (ada, bob)] == [
        (entry.name, entry.etag, entry.size) for entry in listed
    ]


def test_a_broken_file_is_kept_when_a_client_replaces_or_deletes_its_card(tidied):
    for name in ("ada.vcf", "bob.vcf"):
        (tidied.folder / name).write_bytes(b"precious but broken " + name.encode())
    tidied.sync()
    tidied.put("ada.vcf", "new")
    tidied.delete("bob.vcf")
    kept = {path.read_bytes() for path in (tidied.state / "history").glob("broken-*")}
    assert kept == {b"precious but broken ada.vcf", b"precious but broken bob.vcf"}
    assert tidied.sync() == ({"ada.vcf"}, {"bob.vcf"})


def test_a_version_that_somebody_has_edited_is_not_passed_off_as_what_it_was(server):
    server.put("ada.vcf", "one")
    server.put("ada.vcf", "two")
    for path in (server.state / "history").iterdir():
        path.write_bytes(card("ada.vcf", "forged"))
    one, _ = timeline.versions(book(server), "ada.vcf")
    assert timeline.data(book(server), one) is None


# How long


def journal_of(*lines):
    """A past with these (days ago, name, etag) as changes."""
    now = datetime.now(UTC)
    events = [
        journal.Event(
            number,
            journal.Change(name, etag, 0),
            journal.Cause((now - timedelta(days=days)).isoformat(), "put"),
        )
        for number, (days, name, etag) in enumerate(lines)
    ]
    return journal.Past(now.isoformat(), 0, 0, {"base.vcf": "base"}, events)


@pytest.mark.parametrize(
    ("keep", "lines", "kept"),
    [
        (Retention(10, 0), [(20, "a", "1"), (11, "a", "2"), (9, "a", "3"), (8, "a", "4")], "23"),
        (Retention(10, 2), [(20, "a", n) for n in "12345"], "34"),
        (Retention(10, 2), [*[(20, "a", n) for n in "123"], (20, "a", None)], ""),
        (Retention(10, 2), [*[(20, "a", n) for n in "123"], (9, "a", None)], "3"),
        (Retention(10, 9, size=20), [(5, "a", n) for n in "12345"], "34"),
        (Retention(10, 9), [(5, "a", "1"), (4, "a", "2"), (3, "a", "1"), (2, "a", "2")], "12"),
    ],
    ids=["age", "at least so many", "gone", "gone lately", "size", "back and forth"],
)
def test_versions_are_kept_as_long_as_is_set(keep, lines, kept):
    found = keep.kept(journal_of(*lines), lambda etag: 10, datetime.now(UTC))
    assert "".join(sorted(found)) == kept


def test_what_the_journal_began_with_is_a_version_too():
    found = retention.replacements(journal_of((1, "base.vcf", "new")))
    assert [(name, etag) for _, name, etag in found] == [("base.vcf", "base")]


def test_tidying_drops_what_need_not_be_kept_and_nothing_else(tmp_path, synced):
    server = Server(synced.storage, keep=Retention(days=0, versions=2))
    for text in "12345":
        server.put("ada.vcf", text)
    server.put("gone.vcf")
    server.delete("gone.vcf")
    (server.state / "history" / "broken-1.vcf").write_bytes(b"x")
    server.store.tidy()
    kept = [found.kept for found in timeline.versions(book(server), "ada.vcf")]
    assert kept == [False, False, False, True, True, True]
    assert content(server, "gone.vcf") == [None, None]
    assert server.contents()["bob.vcf"] == card("bob.vcf")
    names = {path.name for path in (server.state / "history").iterdir()}
    assert len(names) == 4  # two old versions of Ada, and what she and Bob are now


def test_tidying_keeps_what_a_client_replaces_meanwhile(tmp_path):
    class Meanwhile(Retention):
        def kept(self, *args):
            server.put("ada.vcf", "three")
            return super().kept(*args)

    server = Server(tmp_path / "storage", keep=Meanwhile())
    server.store.save_book(AddressBook("alice", "friends"))
    server.put("ada.vcf", "one")
    server.put("ada.vcf", "two")
    server.store.tidy()
    assert content(server, "ada.vcf") == [card("ada.vcf", text) for text in ("one", "two", "three")]


@pytest.mark.parametrize("gone", ["friends", "others"])
def test_a_book_that_cannot_be_tidied_does_not_keep_the_others_from_it(synced, gone, tmp_path):
    synced.store.save_book(AddressBook("alice", "others"))
    other = synced.store.book("alice", "others")
    synced.store.put(other, "cyd.vcf", card("cyd"), "cyd", ANYTHING, ME)
    (synced.storage / "alice" / gone).rename(tmp_path / "gone")
    with suppress(Unavailable):
        synced.store.book("alice", gone)
    synced.store.tidy()
    tidied = {path.parent.name for path in (synced.storage / ".pycarddav/alice").glob("*/history")}
    assert tidied == {"friends", "others"} - {gone}


def test_tidying_removes_what_a_killed_process_left_behind_long_ago(synced):
    places = synced.folder, synced.folder.parent, synced.state, synced.state.parent, synced.storage
    old = [place / name for place in places for name in (".tmp-old", ".new-old")]
    new = [place / name for place in places for name in (".tmp-new", ".new-new")]
    for path in (*old, *new):
        path.mkdir() if path.name.startswith(".new") else path.write_bytes(b"x")
    for path in old:
        os.utime(path, (0, 0))
    synced.store.tidy()
    assert [path for path in old if path.exists()] == []
    assert [path for path in new if path.exists()] == new


def test_what_was_put_aside_is_dropped_when_its_time_has_come(synced):
    places = [synced.folder / ".properties.json.broken-1", synced.state / "journal.damaged-1"]
    for days, kept in (1, places), (-1, []):
        for path in places:
            path.write_bytes(b"x")
            os.utime(path, (0, 0))  # it was written long before it was found to be broken
        server = Server(synced.storage, keep=Retention(days=days))
        assert server.names() == ["ada.vcf", "bob.vcf"]
        server.store.tidy()
        assert [path for path in places if path.exists()] == kept


def test_what_is_new_is_kept_before_somebody_writes_into_its_file(synced):
    moved = synced.put("cyd.vcf")
    synced.store.move(moved, synced.book, "eve.vcf", ANYTHING, ANYTHING, ME)  # by a link
    before = synced.contents()
    synced.store.keep_up()
    for name in before:
        (synced.folder / name).write_bytes(b"")
    assert synced.contents() == before


def test_a_copy_that_a_power_cut_has_emptied_is_made_again(tidied):
    before = tidied.contents()
    for path in (tidied.state / "history").iterdir():
        path.write_bytes(b"")
    tidied.store.tidy()
    for name in before:
        (tidied.folder / name).write_bytes(b"")
    assert tidied.contents() == before


def test_what_an_older_journal_knew_is_kept_from_when_it_was_replaced(tidied, tmp_path):
    kept = book(tidied).history
    copied = os.stat(kept.path(etag(card("ada.vcf")))).st_ctime
    while (now := time_of_files(tmp_path)) == copied:
        pass
    tidied.put("ada.vcf", "two")
    kept.prune(wanted=set(), dated=set(), since=now)
    assert kept.get(etag(card("ada.vcf"))) == card("ada.vcf")


def time_of_files(folder):
    (folder / "now").write_bytes(b"x")
    return (folder / "now").stat().st_ctime


def test_a_deleted_book_is_dropped_when_its_time_has_come(synced):
    server = Server(synced.storage, keep=Retention(days=1))
    server.store.delete_book(server.book, ME)
    server.store.tidy()
    assert list((server.storage / ".pycarddav").rglob("ada.vcf"))
    server = Server(synced.storage, keep=Retention(days=-1))
    server.store.tidy()
    assert not list((server.storage / ".pycarddav").rglob("ada.vcf"))


def test_a_deleted_book_can_be_brought_back_with_its_past(synced):
    synced.put("ada.vcf", "two")
    synced.sync()
    synced.store.delete_book(synced.book, ME)
    (found,) = deleted.books(synced.store.root)
    assert (found.owner, found.name) == ("alice", "friends")
    deleted.bring_back(synced.store.root, found)
    assert synced.sync() == (set(), set())
    assert synced.book.displayname == "Friends"
    assert content(synced, "ada.vcf") == [card("ada.vcf"), card("ada.vcf", "two")]
    assert deleted.books(synced.store.root) == []


def delete_book(store, friends, work):
    store.delete_book(work, ME)


def move_book(store, friends, work):
    store.move_book(friends, "alice", "work", True, ME)


def copy_book(store, friends, work):
    store.copy_book(friends, "alice", "work", True, ME)


@pytest.mark.parametrize("change", [delete_book, move_book, copy_book])
def test_the_history_knows_who_deleted_or_replaced_a_book(synced, change):
    synced.store.save_book(AddressBook("alice", "work"))
    change(synced.store, synced.book, synced.store.book("alice", "work"))
    (found,) = deleted.books(synced.store.root)
    reason = change.__name__.removesuffix("_book")
    assert (found.name, found.reason, found.author) == ("work", reason, ME)


def test_the_history_of_a_copy_begins_with_who_made_it(synced):
    synced.store.copy_book(synced.book, "alice", "copy", False, ME)
    copied = synced.store.opened(synced.store.book("alice", "copy"))
    found = {(it.name, it.reason, it.author) for it in timeline.versions(copied)}
    assert found == {("ada.vcf", "copy", ME), ("bob.vcf", "copy", ME)}


def test_a_deleted_book_is_not_brought_back_over_another(synced):
    synced.store.delete_book(synced.book, ME)
    synced.store.save_book(AddressBook("alice", "friends"))
    (found,) = deleted.books(synced.store.root)
    with pytest.raises(Conflict):
        deleted.bring_back(synced.store.root, found)
    assert synced.contents() == {}


def test_a_version_is_as_old_as_its_millisecond_says():
    """As texts, ``.123Z`` would come behind ``.123456+00:00``."""
    moment = datetime(2026, 7, 1, 12, 0, 0, 123_456, UTC)
    assert journal.written(moment) == "2026-07-01T12:00:00.123Z"
    assert journal.written(moment) == journal.written(
        moment.astimezone(timezone(timedelta(hours=2)))
    )
    past = journal.Past(
        "",
        0,
        0,
        {"a.vcf": '"1"'},
        [
            journal.Event(
                1, journal.Change("a.vcf", '"2"', 0), journal.Cause(journal.written(moment), "put")
            )
        ],
    )
    at = moment + timedelta(days=180)
    before = at - timedelta(milliseconds=1)
    assert Retention(versions=0).kept(past, lambda etag: 1, before) == {'"1"'}
    assert Retention(versions=0).kept(past, lambda etag: 1, at) == set()
