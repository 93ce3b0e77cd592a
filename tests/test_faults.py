"""Disks that are full, read-only, or refuse: the right status, and the old version stays."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import BOOK, Client, anyone, condition, vcard

from pycarddav.dav.names import DAV
from pycarddav.model import AddressBook, Home
from pycarddav.protocol.app import App
from pycarddav.store.filesystem import FilesystemStore

PAGE = os.sysconf("SC_PAGE_SIZE")
OLD, NEW = vcard("ada", "Old"), vcard("ada", "New", "NOTE:" + "x" * PAGE)  # NEW: two pages
SIZE = 256 * 1024


def started(storage):
    """A book with a card, and a client of it who has synced."""
    store = FilesystemStore(storage)
    store.save_home(Home("alice"))
    store.save_book(AddressBook("alice", "friends"))
    client = Client(App(store, anyone))
    assert client.put("ada.vcf", OLD).status == 201
    return client


def content(client, name="ada.vcf"):
    return client("GET", BOOK + name).body


@pytest.fixture(autouse=True)
def _no_traceback(caplog):
    yield
    assert [record for record in caplog.records if record.exc_info] == []


# A file system of its own


@pytest.fixture
def disk(tmp_path):
    """A small file system in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "none", folder]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount, and not in every container")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def full(disk):
    """A book on a disk where room is made and taken: (client, how to leave pages free)."""

    def leave(pages):
        with open(disk / "ballast", "wb") as ballast:
            ballast.truncate(0)
            free = os.statvfs(disk)
            os.posix_fallocate(ballast.fileno(), 0, (free.f_bavail - pages) * free.f_frsize)

    return started(disk / "storage"), leave


def test_a_full_disk_is_507_and_what_was_there_is_served_until_there_is_room(full):
    client, leave = full
    leave(0)
    for name, data in {"ada.vcf": NEW, "eve.vcf": vcard("eve", "Eve")}.items():
        refused = client.put(name, data)
        assert (refused.status, condition(refused)) == (507, DAV.sufficient_disk_space)
    assert content(client) == OLD
    assert list(client.sync()[0]) == [BOOK + "ada.vcf"]
    leave(10)
    assert client.put("ada.vcf", NEW).status == 204
    assert content(client) == NEW


@pytest.mark.parametrize(
    ("change", "pages"),
    [*(("PUT", pages) for pages in range(5)), ("MOVE", 0), ("MOVE", 1), ("DELETE", 0)],
)
def test_wherever_the_disk_gets_full_the_answer_is_what_happened(full, change, pages):
    client, leave = full
    _, token = client.sync()
    leave(pages)
    before = {"ada.vcf": OLD}
    done = {"PUT": {"ada.vcf": NEW}, "MOVE": {"eve.vcf": OLD}, "DELETE": {}}[change]
    body = NEW if change == "PUT" else b""
    status = client(change, BOOK + "ada.vcf", body, destination=BOOK + "eve.vcf").status
    assert status in (201, 204, 507)
    leave(10)
    now = done if status < 300 else before
    for seen in client, Client(App(FilesystemStore(client.app.store.root.path), anyone)):
        listed = seen.propfind(BOOK, DAV.getetag, depth="1")
        assert listed.keys() == {BOOK} | {BOOK + name for name in now}
        assert {name: content(seen, name) for name in now} == now
        changed, _ = seen.sync(token)
        assert set(changed) == {BOOK + name for name, _ in before.items() ^ now.items()}


def test_a_disk_that_became_read_only_is_503_and_goes_on_being_read(disk):
    client = started(disk / "storage")
    _, token = client.sync()
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    for method in "PUT", "DELETE", "MOVE":
        body = NEW if method == "PUT" else b""
        refused = client(method, BOOK + "ada.vcf", body, destination=BOOK + "eve.vcf")
        assert (refused.status, "Retry-After" in refused.headers) == (503, True)
    assert content(client) == OLD
    assert client.sync(token)[0] == {}
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    assert client.put("ada.vcf", NEW).status == 204


# A process that is not allowed


def asked(storage, *words, largest=2**40):
    """What a process came to that may no more than anyone else: (status, body) for each request."""
    anyone_else = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"]
    if os.geteuid():
        anyone_else = []
    elif not shutil.which("setpriv"):
        pytest.skip("root may do everything, and there is no setpriv")
    command = [*anyone_else, sys.executable, Path(__file__).with_name("asked.py")]
    done = subprocess.run(
        [*command, storage, str(largest), *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "Traceback" not in done.stderr
    return [(status, body) for status, body in json.loads(done.stdout)]


def test_a_file_that_may_not_become_so_large_is_507(tmp_path):
    started(tmp_path)
    answers = asked(tmp_path, "PUT", "ada.vcf", "GET", "ada.vcf", "PUT", "eve.vcf", largest=50)
    assert [status for status, _ in answers] == [507, 200, 507]
    assert "sufficient-disk-space" in answers[0][1]
    assert answers[1][1].encode() == OLD
    left = {path.name for path in (tmp_path / "alice/friends").iterdir()}
    assert left == {".properties.json", "ada.vcf"}


@pytest.mark.parametrize("room", [0, 50])
def test_a_journal_that_cannot_grow_makes_no_answer_untrue(tmp_path, room):
    client = started(tmp_path)
    for number in range(10):  # it is larger than a card then
        client.put("bob.vcf", vcard("bob", str(number)))
    _, token = client.sync()
    journal = tmp_path / ".pycarddav/alice/friends/journal"
    words = "PUT", "ada.vcf", "PUT", "eve.vcf", "DELETE", "bob.vcf", "GET", "ada.vcf"
    answers = asked(tmp_path, *words, largest=journal.stat().st_size + room)
    put, created, deleted, _ = (status for status, _ in answers)
    seen = Client(App(FilesystemStore(tmp_path), anyone))
    now = {
        BOOK + "ada.vcf": put == 204,
        BOOK + "eve.vcf": created == 201,
        BOOK + "bob.vcf": deleted == 204,
    }
    assert {put, created, deleted} <= {201, 204, 507}
    assert set(seen.sync(token)[0]) == {path for path, changed in now.items() if changed}
    assert content(seen) == (vcard("ada", "New") if put == 204 else OLD)


@pytest.mark.parametrize(
    ("folder", "created"), [("alice/friends", 503), (".pycarddav/alice/friends", 201)]
)
def test_a_folder_that_may_only_be_read_is_503_and_goes_on_being_read(tmp_path, folder, created):
    started(tmp_path)
    (tmp_path / folder).chmod(0o500)  # nothing comes into the history
    words = "PUT", "ada.vcf", "DELETE", "ada.vcf", "PUT", "eve.vcf", "GET", "ada.vcf"
    answers = asked(tmp_path, *words)
    assert [status for status, _ in answers] == [503, 503, created, 200]
    assert answers[3][1].encode() == OLD
    (tmp_path / folder).chmod(0o700)
    assert [status for status, _ in asked(tmp_path, "PUT", "ada.vcf")] == [204]


def test_a_folder_that_may_not_be_read_is_503_and_deletes_nothing(tmp_path):
    client = started(tmp_path)
    _, token = client.sync()
    (tmp_path / "alice/friends").chmod(0)
    words = "PUT", "ada.vcf", "PUT", "eve.vcf", "DELETE", "ada.vcf", "GET", "ada.vcf"
    assert {status for status, _ in asked(tmp_path, *words)} == {503}
    (tmp_path / "alice/friends").chmod(0o700)
    seen = Client(App(FilesystemStore(tmp_path), anyone))
    assert seen.sync(token)[0] == {}
    assert content(seen) == OLD
