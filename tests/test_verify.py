"""What `verify` finds and mends, and what a backup is."""

import os
import subprocess
import threading

import pytest
from disk import Server, card

from pycarddav.dav.errors import Conflict, Unavailable
from pycarddav.store.filesystem import backup, timeline
from pycarddav.store.filesystem.verify import verify

CONFLICT = "ada.sync-conflict-20260101-101010-ABCDEFG.vcf"


@pytest.fixture
def tidied(synced):
    synced.store.tidy()
    return synced


def found(server, repair=False):
    """What verify says: the kind and the last part of the path of each finding."""
    listed = verify(server.store, repair)
    return sorted((finding.kind, os.path.basename(finding.path)) for finding in listed)


def test_a_healthy_storage_has_no_findings(tidied):
    tidied.put("ada.vcf", "two")
    tidied.delete("bob.vcf")
    seen = []
    assert list(verify(tidied.store, progress=lambda *step: seen.append(step))) == []
    assert seen == [(1, 1)]


def empty(server):
    (server.folder / "ada.vcf").write_bytes(b"")
    return "broken", "ada.vcf"


def half(server):
    (server.folder / "ada.vcf").write_bytes(b"BEGIN:VC")
    return "broken", "ada.vcf"


def leftover(server):
    (server.folder / ".tmp-1").write_bytes(b"x")
    os.utime(server.folder / ".tmp-1", (0, 0))
    return "leftover", ".tmp-1"


def half_a_book(server):
    (server.folder.parent / ".new-1").mkdir()
    (server.folder.parent / ".new-1/ada.vcf").write_bytes(b"x")
    os.utime(server.folder.parent / ".new-1", (0, 0))
    return "leftover", ".new-1"


def half_a_copy(server):
    (server.state / "history/.tmp-1").write_bytes(b"x")
    os.utime(server.state / "history/.tmp-1", (0, 0))
    return "leftover", ".tmp-1"


def open_to_all(server):
    server.storage.chmod(0o755)
    return "permissions", "storage"


def index(server):
    server.store.tidy()
    path = server.state / "index"
    path.write_bytes(path.read_bytes()[:-1])
    return "index", "index"


def history(server):
    (server.state / "history" / f"{'0' * 32}.vcf").write_bytes(b"not that")
    return "history", f"{'0' * 32}.vcf"


def texts(server):
    (server.state / "texts-3.0").write_bytes(b"not that")
    return "texts", "texts-3.0"


def derived(server):
    server.store.remember(server.book, "query", b"something")
    path = server.state / "derived-query"
    path.write_bytes(path.read_bytes()[:-1])
    return "derived", "derived-query"


UNFINISHED = [leftover, half_a_book, half_a_copy]
DERIVED = [index, texts, derived]


@pytest.mark.parametrize("do", [empty, half, open_to_all, history, *UNFINISHED, *DERIVED])
def test_what_can_be_made_anew_is_found_and_repaired(tidied, do):
    good = tidied.contents()
    finding = do(tidied)
    tidied.sync()
    assert found(tidied) == [finding]
    assert found(tidied) == [finding]
    assert [finding.repaired for finding in verify(tidied.store, repair=True)] == [True]
    assert found(tidied) == []
    assert tidied.contents() == good
    assert tidied.sync() == (set(), set())
    tidied.restart()
    assert (found(tidied), tidied.contents()) == ([], good)


def test_a_journal_that_somebody_edits_is_begun_anew_and_kept(tidied):
    good = tidied.contents()
    path = tidied.state / "journal"
    path.write_bytes(path.read_bytes().replace(b"ada.vcf", b"eve.vcf"))
    assert tidied.sync() == (set(), set())
    findings = found(tidied)
    (kept,) = tidied.state.glob("journal.damaged-*")
    assert (findings, tidied.contents()) == ([("aside", kept.name)], good)
    assert b"eve.vcf" in kept.read_bytes()


def conflict(server):
    (server.folder / CONFLICT).write_bytes(card("x"))
    return "conflict", CONFLICT


def stranger(server):
    (server.folder / "notes.txt").write_bytes(b"x")
    return "stranger", "notes.txt"


def link(server):
    (server.folder / "ln.txt").symlink_to("/etc/passwd")
    return "link", "ln.txt"


def half_of_a_new_card(server):
    (server.folder / "new.vcf").write_bytes(b"BEGIN:VCARD")
    return "broken", "new.vcf"


def twin(server):
    (server.folder / "twin.vcf").write_bytes(card("bob.vcf", "twin"))
    return "broken", "twin.vcf"


def card_in_a_home(server):
    (server.storage / "alice" / "lost.vcf").write_bytes(card("x"))
    return "stranger", "lost.vcf"


def properties(server):
    (server.folder / ".properties.json").write_bytes(b"{")
    return "properties", ".properties.json"


def vanished(server):
    server.folder.rename(server.storage.parent / "elsewhere")
    return "unavailable", "friends"


@pytest.mark.parametrize(
    "do",
    [conflict, stranger, link, half_of_a_new_card, twin, card_in_a_home, properties, vanished],
)
def test_what_only_its_owner_can_judge_is_reported_and_left_alone(tidied, do):
    expected = do(tidied)
    before = {path: path.read_bytes() for path in tidied.storage.rglob("*.vcf")}
    assert found(tidied, repair=True) == [expected]
    assert {path: path.read_bytes() for path in tidied.storage.rglob("*.vcf")} == before
    (finding,) = verify(tidied.store)
    assert finding.message
    assert finding.advice


def test_a_broken_file_stays_when_there_is_no_good_version(synced):
    (synced.folder / "ada.vcf").write_bytes(b"all there is")
    assert found(synced, repair=True) == [("broken", "ada.vcf")]
    assert (synced.folder / "ada.vcf").read_bytes() == b"all there is"


def test_what_a_repair_replaces_is_kept(tidied):
    (tidied.folder / "ada.vcf").write_bytes(b"perhaps precious")
    assert found(tidied, repair=True) == [("broken", "ada.vcf")]
    (kept,) = (tidied.state / "history").glob("broken-*")
    assert kept.read_bytes() == b"perhaps precious"


# Backups


def test_a_backup_is_a_storage_in_the_same_state(tidied, tmp_path):
    tidied.put("ada.vcf", "two")
    tidied.sync()
    (tidied.storage / ".htpasswd").write_text("alice:x")
    (tidied.folder / "notes.txt").write_text("x")
    seen = []
    copied = backup.backup(tidied.store, str(tmp_path / "backup"), lambda *step: seen.append(step))
    size = sum(len(data) for data in tidied.cards.values())
    assert copied == backup.Copied(books=1, cards=2, octets=size)
    assert seen == [(1, 2), (2, 2)]
    other = Server(tmp_path / "backup")
    other.token, other.cards = tidied.token, dict(tidied.cards)
    assert other.sync() == (set(), set())
    assert other.book.displayname == tidied.book.displayname
    assert (tmp_path / "backup" / ".htpasswd").read_text() == "alice:x"
    assert (other.folder / "notes.txt").read_text() == "x"
    kept = other.store.opened(other.book)
    versions = timeline.versions(kept, "ada.vcf")
    texts = [card("ada.vcf"), card("ada.vcf", "two")]
    assert [timeline.data(kept, version) for version in versions] == texts


def test_an_edit_in_place_does_not_reach_into_a_backup(tidied, tmp_path):
    backup.backup(tidied.store, str(tmp_path / "backup"))
    (tidied.folder / "ada.vcf").write_bytes(card("ada.vcf", "edited"))
    cards = {name: card(name) for name in ("ada.vcf", "bob.vcf")}
    assert Server(tmp_path / "backup").contents() == cards


def test_a_backup_overwrites_nothing(tidied, tmp_path):
    (tmp_path / "backup").mkdir()
    with pytest.raises(Conflict):
        backup.backup(tidied.store, str(tmp_path / "backup"))


def test_there_is_no_backup_of_half_a_storage(tidied, tmp_path):
    tidied.folder.rename(tmp_path / "elsewhere")
    with pytest.raises(Unavailable):
        backup.backup(tidied.store, str(tmp_path / "backup"))
    assert not (tmp_path / "backup").exists()


def test_a_backup_of_a_book_that_is_being_written_is_one_of_its_states(server, tmp_path):
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            number += 1
            server.put("first.vcf", str(number))
            server.put("second.vcf", str(number))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            backup.backup(server.store, str(tmp_path / str(number)))
    finally:
        stop.set()
        writer.join()
    for number in range(5):
        copy = Server(tmp_path / str(number))
        texts = [data.split(b"FN:")[1].split(b"\r")[0] for data in copy.contents().values()]
        assert len(texts) < 2 or int(texts[0]) - int(texts[1]) in (0, 1)
        assert server.store.changes(server.book, copy.book.token)


@pytest.mark.parametrize("command", ["cp -a", "cp -r", "rsync -a"])
def test_a_plain_copy_is_a_backup_too(tidied, tmp_path, command):
    target = tmp_path / "copy"
    source = f"{tidied.storage}/" if command.startswith("rsync") else tidied.storage
    try:
        subprocess.run([*command.split(), source, target], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip(f"there is no {command.split()[0]}")
    other = Server(target)
    other.token, other.cards = tidied.token, dict(tidied.cards)
    assert other.sync() == (set(), set())
    assert found(other) in ([], [("permissions", "copy")])
