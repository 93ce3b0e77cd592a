"""What is remembered changes nothing but the time: both ways answer the same."""

import os
import zlib
from dataclasses import fields, replace
from inspect import unwrap
from itertools import product
from urllib.parse import quote

import pytest
from conftest import BOOK, PREFIXED, Client, anyone, root, vcard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pycarddav.dav import xml
from pycarddav.dav.errors import Error
from pycarddav.dav.headers import http_date
from pycarddav.dav.names import CALENDARSERVER, CARDDAV, DAV
from pycarddav.model import AddressBook, BrokenCard, Entry, Principal
from pycarddav.protocol import indexes
from pycarddav.protocol.app import App
from pycarddav.protocol.bodies import SMALL, parsed
from pycarddav.protocol.cache import Cache, Caches
from pycarddav.protocol.compression import LEAST
from pycarddav.protocol.context import Context, Limits
from pycarddav.protocol.indexes import BookIndex
from pycarddav.protocol.members import members, responses
from pycarddav.protocol.messages import Request
from pycarddav.protocol.propfind import PropFind
from pycarddav.protocol.registry import prop
from pycarddav.protocol.urls import place
from pycarddav.store import Store
from pycarddav.store.memory import MemoryStore

NAMES = ("ada.vcf", "grace & co.vcf", "jürgen.vcf")
OTHERS = [f"{number}.vcf" for number in range(5)]  # so that there are enough for a stencil
HREFS = [BOOK + name for name in ("ada.vcf", "grace%20&amp;%20co.vcf", "j%C3%BCrgen.vcf", *OTHERS)]
ASKED = (DAV.getetag, DAV.resourcetype, DAV.getcontentlength, DAV.displayname)
ASKED += (DAV.current_user_principal, DAV.principal_collection_set, DAV.acl)
LISTED = "".join(map(xml.E, ASKED))
CARDS = LISTED + xml.E(CARDDAV.address_data)
CARDS_IN_4 = LISTED + xml.E(CARDDAV.address_data, content_type="text/vcard", version="4.0")


FILTERS = (
    """<C:prop-filter name="FN"><C:text-match>gra</C:text-match></C:prop-filter>""",
    """<C:prop-filter name="FN"><C:text-match>nowhere</C:text-match></C:prop-filter>""",
    """<C:prop-filter name="UID"><C:is-not-defined/></C:prop-filter>""",
    """<C:prop-filter name="NOTE"><C:text-match negate-condition="yes">x</C:text-match>
       </C:prop-filter>""",
    "",
)


def propfind(props: str) -> str:
    return f"<D:propfind {PREFIXED}>{props}</D:propfind>"


LISTING = propfind(f"<D:prop>{LISTED}</D:prop>")


def report(name: str, props: str, rest: str) -> str:
    return f"<{name} {PREFIXED}><D:prop>{props}</D:prop>{rest}</{name}>"


def sync(token: str, props: str, rest: str = "") -> str:
    said = f"<D:sync-token>{token}</D:sync-token><D:sync-level>1</D:sync-level>{rest}"
    return report("D:sync-collection", props, said)


def questions(first_token: str) -> list[tuple[str, str, dict[str, str]]]:
    """Everything that something is remembered for: method, body, headers."""
    multiget = "".join(f"<D:href>{href}</D:href>" for href in HREFS)
    ctag = f"<D:prop>{xml.E(CALENDARSERVER.getctag)}{xml.E(DAV.sync_token)}</D:prop>"
    return [
        ("PROPFIND", propfind(ctag), {"depth": "0"}),
        ("PROPFIND", LISTING, {"depth": "1", "accept_encoding": "gzip"}),
        ("PROPFIND", LISTING, {"depth": "1"}),
        ("PROPFIND", LISTING, {"depth": "1", "brief": "t"}),
        ("PROPFIND", LISTING, {"depth": "1", "prefer": "depth-noroot"}),
        ("PROPFIND", propfind("<D:allprop/>"), {"depth": "1"}),
        ("PROPFIND", propfind(f"<D:prop>{CARDS}</D:prop>"), {"depth": "1"}),
        ("REPORT", sync("", LISTED), {}),
        ("REPORT", sync("", CARDS), {}),
        ("REPORT", sync("", CARDS, "<D:limit><D:nresults>1</D:nresults></D:limit>"), {}),
        ("REPORT", sync(first_token, CARDS), {}),
        ("REPORT", report("C:addressbook-multiget", CARDS, multiget), {}),
        ("REPORT", report("C:addressbook-multiget", CARDS_IN_4, multiget), {}),
        *(
            ("REPORT", report("C:addressbook-query", CARDS, f"<C:filter>{filter}</C:filter>"), {})
            for filter in FILTERS
        ),
    ]


def with_caches(budget: int | None = None, store: Store | None = None) -> Client:
    """A client of a server whose caches have room for that much, or as much as they have."""
    caches = Caches() if budget is None else Caches(*(Cache(budget) for _ in fields(Caches)))
    client = Client(App(store or MemoryStore(), anyone, caches=caches))
    if store is None:
        client.app.store.save_book(AddressBook("alice", "friends"))
    return client


NOBODY = b"BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Nobody\r\nEND:VCARD\r\n"
VALUES = ("Ada", "Grace", "nobody")
STEPS = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(NAMES), st.sampled_from(VALUES)),
    st.tuples(st.just("delete"), st.sampled_from(NAMES), st.just("")),
    st.tuples(st.just("rename"), st.just(""), st.sampled_from(["Friends", "Foes"])),
)


def take(step: tuple[str, str, str], client: Client) -> None:
    action, name, value = step
    if action == "put":
        # Nobody has no UID, so that two cards can have the same octets.
        card = NOBODY if value == "nobody" else vcard(name, value)
        assert client.put(name, card).status < 300
    elif action == "delete":
        client("DELETE", BOOK + name)
    else:
        client.set(BOOK, xml.E(DAV.displayname, value))


@settings(max_examples=25, deadline=None)
@example([*product(["put"], NAMES, VALUES), ("rename", "", "Foes"), ("delete", NAMES[0], "")])
@given(st.lists(STEPS, max_size=5))
def test_what_is_remembered_is_what_would_be_answered(steps):
    forgetful = with_caches(0)
    store = forgetful.app.store
    for name in OTHERS:
        forgetful.put(name, vcard(name, f"Grace <{name}>", version=f"{3 + int(name[0]) % 2}.0"))
    remembering = [with_caches(store=store), with_caches(3000, store)]
    _, token = forgetful.sync()
    for step in steps:
        take(step, forgetful)
        for user, (method, body, headers) in product(("alice", "root"), questions(token)):
            expected = replace(forgetful, user=user)(method, BOOK, body, **headers)
            assert expected.status == 207
            for client in [*remembering, remembering[0]]:  # the second time from memory
                assert replace(client, user=user)(method, BOOK, body, **headers) == expected


HREF = st.text(st.sampled_from("/ab.~@-_%2eé \n\0"), max_size=12) | st.sampled_from(
    ["/a/b/c.vcf", "/a/b/.c", "/a/b/%63", "/a/b/c\n", f"/a/b/{'x' * 255}", f"/a/b/{'x' * 256}"]
)


@given(HREF, st.sampled_from(["", "/a"]))
def test_a_plain_href_names_what_it_would_be_found_to_name(href, base):
    for found in (href, f"/a/b{href}", f"{base}/a/b{href}"):
        assert place(found, base) == unwrap(place)(found, base)


@pytest.fixture
def odd(client):
    """A book of many cards that are not alike."""
    for number, name in enumerate(["%s", "100%", "a&b<c>", "jürgen", "x" * 60, *"abcdefghijkl"]):
        client.put(f"{quote(name)}.vcf", vcard(f"{number}", "Ada" * number))
        if number % 5 == 4:
            client.set(f"{BOOK}{quote(name)}.vcf", xml.E(DAV.displayname, f"%s {number}"))
    return client


def both_ways(client, wanted):
    """The responses of all cards of a book, with a stencil and without."""
    ctx = Context(Request("PROPFIND", BOOK), Principal("alice"), client.app.store, Limits())
    book = ctx.store.book("alice", "friends")
    return [
        [
            (entry, response if isinstance(response, bytes) else response.encode())
            for entry, response in answer(members(book, wanted, ctx), wanted, ctx)
        ]
        for answer in (responses, unwrap(responses))
    ]


@pytest.mark.parametrize("minimal", [False, True])
@pytest.mark.parametrize("asked", [LISTED, xml.E(DAV.getlastmodified), xml.E("{a:}b"), CARDS])
def test_a_stencil_gives_what_is_answered_for_each_entry(odd, asked, minimal):
    body = xml.parse(propfind(f"<D:prop>{asked}</D:prop>").encode())
    for wanted in (PropFind.parse(body), PropFind(), PropFind(DAV.propname)):
        quick, thorough = both_ways(odd, replace(wanted, minimal=minimal))
        assert quick == thorough
        assert len(quick) == 17


@pytest.mark.parametrize("digits", [1, 3])
def test_what_tells_entries_apart_in_another_way_is_seen(odd, monkeypatch, digits):
    """A property that somebody adds may be made of anything."""
    item = prop.find(DAV.getcontenttype, Entry)
    monkeypatch.setattr(item, "get", lambda entry, ctx: str(entry.size % 10**digits))
    quick, thorough = both_ways(odd, PropFind(DAV.prop, ((DAV.getcontenttype, None),)))
    assert quick == thorough


def test_a_file_that_was_touched_is_listed_with_its_new_time(server):
    server.put("ada.vcf")
    client = Client(App(server.store, anyone))
    for seconds in (1_000_000_000, 1_100_000_000):
        os.utime(server.folder / "ada.vcf", (seconds, seconds))
        listed = client.propfind(BOOK, DAV.getlastmodified, depth="1")[BOOK + "ada.vcf"]
        assert listed == {DAV.getlastmodified: http_date(seconds)}


def test_of_each_listing_only_the_last_state_is_remembered(full, caches_are_on):
    full("PROPFIND", BOOK, LISTING, depth="1")
    size = full.app.caches.responses.size
    for _ in range(3):
        full.put("0.vcf", vcard("0", "Ada"))
        full("PROPFIND", BOOK, LISTING, depth="1")
    assert 0 < full.app.caches.responses.size < 1.1 * size


def test_what_changed_while_it_was_read_is_not_remembered():
    """A restored backup may bring the old state back, and its token with it."""

    class Busy(MemoryStore):
        def entries(self, book, names=None):
            yield from super().entries(book, names)
            client.put("ada.vcf", vcard("1", "Ada"))

    client = Client(App(Busy(), anyone))
    client.app.store.save_book(AddressBook("alice", "friends"))
    client("PROPFIND", BOOK, LISTING, depth="1")
    assert client.app.caches.responses.size == 0


class Failing(MemoryStore):
    """Cannot read some cards for a while."""

    broken: frozenset[str] = frozenset()

    def cards(self, book, names=None):
        for card in super().cards(book, names):
            facts = (card.book, card.name, card.etag, card.size, card.modified, card.dead)
            yield BrokenCard(*facts, "is broken") if card.name in self.broken else card


def test_what_could_not_be_read_is_not_remembered():
    """When it can be read again it has the etag, and its book the token, that it had."""
    store = Failing()
    store.save_book(AddressBook("alice", "friends"))
    clients = [with_caches(0, store), with_caches(store=store)]
    for name in NAMES:
        clients[0].put(name, vcard(name, f"Grace {name}"))
    _, token = clients[0].sync()
    for store.broken in frozenset(NAMES[:1]), frozenset[str]():
        for method, body, headers in questions(token):
            expected, *answers = (
                client(method, BOOK, body, **headers) for client in (*clients, clients[1])
            )
            assert answers == [expected, expected]


def hrefs(names):
    return [BOOK + quote(name) for name in names]


def test_a_card_that_was_asked_for_is_not_read_again(caches_are_on):
    """Though the book has changed; but for the first time, when a stencil is cut of some."""
    store = Watched()
    store.save_book(AddressBook("alice", "friends"))
    client = with_caches(store=store)
    names = [f"{number}.vcf" for number in range(9)]
    for name in names:
        client.put(name, vcard(name, name))
    for _ in range(2):
        client.multiget(*hrefs(names))
    client.put("new.vcf", vcard("new", "New"))
    store.read.clear()
    found = client.multiget(*hrefs([*names, "new.vcf"]))
    assert store.read == ["new.vcf"]
    assert [*found] == hrefs([*names, "new.vcf"])


BODIES = st.binary(max_size=30) | st.sampled_from([b"<a/>", b"<a><b/></a>", b"<!DOCTYPE a><a/>"])


@given(BODIES)
def test_a_body_is_the_same_when_it_comes_again(body):
    def read() -> object:
        try:
            return xml.fragment(parsed(body))
        except Error as error:
            return type(error), str(error)

    assert read() == read()


def test_a_body_that_comes_again_is_not_read_again(caches_are_on):
    assert parsed(b"<a/>") is parsed(b"<a/>")
    large = b"<a>" + b" " * SMALL + b"</a>"
    assert parsed(large) is not parsed(large)


class Watched(MemoryStore):
    """Takes note of the cards that are read."""

    def __init__(self):
        super().__init__()
        self.read = []

    def cards(self, book, names=None):
        for card in super().cards(book, names):
            self.read.append(card.name)
            yield card


def test_a_query_reads_what_has_changed_and_what_can_match(caches_are_on):
    store = Watched()
    store.save_book(AddressBook("alice", "friends"))
    client = with_caches(store=store)
    for name in ("ada", "grace", "jürgen"):
        client.put(f"{name}.vcf", vcard(name, name.title()))
    client.query(f"<C:filter>{FILTERS[0]}</C:filter>")
    assert store.read == ["ada.vcf", "grace.vcf", "jürgen.vcf", "grace.vcf"]
    client.put("ada.vcf", vcard("ada", "Graham"))
    store.read.clear()
    client.query(f"<C:filter>{FILTERS[0]}</C:filter>")
    assert store.read == ["ada.vcf", "ada.vcf", "grace.vcf"]


def test_what_a_search_finds_is_filled_in(client, caches_are_on, monkeypatch):
    for number in range(9):
        client.put(f"{number}.vcf", vcard(f"{number}", "Ada"))
    names = (DAV.getetag, CARDDAV.address_data)
    first = client.query("<C:filter/>", *names)
    monkeypatch.setattr(PropFind, "answer", None)
    assert client.query("<C:filter/>", *names) == first
    assert client.multiget(BOOK + "1.vcf", BOOK + "2.vcf", names=names).items() <= first.items()


def asked_after_a_start(store):
    """What a query finds, of a server that remembers nothing, and the cards that it has read."""
    store.read.clear()
    found = with_caches(store=store).query(f"<C:filter>{FILTERS[0]}</C:filter>")
    return sorted(found), sorted(store.read)


def test_after_a_start_a_query_reads_what_has_changed_since(caches_are_on, monkeypatch):
    monkeypatch.setattr(indexes, "_FEW", 0)
    store = Watched()
    store.save_book(AddressBook("alice", "friends"))
    client = with_caches(store=store)
    for name in ("ada", "grace", "jürgen"):
        client.put(f"{name}.vcf", vcard(name, name.title()))
    assert asked_after_a_start(store)[0] == [f"{BOOK}grace.vcf"]
    assert asked_after_a_start(store) == ([f"{BOOK}grace.vcf"], ["grace.vcf"])
    client.put("ada.vcf", vcard("ada", "Graham"))
    client("DELETE", BOOK + "grace.vcf")
    assert asked_after_a_start(store) == ([f"{BOOK}ada.vcf"], ["ada.vcf", "ada.vcf"])
    assert asked_after_a_start(store) == ([f"{BOOK}ada.vcf"], ["ada.vcf"])


@pytest.mark.parametrize(
    "data",
    [b"", b"[]\n", b"[" * 100_000, b"\xff\n", b'["x","y",[]]\n', "cut", "token", "damaged"],
    ids=range(8),
)
def test_a_kept_index_that_is_none_is_made_anew(caches_are_on, monkeypatch, data):
    monkeypatch.setattr(indexes, "_FEW", 0)
    store = Watched()
    store.save_book(AddressBook("alice", "friends"))
    with_caches(store=store).put("grace.vcf", vcard("1", "Grace"))
    asked_after_a_start(store)
    book = store.book("alice", "friends")
    good = store.recall(book, "query")
    changed = {
        "cut": good[:-1],
        "token": good.replace(book.token.encode(), b"another"),
        "damaged": good.replace(b"grace.vcf", b"\xff\xff\xff\xff\xff.vcf"),
    }
    store.remember(book, "query", changed.get(data, data))
    assert asked_after_a_start(store) == ([f"{BOOK}grace.vcf"], ["grace.vcf"] * 2)
    assert store.recall(book, "query") == good


def test_an_index_that_would_be_too_large_is_none(client):
    client.put("ada.vcf", vcard("1", "Ada"))
    book = client.app.store.book("alice", "friends")
    assert BookIndex(10_000).at(book, client.app.store) is not None
    assert BookIndex(100).at(book, client.app.store) is None


@pytest.fixture
def full(client):
    """A client of a book whose listing is worth compressing."""
    for number in range(20):
        client.put(f"{number}.vcf", vcard(str(number), f"Ada {number}"))
    return client


def test_whoever_asks_for_the_same_gets_the_same_octets(full, caches_are_on):
    """Fifty clients that are slow to take a large answer cost the memory of one."""
    first, second = (full("PROPFIND", BOOK, LISTING, depth="1") for _ in range(2))
    assert len(first.body) > LEAST
    assert first.body is second.body


def test_a_multistatus_is_compressed_for_who_takes_it(full):
    plain = full("PROPFIND", BOOK, LISTING, depth="1")
    gzip = full("PROPFIND", BOOK, LISTING, depth="1", accept_encoding="br;q=1.0, gzip;q=0.8")
    assert "Content-Encoding" not in plain.headers
    assert gzip.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert gzip.headers["Vary"] == plain.headers["Vary"]
    assert zlib.decompress(gzip.body, wbits=31) == plain.body


@pytest.mark.parametrize("said", ["", "identity", "gzip;q=0", "br", "*", "gzip;q=0, *;q=1"])
def test_nobody_gets_gzip_who_did_not_ask_for_it(full, said):
    response = full("PROPFIND", BOOK, LISTING, depth="1", accept_encoding=said)
    assert root(response).tag == DAV.multistatus


def test_a_small_multistatus_is_not_compressed(client):
    response = client("PROPFIND", BOOK, LISTING, depth="0", accept_encoding="gzip")
    assert "Content-Encoding" not in response.headers


def test_a_card_is_never_compressed(client):
    """Its ETag is that of its octets, which a client may hold against what it has sent."""
    long = vcard("1", "Ada", *(f"NOTE:{'x' * 70}" for _ in range(100)))
    client.put("ada.vcf", long)
    response = client("GET", BOOK + "ada.vcf", accept_encoding="gzip")
    assert response.body == long
    assert "Content-Encoding" not in response.headers


ENTRIES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12)))


@given(puts=ENTRIES)
def test_a_cache_keeps_its_budget_and_what_was_used_last(puts, caches_are_on):
    cache = Cache[str](10)
    expected: dict[int, int] = {}
    for key, size in puts:
        expected.pop(key, None)
        if size <= 10:
            expected[key] = size
        while sum(expected.values()) > 10:
            del expected[next(iter(expected))]
        cache.put(key, f"{key} of {size}", size)
    assert cache.size == sum(expected.values()) <= 10
    kept = {key: cache.get(key) for key in range(6)}
    assert kept == {
        key: f"{key} of {expected[key]}" if key in expected else None for key in range(6)
    }


def test_what_is_asked_for_is_kept_longest(caches_are_on):
    cache = Cache[str](2)
    cache.put("old", "a", 1)
    cache.put("new", "b", 1)
    assert cache.get("old") == "a"
    cache.put("newest", "c", 1)
    assert (cache.get("old"), cache.get("new"), cache.get("newest")) == ("a", None, "c")
