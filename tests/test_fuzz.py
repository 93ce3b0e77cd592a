"""Whatever is asked is answered, by no 500 and in no long time, and then the next request is."""

import signal
from pathlib import Path
from urllib.parse import quote

import pytest
from conftest import BOOK, HOME, Client, anyone, root, vcard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pycarddav.dav import xml
from pycarddav.dav.names import CALENDARSERVER, CARDDAV, DAV
from pycarddav.model import AddressBook, Home
from pycarddav.protocol.app import App
from pycarddav.protocol.registry import method, report
from pycarddav.store.memory import MemoryStore

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())
CARD = BOOK + "ada.vcf"
PATHS = ["/", "/.principals/alice/", HOME, BOOK, CARD, BOOK + "new.vcf", HOME + "new/"]
METHODS = sorted({*method._items, "ACL", "LOCK", "MOVE", "COPY", "UNLOCK", "PATCH"} - {"DELETE"})
ADA = vcard("ada", "Ada", "EMAIL;TYPE=HOME,PREF:ada@example.com", "item1.TEL:1", "N:L;Ada;;;")


def fill(store):
    store.save_home(Home("alice"))
    store.save_book(AddressBook("alice", "friends"))
    client = Client(App(store, anyone))
    client.put("ada.vcf", ADA)
    return client


def ask(client, *request, **headers):
    """The response, which must be one that a client can read, within a minute."""
    signal.alarm(60)
    response = client(*request, **headers)
    signal.alarm(0)
    assert response.status < 500 or response.status == 507, (request, headers)
    kind = response.headers.get("Content-Type", "")
    if kind.startswith("application/xml"):
        document = root(response)
        assert (document.tag == DAV.error) <= (response.status >= 400)
    elif response.status >= 400:
        assert request[0] == "HEAD" or kind.startswith("application/xml")
    return response


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_a_nasty_body_is_answered(path):
    client = fill(MemoryStore())
    for name in METHODS:
        for target in PATHS:
            ask(client, name, target, path.read_bytes(), content_type="application/xml")
    assert ask(client, "PROPFIND", BOOK, depth="0").status == 207


TEXT = st.one_of(
    st.sampled_from(
        [CARD, BOOK, HOME, "/", "data:,", "data:,1-1", "data:,alice?friends=1-1", "1", "infinite",
         "0", "4.0", "3.0", "ada", "yes", "anyof", "allof", "contains", "i;octet", "FN", "TYPE",
         "item1.TEL", "text/vcard", "owner", "DAV:", "http://[", "%", "urn:uuid:x"]
    ),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=20),
)  # fmt: skip
NAMES = st.sampled_from(
    [name for ns in (DAV, CARDDAV, CALENDARSERVER) for name in vars(ns).values() if "{" in name]
    + ["{x:}y", "{http://www.w3.org/XML/1998/namespace}a"]
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(
        ["name", "test", "collation", "match-type", "negate-condition", "version", "content-type",
         "namespace", "novalue", "x"]
    ),
    TEXT,
    max_size=3,
)  # fmt: skip


def element(name, attributes, children):
    said = "".join(f" {key}={xml._quote(value)}" for key, value in attributes.items())
    tag, closing = xml._tags(name)
    inner = "".join(
        xml.escape(child) if not isinstance(child, xml.XML) else child for child in children
    )
    return xml.XML(f"<{tag}{said}>{inner}</{closing}>")


ELEMENTS = st.recursive(
    st.builds(element, NAMES, ATTRIBUTES, st.lists(TEXT, max_size=1)),
    lambda inner: st.builds(element, NAMES, ATTRIBUTES, st.lists(inner, max_size=4)),
    max_leaves=12,
)
ROOTS = [*report._items, DAV.propfind, DAV.propertyupdate, DAV.mkcol, DAV.lockinfo]


@st.composite
def documents(draw):
    """A request body of our vocabulary, in an order that nobody would write."""
    name = draw(st.sampled_from(ROOTS))
    inner = "".join(draw(st.lists(ELEMENTS, max_size=5)))
    said = "".join(f" {key}={xml._quote(value)}" for key, value in draw(ATTRIBUTES).items())
    tag, closing = xml._tags(name)
    return f"<{tag}{xml.DECLARATIONS}{said}>{inner}</{closing}>"


@st.composite
def filters(draw):
    """An addressbook-query whose filter has the right shape and any values."""
    matches = st.builds(
        lambda said, text: element(CARDDAV.text_match, said, [text]), ATTRIBUTES, TEXT
    )
    params = st.builds(
        lambda said, inner: element(CARDDAV.param_filter, said, inner),
        ATTRIBUTES,
        st.lists(matches, max_size=2),
    )
    props = st.builds(
        lambda said, inner: element(CARDDAV.prop_filter, {"name": "FN", **said}, inner),
        ATTRIBUTES,
        st.lists(st.one_of(matches, params, st.just(xml.E(CARDDAV.is_not_defined))), max_size=3),
    )
    asked = element(CARDDAV.filter, draw(ATTRIBUTES), draw(st.lists(props, max_size=3)))
    return f"<C:addressbook-query{xml.DECLARATIONS}><D:prop/>{asked}</C:addressbook-query>"


HEADERS = st.dictionaries(
    st.sampled_from(
        ["depth", "if_match", "if_none_match", "if", "prefer", "brief", "accept", "content_type",
         "destination", "overwrite", "range", "if_range", "if_modified_since", "slug", "timeout",
         "if_unmodified_since", "user_agent", "lock_token", "content_range", "origin", "expect"]
    ),
    st.one_of(
        TEXT,
        st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40),
        st.sampled_from(
            ["infinity", "1,noroot", "*", '"x"', 'W/"x"', "bytes=0-", "bytes=-1", "bytes=5-1",
             "F", "(<data:,x>)", "</alice/friends/> (Not <DAV:no-lock>)", '(["x"', "Infinite",
             "Second-9999999999999", "<urn:uuid:x>", "return=minimal", "text/vcard;version=4.0;q=x",
             "http://localhost:5236/alice/friends/b.vcf", "/alice/friends/b.vcf",
             "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 99 Jan 99999 00:00:00 GMT"]
        ),
    ),
    max_size=6,
)  # fmt: skip
SEGMENTS = st.one_of(
    st.sampled_from(
        ["alice", "friends", "ada.vcf", "bob", ".principals", ".well-known", "carddav", ".web", "",
         ".", "..", "%2e%2e", "%2F", "%00", "%ff", "%", "%zz", "#", "a#b", ";x", "*", "a" * 300]
    ),
    st.text(max_size=8).map(lambda text: quote(text.encode("utf-8", "replace"))),
    st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=8),
)  # fmt: skip
ANY_PATH = st.lists(SEGMENTS, max_size=5).map(lambda parts: "/" + "/".join(parts))
ANY_METHOD = st.sampled_from([*METHODS, "DELETE", "BREW"])
often = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


@often
@given(ANY_METHOD, ANY_PATH, HEADERS, st.one_of(st.binary(max_size=50), st.just(ADA), documents()))
def test_any_path_and_headers_are_answered(name, path, headers, body):
    client = fill(MemoryStore())
    ask(client, name, path, body, **headers)
    assert ask(client, "PROPFIND", HOME, depth="1").status == 207


@often
@given(ANY_METHOD, st.sampled_from(PATHS), HEADERS, documents())
def test_any_document_is_answered(name, path, headers, body):
    client = fill(MemoryStore())
    ask(client, name, path, body, **headers)
    assert ask(client, "PROPFIND", HOME, depth="1").status == 207


@often
@given(st.sampled_from([HOME, BOOK, CARD]), documents())
def test_any_report_is_answered(path, body):
    client = fill(MemoryStore())
    ask(client, "REPORT", path, body, depth="infinity")


@often
@given(filters())
def test_any_filter_is_answered(body):
    client = fill(MemoryStore())
    ask(client, "REPORT", BOOK, body, depth="1")
