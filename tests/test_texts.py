"""Kept texts: what is on disk of them is right, or nothing is."""

import logging
import os
from dataclasses import fields
from functools import partial
from itertools import product
from pathlib import Path

import pytest
from conftest import BOOK, PREFIXED, Client, anyone
from disk import ME, Server, card
from hypothesis import given
from hypothesis import strategies as st

from pycarddav.dav import xml
from pycarddav.dav.names import CARDDAV, DAV
from pycarddav.model import AddressBook, encode
from pycarddav.protocol.app import App
from pycarddav.protocol.cache import Cache, Caches
from pycarddav.store import etag
from pycarddav.store.filesystem import texts as kept
from pycarddav.store.filesystem.texts import Texts
from pycarddav.vcard.address_data import AddressData

TEXTS = {etag(text): text for text in (b"Ada", b"Grace", b"", b"x" * kept.LARGEST)}
KEPT = {tag: text for tag, text in TEXTS.items() if text}
BOB = {etag(b"Bob"): b"Bob"}

pytestmark = pytest.mark.usefixtures("caches_are_on")


def opened(folder, title="1"):
    """As another process would."""
    return Texts(str(folder), "3.0", title)


def add(texts, new, current=()):
    texts.add(new, lambda: current)


@pytest.fixture
def texts(tmp_path):
    found = opened(tmp_path)
    add(found, TEXTS)
    return found


def test_what_was_added_is_found_again(texts, tmp_path):
    for found in (texts, opened(tmp_path)):
        assert found.get([*TEXTS, etag(b"Eve")]) == KEPT
        assert found.problem() is None


def test_what_another_process_adds_is_found(texts, tmp_path):
    add(opened(tmp_path), BOB)
    assert texts.get(BOB) == BOB


def test_what_is_too_large_is_not_kept(tmp_path):
    large = b"x" * (kept.LARGEST + 1)
    found = opened(tmp_path)
    add(found, {etag(large): large})
    assert not os.listdir(tmp_path)
    assert found.get([etag(large)]) == {}


@pytest.mark.parametrize("title", ["2", ""])
def test_texts_of_another_version_are_dropped(texts, tmp_path, title):
    other = opened(tmp_path, title)
    assert other.get(TEXTS) == {}
    assert not os.listdir(tmp_path)
    add(other, BOB)
    assert texts.get(BOB) == {}


@given(st.data())
def test_a_damaged_file_is_dropped_and_never_believed(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("texts")
    add(opened(folder), TEXTS)
    path = folder / "texts-3.0"
    octets = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(octets) - 1) | st.integers(0, 250))
    octets[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(octets[: data.draw(st.just(len(octets)) | st.integers(at, len(octets)))])
    found = opened(folder)
    assert found.get(TEXTS).items() <= KEPT.items()
    add(found, TEXTS)
    found.get(TEXTS)  # if it was only cut off, what was added may have to be dropped once
    add(found, TEXTS)
    assert found.get(TEXTS) == opened(folder).get(TEXTS)


def test_a_damaged_file_is_told_of_once(texts, caplog):
    with open(texts.path, "r+b") as file:
        file.seek(100)
        file.write(b"!!!")
    with caplog.at_level(logging.WARNING):
        assert [texts.get([*TEXTS][1:]), texts.get(TEXTS)] == [{}, {}]
    assert [record.getMessage() for record in caplog.records] == [
        f"{texts.path} is dropped: it is damaged"
    ]


def test_a_file_that_somebody_removes_or_replaces_is_no_trouble(texts, tmp_path, caplog):
    os.unlink(texts.path)
    assert texts.get(TEXTS) == {}
    add(texts, TEXTS)
    assert texts.get(TEXTS) == KEPT
    os.unlink(texts.path)
    add(opened(tmp_path), BOB)
    assert texts.get([*TEXTS, *BOB]) == BOB
    assert not caplog.records


def test_what_cannot_be_kept_is_no_trouble(tmp_path):
    os.mkfifo(tmp_path / "texts-3.0")
    found = opened(tmp_path)
    assert found.get(TEXTS) == {}
    os.mkdir(found.path)
    add(found, TEXTS)
    assert found.get(TEXTS) == {}


def test_texts_of_what_is_gone_are_left_out_when_they_are_more_than_half(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "_SMALL", 1000)
    found = opened(tmp_path)
    for number in range(100):
        text = b"%d" % number * 100
        add(found, {etag(text): text}, [etag(text), *BOB])
        add(found, BOB if number == 1 else {})
        assert os.stat(found.path).st_size < 2000
        assert found.get([etag(text)]) == {etag(text): text}
    assert found.get(BOB) == BOB


def test_what_is_all_in_use_is_kept_however_much(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "_SMALL", 1000)
    found = opened(tmp_path)
    texts = {etag(text): text for text in (b"%d" % number * 100 for number in range(100))}
    for tag, text in texts.items():
        add(found, {tag: text}, texts)
    assert found.get(texts) == texts


@pytest.fixture
def server(tmp_path):
    found = Server(tmp_path / "storage")
    found.store.save_book(AddressBook("alice", "friends"))
    return found


def test_what_is_new_is_made_ready_for_whoever_asks(server):
    server.put("ada.vcf")
    (server.folder / "bob.vcf").write_bytes(card("bob"))
    (server.folder / "eve.vcf").write_bytes(card("eve").replace(b"4.0", b"2.1"))
    server.names()
    server.store.keep_up()
    entries = {entry.name: entry.etag for entry in server.store.entries(server.book)}
    cards = server.contents()
    server.restart()
    assert server.store.texts(server.book, "3.0", entries.values()) == {
        entries[name]: AddressData().ready(data) for name, data in cards.items()
    }


def test_what_nobody_has_made_ready_is_made_ready_after_a_start(server):
    """As after an update, or where the file was deleted; a card that comes meanwhile as well."""
    for number in range(120):
        server.put(f"{number}.vcf")
    server.restart()
    server.names()
    server.store.keep_up()
    server.put("new.vcf")
    server.store.keep_up()
    etags = {entry.etag for entry in server.store.entries(server.book)}
    assert server.store.texts(server.book, "3.0", etags).keys() == etags


def test_they_go_with_the_book(server):
    server.put("ada.vcf")
    server.store.keep_up()
    (entry,) = server.store.entries(server.book)
    server.store.move_book(server.book, "alice", "foes", False, ME)
    foes = server.store.book("alice", "foes")
    assert list(server.store.texts(foes, "3.0", [entry.etag])) == [entry.etag]


def test_whatever_is_in_a_card_is_answered_alike_when_it_is_kept(server):
    for path in (Path(__file__).parent / "cards").glob("*.vcf"):
        data = path.read_bytes().replace(b"UID:", f"UID:{path.stem}-".encode())
        (server.folder / path.name).write_bytes(data)
    hrefs = [f"/alice/friends/{encode(name)}" for name in server.names()]
    listed = "".join(map(partial(xml.E, DAV.href), hrefs))
    answers = []
    for version, budget in product(("3.0", "4.0"), (0, 10_000)):
        wanted = xml.E(CARDDAV.address_data, content_type="text/vcard", version=version)
        body = f"<C:addressbook-multiget {PREFIXED}><D:prop>{wanted}</D:prop>{listed}"
        caches = Caches(*(Cache(budget) for _ in fields(Caches)))
        client = Client(App(server.store, anyone, caches=caches))
        answers.append({client("REPORT", BOOK, body + "</C:addressbook-multiget>").body})
        answers[-1].add(client("REPORT", BOOK, body + "</C:addressbook-multiget>").body)
        server.store.keep_up()
        answers[-1].add(client("REPORT", BOOK, body + "</C:addressbook-multiget>").body)
    assert list(map(len, answers)) == [1] * 4
    assert (answers[0], answers[2]) == (answers[1], answers[3])
    assert answers[0] != answers[2]
    kept = os.listdir(server.state)
    assert {"texts-3.0", "texts-4.0"} <= {*kept}
