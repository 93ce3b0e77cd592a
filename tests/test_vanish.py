"""What is missing is not deleted: folders, homes and disks that have gone."""

import os
import shutil
import subprocess

import pytest
from disk import ME, Server, card

from pycarddav.dav.errors import Unavailable
from pycarddav.dav.headers import ANYTHING
from pycarddav.model import AddressBook, Home
from pycarddav.store.filesystem import FilesystemStore


def assert_on_hold(server):
    """The book is where it was, in its last state, and everything else has to wait."""
    store, token = server.store, server.token
    (listed,) = store.books("alice")
    assert (listed.name, listed.token) == ("friends", token)
    book = server.book
    assert book.token == token
    for attempt in (
        lambda: list(store.entries(book)),
        lambda: list(store.cards(book)),
        lambda: store.changes(book, token),
        lambda: store.changes(book, None),
        lambda: store.put(book, "new.vcf", card("new"), "new", ANYTHING, ME),
    ):
        with pytest.raises(Unavailable):
            attempt()


@pytest.fixture(params=["running", "restarted"])
def after(request, synced):
    """What happens to the server after something has happened to its disk."""
    return synced.restart if request.param == "restarted" else lambda: None


def test_a_book_whose_folder_has_vanished_is_on_hold(synced, after, tmp_path):
    synced.folder.rename(tmp_path / "elsewhere")
    after()
    assert_on_hold(synced)
    (tmp_path / "elsewhere").rename(synced.folder)
    assert synced.sync() == (set(), set())


def test_a_book_whose_folder_is_empty_and_another_is_on_hold(synced, after, tmp_path):
    synced.folder.rename(tmp_path / "elsewhere")
    synced.folder.mkdir()
    after()
    assert_on_hold(synced)


def test_a_storage_that_is_replaced_while_it_is_asked_has_its_cards(synced, tmp_path):
    """Whoever asked for the book before, and asks for its cards after, must not find none."""
    book, before = synced.book, set(synced.cards)
    shutil.copytree(synced.storage, tmp_path / "copy")
    for ask in (
        lambda: {it.name for it in synced.store.entries(book)},
        lambda: {it.name for it in synced.store.cards(book)},
        lambda: {*synced.store.changes(book, None).changed},
        lambda: synced.store.put(book, "ada.vcf", card("ada.vcf", "new"), "ada.vcf", ANYTHING, ME),
    ):
        synced.storage.rename(tmp_path / "away")
        shutil.copytree(tmp_path / "copy", synced.storage)
        shutil.rmtree(tmp_path / "away")
        if isinstance(found := ask(), set):
            assert found == before
    assert synced.sync() == ({"ada.vcf"}, set())


def test_the_cards_of_a_folder_can_all_be_deleted(synced, after):
    for path in synced.folder.glob("*.vcf"):
        path.unlink()
    after()
    assert synced.sync() == (set(), {"ada.vcf", "bob.vcf"})


def test_a_folder_that_is_being_filled_again_is_on_hold(synced, after):
    saved = synced.cards
    shutil.rmtree(synced.folder)
    synced.folder.mkdir()
    (synced.folder / "ada.vcf").write_bytes(saved["ada.vcf"])
    after()
    assert_on_hold(synced)
    (synced.folder / "bob.vcf").write_bytes(saved["bob.vcf"])
    assert synced.sync() == (set(), set())


def test_a_book_that_has_vanished_can_be_deleted_for_good(synced, after):
    shutil.rmtree(synced.folder)
    after()
    synced.store.delete_book(synced.book, ME)
    assert synced.store.books("alice") == []
    assert synced.store.book("alice", "friends") is None
    synced.restart()
    assert synced.store.books("alice") == []
    synced.store.save_book(AddressBook("alice", "friends"))
    assert synced.contents() == {}


def test_a_book_without_cards_is_deleted_with_its_folder(synced, after):
    synced.delete("ada.vcf")
    synced.delete("bob.vcf")
    shutil.rmtree(synced.folder)
    after()
    assert synced.store.books("alice") == []
    assert synced.store.book("alice", "friends") is None


def test_a_folder_that_is_renamed_is_the_same_book(synced, after):
    synced.folder.rename(synced.folder.with_name("pals"))
    after()
    assert synced.store.book("alice", "friends") is None
    (book,) = synced.store.books("alice")
    assert (book.name, book.displayname, book.token) == ("pals", "Friends", synced.token)
    assert synced.store.changes(book, synced.token).token == synced.token


def test_a_new_folder_is_not_taken_for_a_renamed_one(synced, after):
    shutil.rmtree(synced.folder)
    synced.folder.with_name("new").mkdir()  # many file systems give it the same inode
    after()
    assert [book.name for book in synced.store.books("alice")] == ["friends", "new"]


def test_a_home_that_has_vanished_is_neither_gone_nor_made_anew(synced, after, tmp_path):
    home = synced.storage / "alice"
    home.rename(tmp_path / "elsewhere")
    after()
    for attempt in (
        lambda: synced.store.home("alice"),
        lambda: synced.store.books("alice"),
        lambda: synced.store.save_home(Home("alice")),
        lambda: synced.store.save_book(AddressBook("alice", "other")),
    ):
        with pytest.raises(Unavailable):
            attempt()
    (tmp_path / "elsewhere").rename(home)
    assert synced.sync() == (set(), set())


@pytest.mark.parametrize("made", [False, True])
def test_a_storage_that_has_vanished_is_not_there_and_nothing_is_made(synced, tmp_path, made):
    synced.storage.rename(tmp_path / "elsewhere")
    if made:
        synced.storage.mkdir()
    book = AddressBook("alice", "friends", synced.token)
    store = synced.store
    for attempt in (
        store.owners,
        lambda: store.home("alice"),
        lambda: store.books("alice"),
        lambda: store.book("alice", "friends"),
        lambda: list(store.entries(book)),
        lambda: list(store.cards(book)),
        lambda: store.put(book, "new.vcf", card("new"), "new", ANYTHING, ME),
        lambda: store.save_home(Home("bob")),
        lambda: store.save_book(AddressBook("bob", "new")),
    ):
        with pytest.raises(Unavailable):
            attempt()
    assert not made or list(synced.storage.iterdir()) == []
    if made:
        synced.storage.rmdir()
    (tmp_path / "elsewhere").rename(synced.storage)
    assert synced.sync() == (set(), set())


def test_a_storage_that_is_put_in_the_place_of_another_is_taken_as_it_is(synced, tmp_path):
    subprocess.run(["cp", "-a", synced.storage, tmp_path / "backup"], check=True)
    synced.put("ada.vcf", "newer")
    synced.contents()
    shutil.rmtree(synced.storage)
    (tmp_path / "backup").rename(synced.storage)
    assert synced.sync() == (set(), set())
    assert synced.contents()["ada.vcf"] == card("ada.vcf")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_a_disk_that_is_not_mounted_is_not_an_empty_book(tmp_path):
    FilesystemStore(tmp_path / "storage").save_home(Home("alice"))
    folder = tmp_path / "storage" / "alice" / "friends"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder]
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("this root does not mount")
    try:
        (folder / "ada.vcf").write_bytes(card("ada"))
        server = Server(tmp_path / "storage")
        server.sync()
    finally:
        subprocess.run(["umount", folder], check=True)
    assert_on_hold(server)
    (folder / "old.vcf").write_bytes(card("old"))  # somebody once wrote below the mount point
    assert_on_hold(server)
    server.restart()
    assert_on_hold(server)


@pytest.mark.parametrize("mount", ["another storage", "nothing"])
def test_another_storage_in_the_place_of_one_is_not_taken_for_it(synced, tmp_path, mount):
    """Such as the one that a server has made below the mount point of a disk that was late."""
    synced.storage.rename(tmp_path / "elsewhere")
    synced.storage.mkdir()
    if mount == "another storage":
        FilesystemStore(synced.storage).save_book(AddressBook("alice", "friends"))
    with pytest.raises(Unavailable):
        synced.store.books("alice")


def test_a_storage_that_is_emptied_under_a_server_is_not_begun_anew(synced):
    for path in synced.storage.iterdir():
        shutil.rmtree(path)
    with pytest.raises(Unavailable):
        synced.store.home("alice")
    with pytest.raises(Unavailable):
        synced.store.save_home(Home("alice"))
    assert list(synced.storage.iterdir()) == []


# At the start


def test_a_folder_that_is_no_storage_is_refused(tmp_path):
    (tmp_path / "letter.txt").write_text("Dear")
    with pytest.raises(Unavailable, match=r"letter\.txt"):
        FilesystemStore(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_folder_of_cards_is_refused_for_it_is_a_book(tmp_path):
    (tmp_path / "alice").mkdir()
    (tmp_path / "alice" / "ada.vcf").write_bytes(card("ada"))
    with pytest.raises(Unavailable, match=r"USER/BOOK"):
        FilesystemStore(tmp_path)


def test_the_folder_of_radicale_is_refused_with_the_right_one_named(tmp_path):
    (tmp_path / "collection-root" / "alice" / "friends").mkdir(parents=True)
    with pytest.raises(Unavailable, match="collection-root"):
        FilesystemStore(tmp_path)
    assert FilesystemStore(tmp_path / "collection-root").owners() == ["alice"]


def test_a_storage_of_another_format_is_refused(tmp_path):
    FilesystemStore(tmp_path)
    (tmp_path / ".pycarddav" / "format").write_text("pycarddav-storage 2\n")
    with pytest.raises(Unavailable, match="storage 2"):
        FilesystemStore(tmp_path)
