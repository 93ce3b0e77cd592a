"""What only an engine on disk can show: other programs, restarts, copies, odd files."""

import base64
import json
import os
import shutil
import stat
import subprocess
import threading
import time
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import pytest
from disk import ME, Server, card

from pycarddav.dav.errors import Conflict, Forbidden, InvalidSyncToken, PreconditionFailed
from pycarddav.dav.headers import ANYTHING, Condition
from pycarddav.dav.xml import XML
from pycarddav.model import AddressBook, Home
from pycarddav.store.filesystem import FilesystemStore, files, token
from pycarddav.store.filesystem.journal import Cause, Change, Journal, Replaced
from pycarddav.store.filesystem.snapshot import moved
from pycarddav.store.filesystem.token import EMPTY, Point, mark

# The disk


def test_a_card_is_a_file_of_its_name(server):
    server.put("ada.vcf")
    assert (server.folder / "ada.vcf").read_bytes() == card("ada.vcf")
    assert {path.name for path in server.folder.iterdir()} == {"ada.vcf", ".properties.json"}


def test_nobody_else_may_read_what_the_server_writes(tmp_path):
    old = os.umask(0)
    try:
        FilesystemStore(tmp_path / "storage").save_book(AddressBook("alice", "friends"))
        Server(tmp_path / "storage").put("ada.vcf")
    finally:
        os.umask(old)
    modes = {
        stat.S_IMODE(path.lstat().st_mode)
        for path in (tmp_path / "storage", *(tmp_path / "storage").rglob("*"))
    }
    assert modes == {0o700, 0o600}


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden.vcf", "a/b.vcf", "a\0.vcf", "\ud800.vcf"])
def test_a_name_that_leads_elsewhere_is_refused(server, name):
    with pytest.raises(Forbidden):
        server.store.put(server.book, name, card("x"), "x", ANYTHING, ME)
    assert list(server.store.entries(server.book, [name])) == []


@pytest.mark.parametrize("name", ["a" * 252 + ".vcf", "é" * 126 + ".vcf", "n" * 250])
def test_a_name_longer_than_a_file_may_have_is_refused(server, name):
    with pytest.raises(Forbidden):
        server.put(name)


@pytest.mark.parametrize("name", ["a" * 251 + ".vcf", "é" * 125 + "a.vcf", "n" * 245])
def test_a_name_as_long_as_a_file_may_have_is_kept(server, name):
    server.put(name)
    server.restart()
    assert list(server.contents()) == [name]


@pytest.mark.parametrize("owner", ["", ".", "..", ".pycarddav", "a/b", "\ud800", "x" * 256])
def test_a_home_or_book_of_an_impossible_name_is_neither_found_nor_made(server, owner):
    assert server.store.home(owner) is None
    assert server.store.books(owner) == []
    assert server.store.book(owner, "friends") is None
    assert server.store.book("alice", owner) is None
    with pytest.raises(Forbidden):
        server.store.save_home(Home(owner))
    with pytest.raises(Forbidden):
        server.store.save_book(AddressBook("alice", owner))


def test_properties_that_others_keep_in_the_file_stay(server):
    path = server.folder / ".properties.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"color": "#fff"}))
    server.store.save_book(AddressBook("alice", "friends", displayname="Friends"))
    assert json.loads(path.read_text())["color"] == "#fff"
    path.write_text('{"displayname": "By hand"}')
    assert server.book.displayname == "By hand"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"displayname": 7}', '{"dead": 1}', "\xff"])
def test_broken_properties_leave_the_last_good_ones(server, text):
    server.store.save_book(AddressBook("alice", "friends", displayname="Friends"))
    assert server.book.displayname == "Friends"
    (server.folder / ".properties.json").write_text(text, "latin-1")
    assert server.book.displayname == "Friends"
    server.restart()
    assert server.book.displayname is None
    server.store.save_book(AddressBook("alice", "friends", displayname="New"))
    assert server.book.displayname == "New"


@pytest.mark.parametrize("save", ["book", "card"])
def test_broken_properties_are_kept_beside_those_that_replace_them(server, save):
    server.put("ada.vcf")
    broken = b'{"displayname": "By hand",}'
    (server.folder / ".properties.json").write_bytes(broken)
    if save == "book":
        server.store.save_book(server.book)
    else:
        (ada,) = server.store.entries(server.book)
        server.store.save_entry(replace(ada, dead=(("{u:}x", XML('<x xmlns="u:"/>')),)))
    json.loads((server.folder / ".properties.json").read_bytes())
    (kept,) = server.folder.glob(".properties.json.broken-*")
    assert kept.read_bytes() == broken
    server.store.save_book(server.book)
    assert list(server.folder.glob(".properties.json.broken-*")) == [kept]
    assert server.names() == ["ada.vcf"]


def test_a_deleted_book_is_put_away_and_not_lost(server):
    server.put("ada.vcf")
    server.store.delete_book(server.book, ME)
    assert server.store.books("alice") == []
    (kept,) = (server.storage / ".pycarddav").rglob("ada.vcf")
    assert kept.read_bytes() == card("ada.vcf")


# Restarts and copies


def test_a_token_outlives_a_restart(synced):
    synced.put("ada.vcf", "changed")
    synced.restart()
    synced.put("bob.vcf", "changed")
    synced.restart()
    assert synced.sync() == ({"ada.vcf", "bob.vcf"}, set())


def test_what_happens_while_the_server_is_down_is_an_exact_delta(synced):
    del synced.store
    (synced.folder / "ada.vcf").unlink()
    (synced.folder / "cyd.vcf").write_bytes(card("cyd"))
    synced.restart()
    assert synced.sync() == ({"cyd.vcf"}, {"ada.vcf"})


def test_a_copy_of_the_cards_alone_knows_the_state_they_are_in(synced, tmp_path):
    copy = tmp_path / "copy" / "alice" / "friends"
    copy.mkdir(parents=True)
    for path in synced.folder.glob("*.vcf"):
        shutil.copy(path, copy)
    other = Server(tmp_path / "copy")
    other.token, other.cards = synced.token, synced.cards
    assert other.sync() == (set(), set())
    other.put("bob.vcf", "changed")
    assert other.sync() == ({"bob.vcf"}, set())


def test_the_state_is_known_after_everything_derived_was_deleted(synced):
    shutil.rmtree(synced.storage / ".pycarddav")
    synced.put("ada.vcf", "changed")
    assert synced.sync() == ({"ada.vcf"}, set())
    synced.restart()
    shutil.rmtree(synced.storage / ".pycarddav")
    assert synced.sync() == (set(), set())


def test_a_token_stays_small_however_often_the_book_moves_while_a_client_reads(server):
    names = [f"{number:02}.vcf" for number in range(60)]
    for name in names:
        server.put(name)
    server.sync()
    for number in reversed(range(0, 60, 2)):  # each time before what was sent the last time
        server.put(names[number], "new")
        server.put(names[number + 1], "new")
        changes = server.told(limit=1)
        server.token = changes.token
        for found in server.store.cards(server.book, changes.changed):
            server.cards[found.name] = found.data
    assert len(token.parse(server.token)) == token.MOST
    changed, _ = server.sync()
    assert set(names[1::2]) <= changed


def test_a_token_of_more_parts_than_are_ever_given_out_is_refused(synced):
    point, *_ = synced.token.split(".")
    bounds = [base64.b64encode(f"{number:03}".encode()).decode() for number in range(token.MOST)]
    for number, error in ((token.MOST - 1, None), (token.MOST, InvalidSyncToken)):
        synced.token = ".".join(field for bound in bounds[:number] for field in (point, bound))
        synced.token += f".{point}"
        with pytest.raises(error) if error else nullcontext():
            synced.told()


@contextmanager
def thrown_away(server, tmp_path):
    """What is done inside is of a past that a restore throws away."""
    subprocess.run(["cp", "-a", server.storage, tmp_path / "backup"], check=True)
    yield
    shutil.rmtree(server.storage)
    (tmp_path / "backup").rename(server.storage)


def test_a_token_from_a_future_that_a_restore_threw_away_is_unknown(synced, tmp_path):
    with thrown_away(synced, tmp_path):
        synced.put("ada.vcf", "from the future")
        synced.sync()
    synced.put("bob.vcf", "another future")
    with pytest.raises(InvalidSyncToken):
        synced.sync()
    synced.token, synced.cards = None, {}
    assert synced.sync() == ({"ada.vcf", "bob.vcf"}, set())


def put_for_a_moment(server):
    """The client puts a card, and somebody removes it."""
    server.put("dan.vcf")
    server.cards["dan.vcf"] = card("dan.vcf")
    (server.folder / "dan.vcf").unlink()
    assert server.names() == [*server.cards][:-1]


def test_a_past_that_came_to_the_same_after_as_many_changes_is_another(synced, tmp_path):
    with thrown_away(synced, tmp_path):
        synced.put("cyd.vcf")
        synced.sync()
        synced.delete("cyd.vcf")
        synced.sync()
    put_for_a_moment(synced)
    with pytest.raises(InvalidSyncToken):
        synced.sync()


def test_a_state_that_comes_again_in_another_past_is_not_the_one_a_client_saw(synced, tmp_path):
    with thrown_away(synced, tmp_path):
        synced.put("ada.vcf", "new")
        synced.sync()
    put_for_a_moment(synced)
    synced.put("ada.vcf", "new")
    with pytest.raises(InvalidSyncToken):
        synced.sync()


def test_what_a_power_cut_took_from_the_journal_is_another_past(synced):
    journal = synced.state / "journal"
    synced.put("cyd.vcf")
    synced.sync()
    before = journal.read_bytes()
    put_for_a_moment(synced)
    lines = before.splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]))
    synced.restart()
    with pytest.raises(InvalidSyncToken):
        synced.sync()


def test_a_client_with_an_empty_book_is_told_of_what_it_put_into_another_past(server, tmp_path):
    with thrown_away(server, tmp_path):
        server.put("cyd.vcf")
        server.delete("cyd.vcf")
        server.token = server.book.token
    put_for_a_moment(server)
    assert server.sync() == (set(), {"dan.vcf"})


def test_a_token_of_before_there_were_marks_is_understood(synced):
    synced.token = synced.token.rpartition("-")[0]
    synced.put("ada.vcf", "changed")
    assert synced.sync() == ({"ada.vcf"}, set())


def test_of_a_journal_begun_anew_no_earlier_visit_to_its_state_is_known(synced):
    """Of those before, a client may have put a card that is gone again, and nobody knows."""
    put_for_a_moment(synced)
    with synced.store.opened(synced.book).locked():
        synced.store.opened(synced.book).mirror.begin_anew()
    with pytest.raises(InvalidSyncToken):
        synced.sync()


def test_a_journal_begun_anew_knows_its_own_tokens(synced):
    with synced.store.opened(synced.book).locked():
        synced.store.opened(synced.book).mirror.begin_anew()
    journal = (synced.state / "journal").read_text()
    time = journal.splitlines()[0].rpartition(" ")[2]
    assert token.parse(synced.book.token)[0].point.mark == token.mark(time)


def test_a_journal_cut_off_in_mid_line_is_mended(synced):
    journal = synced.storage / ".pycarddav" / "alice" / "friends" / "journal"
    synced.put("ada.vcf", "changed")
    os.truncate(journal, journal.stat().st_size - 5)
    synced.restart()
    assert synced.sync() == ({"ada.vcf"}, set())
    assert journal.read_bytes().endswith(b"ada.vcf\n")
    assert list(synced.state.glob("journal.damaged-*")) == []


@pytest.mark.parametrize("line", [0, 1, -4, -2])
def test_a_journal_with_a_damaged_line_is_kept_as_it_was(synced, line):
    for text in "123":
        synced.put("ada.vcf", text)
    journal = synced.state / "journal"
    lines = journal.read_bytes().split(b"\n")
    lines[line] = lines[line].replace(b"a", b"\t\xff")
    damaged = b"\n".join(lines)
    journal.write_bytes(damaged)
    synced.restart()
    assert synced.contents()["ada.vcf"] == card("ada.vcf", "3")
    synced.put("bob.vcf", "after it")
    synced.restart()
    synced.put("bob.vcf", "again")
    (kept,) = synced.state.glob("journal.damaged-*")
    assert kept.read_bytes() == damaged


def test_a_journal_that_is_damaged_under_a_running_server_is_kept_as_it_was(synced):
    journal = synced.state / "journal"
    damaged = journal.read_bytes() + b"junk\njunk\n"
    journal.write_bytes(damaged)
    synced.put("ada.vcf", "changed")
    (kept,) = synced.state.glob("journal.damaged-*")
    assert kept.read_bytes() == damaged
    synced.restart()
    assert synced.sync() == ({"ada.vcf"}, set())


def test_a_reader_never_sees_half_of_a_journal_that_is_read_again(tmp_path):
    journal, state = Journal(str(tmp_path / "journal")), EMPTY
    journal.begin({}, 0, state)
    names = [f"{n}.vcf" for n in range(2000)]
    for name in names:
        state = moved(state, name, None, "etag")
        journal.append([Change(name, "etag", state)], Cause("", "put"))
    start = Point(0, EMPTY, mark(journal.read().time))
    again = threading.Thread(target=lambda: [journal.open() for _ in range(10)])
    again.start()
    seen = {journal.since(start) == names}
    while again.is_alive():
        seen.add(journal.since(start) == names)
    assert seen == {True}


def test_a_journal_that_another_server_began_first_is_not_begun_again(tmp_path):
    ours, theirs = Journal(str(tmp_path / "journal")), Journal(str(tmp_path / "journal"))
    assert ours.open() == ours.appended() == {}
    theirs.begin({}, 0, EMPTY)
    with pytest.raises(Replaced):
        ours.appended()


@pytest.mark.parametrize(
    "junk", [b"", b"x", b"\0" * 5000, b"pycarddav-journal 1 0 0 0 0\n", b"\xff"]
)
def test_a_journal_that_is_none_is_begun_anew(synced, junk):
    (synced.storage / ".pycarddav" / "alice" / "friends" / "journal").write_bytes(junk)
    synced.restart()
    assert synced.sync() == (set(), set())
    synced.put("ada.vcf", "changed")
    assert synced.sync() == ({"ada.vcf"}, set())


# Other programs


def in_place(path, data):
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()


def by_rename(path, data):
    new = path.with_name(".new")
    new.write_bytes(data)
    new.rename(path)


def with_its_old_times(path, data):
    before = path.stat()
    in_place(path, data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("edit", [in_place, by_rename, with_its_old_times])
def test_an_edit_by_another_program_is_seen_however_it_was_made(synced, edit):
    edited = card("ada.vcf").replace(b"FN:ada", b"FN:ADA")  # of the same size
    edit(synced.folder / "ada.vcf", edited)
    assert synced.sync() == ({"ada.vcf"}, set())
    assert synced.contents()["ada.vcf"] == edited


def over_it_with_its_times(path, data):
    before = path.stat()
    by_rename(path, data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def away_and_back(path, data):
    away = path.rename(path.parent.parent / "away")
    with_its_old_times(away, data)
    away.rename(path)


@pytest.mark.parametrize(
    "edit", [in_place, by_rename, with_its_old_times, over_it_with_its_times, away_and_back]
)
def test_an_edit_in_the_moment_of_our_own_change_is_seen(synced, edit):
    """Before the event of our own rename was heard, and within one tick of the file's times."""
    edited = card("ada.vcf").replace(b"FN:ada", b"FN:ADA")
    for _ in range(5):
        synced.put("ada.vcf", "changed")
        synced.put("ada.vcf", "ada")
        edit(synced.folder / "ada.vcf", edited)
        assert synced.contents()["ada.vcf"] == edited


def test_our_own_change_is_not_read_again(synced, monkeypatch):
    synced.put("ada.vcf", "changed")
    read = []
    monkeypatch.setattr(files, "read", lambda path, _: read.append(path) or (b"", None))
    synced.store.book("alice", "friends")
    assert [path for path in read if path.endswith("ada.vcf")] == []


def test_files_that_come_go_and_move_are_seen(synced):
    (synced.folder / "cyd.vcf").write_bytes(card("cyd"))
    (synced.folder / "ada.vcf").unlink()
    (synced.folder / "bob.vcf").rename(synced.folder / "bobby.vcf")
    assert synced.sync() == ({"cyd.vcf", "bobby.vcf"}, {"ada.vcf", "bob.vcf"})


def test_a_file_touched_and_not_changed_is_no_change(synced):
    os.utime(synced.folder / "ada.vcf")
    assert synced.sync() == (set(), set())


@pytest.mark.parametrize("junk", ["x.tmp", "ada.vcf~", ".x.vcf", "README", "4913", "#ada.vcf#"])
def test_what_is_no_card_file_is_no_member(synced, junk):
    (synced.folder / junk).write_bytes(card("x"))
    assert synced.sync() == (set(), set())


def test_a_folder_made_by_hand_is_a_book(synced):
    folder = synced.storage / "bob" / "work"
    folder.mkdir(parents=True)
    (folder / "x.vcf").write_bytes(card("x"))
    (book,) = synced.store.books("bob")
    assert [entry.name for entry in synced.store.entries(book)] == ["x.vcf"]


BROKEN = {
    "empty": b"",
    "half": card("ada.vcf")[:-9],
    "two": card("ada.vcf") + card("other"),
    "binary": b"\xff\xfe\0\0",
    "stolen uid": card("bob.vcf", "thief"),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_neither_a_deletion_nor_a_change(synced, data):
    (synced.folder / "ada.vcf").write_bytes(data)
    changes = synced.store.changes(synced.book, synced.token)
    assert (changes.changed, changes.removed) == ((), ())
    assert {entry.name for entry in synced.store.entries(synced.book)} == {"ada.vcf", "bob.vcf"}
    (synced.folder / "ada.vcf").write_bytes(card("ada.vcf", "mended"))
    assert synced.sync() == ({"ada.vcf"}, set())


def make_fifo(path):
    os.mkfifo(path)


def make_link(path):
    path.symlink_to("/etc/hostname")


def make_folder(path):
    path.mkdir()


@pytest.mark.parametrize("make", [make_fifo, make_link, make_folder])
def test_what_is_no_regular_file_is_left_alone(synced, make):
    make(synced.folder / "odd.vcf")
    assert synced.sync() == (set(), set())
    with pytest.raises(Conflict):
        synced.put("odd.vcf")
    (synced.folder / "ada.vcf").unlink()
    make(synced.folder / "ada.vcf")
    assert "ada.vcf" in {entry.name for entry in synced.store.entries(synced.book)}


def test_of_two_files_with_one_uid_the_first_is_served(synced):
    shutil.copy(synced.folder / "ada.vcf", synced.folder / "copy.vcf")
    assert synced.sync() == (set(), set())
    (synced.folder / "ada.vcf").unlink()
    assert synced.sync() == ({"copy.vcf"}, {"ada.vcf"})


# Two servers


def test_two_servers_see_each_others_changes_as_one_history(synced):
    other = Server(synced.storage)
    other.token, other.cards = synced.token, dict(synced.cards)
    synced.put("ada.vcf", "one")
    other.put("bob.vcf", "two")
    synced.put("cyd.vcf")
    told = {"ada.vcf", "bob.vcf", "cyd.vcf"}, set()
    assert synced.sync() == told
    assert other.sync() == told
    assert synced.token == other.token
    assert synced.book.token == other.book.token == synced.token


def test_a_card_that_one_server_put_and_somebody_removed_has_gone_for_the_other(synced):
    other = Server(synced.storage)
    other.contents()
    synced.put("dan.vcf")
    synced.sync()
    (synced.folder / "dan.vcf").rename(synced.folder / "eve.vcf")
    other.token, other.cards = synced.token, dict(synced.cards)
    assert other.sync() == ({"eve.vcf"}, {"dan.vcf"})
    assert synced.sync() == ({"eve.vcf"}, {"dan.vcf"})


@pytest.fixture(params=["inotify", "stat"])
def beside(synced, request):
    """Another server of the book, which knows it, and whose client has what the other's has."""
    time.sleep(0.05)  # the times of the files prove something now: none is looked at once more
    beside = Server(synced.storage, watch=request.param)
    beside.token, beside.cards = synced.token, dict(synced.cards)
    beside.sync()
    assert beside.token == synced.token
    return beside


@pytest.mark.parametrize("by", ["the other server", "another program"])
def test_a_card_that_came_and_went_before_a_server_looked_has_gone_for_who_put_it(
    synced, beside, by
):
    synced.put("dan.vcf")
    beside.cards["dan.vcf"] = card("dan.vcf")  # its client reached the other server to put it
    if by == "the other server":
        synced.delete("dan.vcf")
    else:
        (synced.folder / "dan.vcf").unlink()
    assert beside.sync() == (set(), {"dan.vcf"})
    assert beside.book.token == synced.book.token == beside.token


def test_a_state_that_was_over_before_a_server_looked_is_known_to_it(synced, beside):
    synced.put("dan.vcf")
    synced.sync()
    (synced.folder / "dan.vcf").unlink()
    beside.token, beside.cards = synced.token, dict(synced.cards)
    assert beside.sync() == (set(), {"dan.vcf"})


def test_of_two_servers_creating_one_card_one_wins(server):
    stores = [FilesystemStore(server.storage) for _ in range(4)]
    outcomes = []

    def create(number, store):
        for card_number in range(20):
            name, book = f"{card_number}.vcf", store.book("alice", "friends")
            try:
                store.put(book, name, card(name, str(number)), name, Condition(None, "*"), ME)
                outcomes.append((name, str(number)))
            except PreconditionFailed:
                pass

    threads = [threading.Thread(target=create, args=pair) for pair in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: card(name, winner) for name, winner in outcomes} == server.contents()
    assert len(outcomes) == 20
