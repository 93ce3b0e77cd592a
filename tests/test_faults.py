"""Disks that are full, read-only, or refuse: the right status, and the old version stays."""

import errno
import itertools
import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import BOOK, PREFIXED, Client, anyone, condition, elements, found, vcard

from pycarddav.dav import xml
from pycarddav.dav.names import CARDDAV, DAV
from pycarddav.model import AddressBook, Home
from pycarddav.protocol.app import App
from pycarddav.store.filesystem import FilesystemStore, libc, timeline

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


def test_an_import_that_fills_the_disk_says_what_is_done_and_goes_on_when_there_is_room(
    disk, cli, typed, tmp_path
):
    typed("correct horse")
    storage = str(disk / "storage")
    assert cli("user", "add", "anna", "--password-stdin", "--storage", storage)[0] == 0
    cards = [vcard(f"u{number}", "x" * PAGE) for number in range(20)]
    (tmp_path / "all.vcf").write_bytes(b"".join(cards))
    words = ["import", str(tmp_path / "all.vcf"), "--to", "anna/contacts", "--storage", storage]
    words += ["--refused", str(tmp_path / "refused.vcf")]
    with open(disk / "ballast", "wb") as ballast:
        free = os.statvfs(disk)
        os.posix_fallocate(ballast.fileno(), 0, (free.f_bavail - 10) * free.f_frsize)
    code, _, err = cli(*words)
    assert code == 1
    assert "No space left on device\nhint: what was done is said above" in err
    assert (tmp_path / "refused.vcf").read_bytes() == b"".join(cards)
    (disk / "ballast").unlink()
    code, _, err = cli(*words)
    assert (code, err.splitlines()[0]) == (0, "20 added")


def test_a_migration_that_fills_the_disk_goes_on_when_there_is_room(disk, cli, tmp_path):
    FilesystemStore(disk / "storage").save_home(Home("anna"))
    (disk / "storage/.htpasswd").write_text("anna:$2b$never\n")
    (old := tmp_path / "old/anna/friends").mkdir(parents=True)
    (old / ".Radicale.props").write_text('{"tag": "VADDRESSBOOK"}')
    for number in range(20):
        (old / f"{number}.vcf").write_bytes(vcard(f"u{number}", "x" * PAGE))
    words = ["migrate", "radicale", str(tmp_path / "old"), "--to", "anna"]
    words += ["--storage", str(disk / "storage")]
    with open(disk / "ballast", "wb") as ballast:
        free = os.statvfs(disk)
        os.posix_fallocate(ballast.fileno(), 0, (free.f_bavail - 20) * free.f_frsize)
    code, _, err = cli(*words)
    assert code == 1
    assert "anna/friends: 20 left" in err
    assert "No space left on device\nhint: what was done stays; the same command goes on" in err
    (disk / "ballast").unlink()
    code, _, err = cli(*words)
    assert (code, err.splitlines()[0].partition("  ")[0]) == (0, "anna/friends: 20 added")


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
    read_only(disk)
    for method in "PUT", "DELETE", "MOVE":
        body = NEW if method == "PUT" else b""
        refused = client(method, BOOK + "ada.vcf", body, destination=BOOK + "eve.vcf")
        assert (refused.status, "Retry-After" in refused.headers) == (503, True)
    assert content(client) == OLD
    assert client.sync(token)[0] == {}
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    assert client.put("ada.vcf", NEW).status == 204


def read_only(disk):
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)


@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
def test_a_server_that_starts_on_a_read_only_disk_can_read(disk, known, caplog):
    storage = disk / "storage"
    _, token = started(storage).sync()
    if not known:
        shutil.rmtree(storage / ".pycarddav/alice")
    read_only(disk)
    client = Client(App(FilesystemStore(storage), anyone))
    assert content(client) == OLD
    assert list(client.sync("")[0]) == [BOOK + "ada.vcf"]
    assert not known or client.sync(token) == ({}, token)
    for method, path in [
        ("PUT", BOOK + "ada.vcf"),
        ("PUT", BOOK + "eve.vcf"),
        ("DELETE", BOOK + "ada.vcf"),
        ("MOVE", BOOK + "ada.vcf"),
        ("COPY", BOOK + "ada.vcf"),
        ("DELETE", BOOK),
        ("MKCOL", "/alice/new/"),
    ]:
        body = NEW if method == "PUT" else b""
        refused = client(method, path, body, destination=BOOK + "eve.vcf")
        assert (method, refused.status) == (method, 503)
    assert client.set(BOOK, xml.E(DAV.displayname, "New")).status in (207, 503)
    for _ in range(3):
        client.app.store.keep_up()
    assert caplog.text.count("not copied") <= 1
    assert caplog.text.count("there is no journal") <= 1
    assert content(client) == OLD


def test_a_book_that_is_a_file_system_of_its_own_is_a_book_like_any_other(disk, tmp_path):
    store = FilesystemStore(tmp_path / "storage")
    (tmp_path / "storage/alice").mkdir()
    (disk / "friends").mkdir()
    store.save_book(AddressBook("alice", "work"))
    mounted = tmp_path / "storage/alice/friends"
    mounted.mkdir()
    subprocess.run(["mount", "--bind", disk / "friends", mounted], check=True)
    try:
        client = Client(App(store, anyone))
        work = BOOK.replace("friends", "work")
        assert client.put("ada.vcf", OLD).status == 201
        assert client.put("ada.vcf", NEW).status == 204
        modified = (mounted / "ada.vcf").stat().st_mtime_ns
        assert client("MOVE", BOOK + "ada.vcf", destination=work + "ada.vcf").status == 201
        assert (tmp_path / "storage/alice/work/ada.vcf").stat().st_mtime_ns == modified
        assert client("MOVE", work + "ada.vcf", destination=BOOK + "ada.vcf").status == 201
        assert content(client) == NEW
        _, token = client.sync()
        assert client("DELETE", BOOK + "ada.vcf").status == 204
        assert client.sync(token)[0] == {BOOK + "ada.vcf": 404}
        friends = store.opened(store.book("alice", "friends"))
        assert {
            len(data) for it in timeline.versions(friends) if (data := timeline.data(friends, it))
        }
    finally:
        subprocess.run(["umount", "--lazy", mounted], check=True)


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


# A disk that fails at any moment

CHANGING = ("open", "mkdir", "write", "fsync", "link", "rename", "unlink", "ftruncate", "truncate")
READING = ("open", "read", "fstat", "stat", "lstat", "scandir", "listdir")


_open = os.open


class Disk:
    """Fails once: at the call of the operating system that has this number."""

    def __init__(self, monkeypatch, calls, error):
        self._error, self._left = error, -1
        self.failed = False
        for name in calls:
            monkeypatch.setattr(os, name, self._around(getattr(os, name)))
        monkeypatch.setattr(libc, "_call", self._around(libc._call))

    def _around(self, call):
        def called(*args, **kwargs):
            if self._error == errno.EDQUOT and call is _open and not args[1] & os.O_CREAT:
                return call(*args, **kwargs)  # there is always room for reading
            self._left -= 1
            if self._left == -1:
                self.failed = True
                raise OSError(self._error, os.strerror(self._error))
            return call(*args, **kwargs)

        return called

    @contextmanager
    def failing(self, number):
        self._left, self.failed = number, False
        yield
        self._left = -1


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A storage with two cards, and the token of a client that has them."""
    storage = tmp_path_factory.mktemp("two")
    client = started(storage)
    client.put("bob.vcf", BOB)
    return storage, client.sync()[1]


BOB, EVE = vcard("bob", "Bob"), vcard("eve", "Eve")
BEFORE = {"ada.vcf": OLD, "bob.vcf": BOB}
CHANGES = {
    "PUT": ("ada.vcf", NEW, {"ada.vcf": NEW, "bob.vcf": BOB}),
    "PUT of a new card": ("eve.vcf", EVE, {**BEFORE, "eve.vcf": EVE}),
    "DELETE": ("ada.vcf", b"", {"bob.vcf": BOB}),
    "MOVE": ("ada.vcf", b"", {"bob.vcf": BOB, "eve.vcf": OLD}),
}


@pytest.mark.parametrize(("error", "status"), [(errno.EIO, 503), (errno.EDQUOT, 507)])
@pytest.mark.parametrize("change", CHANGES)
def test_wherever_a_change_fails_the_answer_says_so_and_nothing_is_lost(
    quick_path, monkeypatch, two, change, error, status
):
    original, token = two
    name, body, after = CHANGES[change]
    disk = Disk(monkeypatch, CHANGING, error)
    for number in itertools.count():
        storage = shutil.copytree(original, quick_path / str(number))
        client = Client(App(FilesystemStore(storage), anyone))
        client.sync()
        with disk.failing(number):
            answer = client(change.split()[0], BOOK + name, body, destination=BOOK + "eve.vcf")
        if not disk.failed:
            break
        assert answer.status in (201, 204, status)
        if answer.status == 507:
            assert condition(answer) == DAV.sufficient_disk_space
        for seen in client, Client(App(FilesystemStore(storage), anyone)):
            now = contents(seen)
            assert now in ([after] if answer.status != status else [BEFORE, after])
            changed, _ = seen.sync(token)
            assert {path.removeprefix(BOOK) for path in changed} == {
                name for name, _ in BEFORE.items() ^ now.items()
            }
    assert number > 8


def state(client):
    """Everything in Alice's books."""
    store = client.app.store
    books = {book.name: {} for book in store.books("alice")}
    for name, cards in books.items():
        cards |= {card.name: card.data for card in store.cards(store.book("alice", name))}
    return books


BOOKS = {"friends": BEFORE, "work": {"eve.vcf": EVE}}
OF_BOOKS = {
    "DELETE": ("", {"work": BOOKS["work"]}),
    "MOVE": ("new", {"new": BEFORE, "work": BOOKS["work"]}),
    "MOVE over another": ("work", {"work": BEFORE}),
    "COPY": ("new", {**BOOKS, "new": BEFORE}),
    "COPY over another": ("work", {"friends": BEFORE, "work": BEFORE}),
}


@pytest.mark.parametrize("change", OF_BOOKS)
def test_wherever_a_change_of_a_book_fails_it_has_happened_or_not(
    quick_path, monkeypatch, two, change
):
    original = shutil.copytree(two[0], quick_path / "original")
    there = Client(App(FilesystemStore(original), anyone))
    there.app.store.save_book(AddressBook("alice", "work"))
    there("PUT", "/alice/work/eve.vcf", EVE)
    disk = Disk(monkeypatch, CHANGING, errno.EIO)
    destination, after = OF_BOOKS[change]
    for number in itertools.count():
        storage = shutil.copytree(original, quick_path / str(number))
        client = Client(App(FilesystemStore(storage), anyone))
        assert state(client) == BOOKS
        with disk.failing(number):
            answer = client(change.split()[0], BOOK, destination=f"/alice/{destination}/")
        for seen in client, Client(App(FilesystemStore(storage), anyone)):
            assert state(seen) in ([after] if answer.status != 503 else [BOOKS, after])
        if not disk.failed:
            break
        assert answer.status in (201, 204, 503)
    assert (number > 10, state(client)) == (True, after)


def contents(client):
    listed = client.propfind(BOOK, DAV.getetag, depth="1").keys() - {BOOK}
    return {path.removeprefix(BOOK): client("GET", path).body for path in listed}


ASKED = f"<D:prop>{elements([DAV.getetag, CARDDAV.address_data])}</D:prop>"
HREFS = "".join(f"<D:href>{BOOK}{name}</D:href>" for name in BEFORE)
SINCE = "<D:sync-token/><D:sync-level>1</D:sync-level>"
READS = {
    "GET": ("GET", BOOK + "ada.vcf", ""),
    "PROPFIND": ("PROPFIND", BOOK, f"<D:propfind {PREFIXED}>{ASKED}</D:propfind>"),
    "sync": ("REPORT", BOOK, f"<D:sync-collection {PREFIXED}>{SINCE}{ASKED}</D:sync-collection>"),
    "multiget": (
        "REPORT",
        BOOK,
        f"<C:addressbook-multiget {PREFIXED}>{ASKED}{HREFS}</C:addressbook-multiget>",
    ),
    "query": ("REPORT", BOOK, f"<C:addressbook-query {PREFIXED}>{ASKED}</C:addressbook-query>"),
}


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("read", READS)
def test_wherever_a_read_fails_nothing_seems_to_be_gone(monkeypatch, two, read, restarted):
    storage, token = two
    disk = Disk(monkeypatch, READING, errno.EIO)
    for number in itertools.count():
        client = Client(
            App(FilesystemStore(storage, "stat"), anyone)
        )  # as where inotify is used up
        if not restarted:
            client("PROPFIND", BOOK)
        with disk.failing(number):
            answer = client(*READS[read], depth="1")
        good = client(*READS[read], depth="1")
        assert client.sync(token)[0].keys() <= {BOOK + name for name in BEFORE}
        if not disk.failed:
            break
        print(answer)
        if answer.status == 207:
            said, whole = found(answer), found(good)
            assert said.keys() == whole.keys()
            assert all(said[href] in (whole[href], 503) for href in said)
        elif answer.status != 503:
            assert answer == good
    assert number > 3
