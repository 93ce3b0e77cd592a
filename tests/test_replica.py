"""A client that syncs, in pages of any size, while others write, ends with what the server has."""

import tempfile
from pathlib import Path

import pytest
from conftest import BOOK, ENGINES, HOME, PREFIXED, Client, anyone, found, root, vcard
from hypothesis import given, settings
from hypothesis import strategies as st

from pycarddav.dav.names import DAV
from pycarddav.model import AddressBook, Home
from pycarddav.protocol.app import App

BOOKS = BOOK, HOME + "work/"
CARDS = st.tuples(st.sampled_from(BOOKS), st.sampled_from("abcd"))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("PUT"), CARDS, st.sampled_from(["one", "two"])),
        st.tuples(st.just("DELETE"), CARDS),
        st.tuples(st.just("sync"), st.integers(1, 4)),
    ),
    max_size=25,
)


class Replica:
    """What a client has of a home or a book: the etags that it was told, by href."""

    def __init__(self, client, path, level):
        self.client, self.path, self.level = client, path, level
        self.token, self.etags = "", {}

    def sync(self, limit):
        """One request; whether there is more."""
        token = self.token.replace("&", "&amp;")
        body = (
            f"<D:sync-collection {PREFIXED}><D:sync-token>{token}</D:sync-token>"
            f"<D:sync-level>{self.level}</D:sync-level>"
            f"<D:limit><D:nresults>{limit}</D:nresults></D:limit>"
            "<D:prop><D:getetag/></D:prop></D:sync-collection>"
        )
        response = self.client("REPORT", self.path, body)
        self.token = root(response).findtext(DAV.sync_token)
        for href, answer in found(response).items():
            if answer == 404:
                self.etags.pop(href, None)
            elif answer != 507 and not href.endswith("/"):
                self.etags[href] = answer[DAV.getetag]
        return found(response).get(self.path) == 507


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=30, deadline=None)
@given(steps=STEPS)
def test_a_replica_ends_with_what_is_there(engine, steps):
    with tempfile.TemporaryDirectory() as folder:
        store = ENGINES[engine](Path(folder) / "storage")
        store.save_home(Home("alice"))
        for path in BOOKS:
            store.save_book(AddressBook("alice", path.split("/")[2]))
        client = Client(App(store, anyone))
        replicas = [Replica(client, BOOK, "1"), Replica(client, HOME, "infinite")]
        for step in steps:
            match step:
                case "PUT", (book, name), text:
                    client("PUT", f"{book}{name}.vcf", vcard(name, text))
                case "DELETE", (book, name):
                    client("DELETE", f"{book}{name}.vcf")
                case "sync", limit:
                    for replica in replicas:
                        replica.sync(limit)
        there = {}
        for path in BOOKS:
            listed = client.propfind(path, DAV.getetag, depth="1")
            there |= {href: it[DAV.getetag] for href, it in listed.items() if href != path}
        for replica in replicas:
            while replica.sync(2):
                pass
            assert replica.etags == {h: e for h, e in there.items() if h.startswith(replica.path)}
