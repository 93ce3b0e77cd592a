"""A card whose file is broken, and of which no version is kept, is its own matter only."""

import pytest
from conftest import BOOK, Client, anyone, vcard

from pycarddav.dav.names import CARDDAV, DAV
from pycarddav.model import AddressBook
from pycarddav.protocol.app import App
from pycarddav.store.filesystem import FilesystemStore

ADA, BOB = BOOK + "ada.vcf", BOOK + "bob.vcf"
WHOLE = {name: vcard(name, name.title()) for name in ("ada", "bob")}
BOTH = (DAV.getetag, CARDDAV.address_data)
CALLED_BOB = (
    '<C:filter><C:prop-filter name="FN"><C:text-match>bob</C:text-match></C:prop-filter></C:filter>'
)


@pytest.fixture
def client(tmp_path) -> Client:
    store = FilesystemStore(tmp_path)
    store.save_book(AddressBook("alice", "friends"))
    client = Client(App(store, anyone))
    for name, data in WHOLE.items():
        client.put(f"{name}.vcf", data)
    return client


@pytest.fixture
def file(client, tmp_path):
    """Ada's file, which is broken."""
    path = tmp_path / ADA[1:]
    path.write_bytes(WHOLE["ada"][:-7])
    return path


ASKED = {
    "multiget": lambda client: client.multiget(ADA, BOB),
    "PROPFIND": lambda client: client.propfind(BOOK, *BOTH, depth="1"),
    "first sync": lambda client: client.sync("", *BOTH)[0],
    "everything": lambda client: client.query("", *BOTH),
    "query": lambda client: client.query(CALLED_BOB, *BOTH),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_the_others_are_answered_for(client, file, ask):
    """It is there, and not 404: a client would delete it."""
    answers = ask(client)
    answers.pop(BOOK, None)
    assert answers.pop(ADA) == 503
    assert {href: said[CARDDAV.address_data] for href, said in answers.items()} == {
        BOB: WHOLE["bob"].decode().replace("\r\n", "\n")
    }


def test_it_stays_listed_as_it_was(client, tmp_path):
    before, token = client.sync()
    (tmp_path / ADA[1:]).write_bytes(b"")
    listed = client.propfind(BOOK, DAV.getetag, depth="1")
    assert {href: listed[href] for href in (ADA, BOB)} == before
    assert client.sync(token) == ({}, token)


@pytest.mark.parametrize(
    ("method", "headers"), [("GET", {}), ("COPY", {"destination": BOOK + "x"})]
)
def test_who_needs_its_content_has_to_come_back_later(client, file, method, headers):
    refused = client(method, ADA, **headers)
    assert (refused.status, "Retry-After" in refused.headers) == (503, True)
    assert str(file).encode() not in refused.body


def test_an_export_has_the_others_and_the_log_says_what_is_missing(client, file, caplog):
    assert b"".join(client("GET", BOOK).body) == WHOLE["bob"]
    assert f"{file}: no version is kept that could be served" in caplog.text


def test_who_missed_a_card_is_told_when_it_is_back_as_it_was(client, file):
    _, token = client.sync("", *BOTH)
    file.write_bytes(WHOLE["ada"])
    answers, later = client.sync(token, *BOTH)
    assert answers.keys() == {ADA}
    assert client.sync(later) == ({}, later)


def test_who_missed_nothing_is_told_nothing(client, file):
    _, token = client.sync()
    file.write_bytes(WHOLE["ada"])
    assert client.sync(token) == ({}, token)
