"""What a login that is limited may see and do: to read only, or to some books (RFC 3744)."""

import re
from dataclasses import replace
from itertools import product

import pytest
from conftest import BOOK, HOME, PREFIXED, Client, condition, elements, found, root, vcard

from pycarddav.dav.names import CALENDARSERVER, CARDDAV, DAV
from pycarddav.dav.xml import E
from pycarddav.model import Principal
from pycarddav.protocol.access import OWNER, VIEWER
from pycarddav.protocol.app import App

WORK, NEW = HOME + "work/", HOME + "new/"
ADA, BOB, EVE = BOOK + "ada.vcf", WORK + "bob.vcf", BOOK + "eve.vcf"
ME = "/.principals/alice/"
LOGINS = {
    "alice": Principal("alice"),
    "reader": Principal("alice", read_only=True),
    "friend": Principal("alice", books=("friends", "gone")),
    "guest": Principal("alice", read_only=True, books=("friends",)),
    "nobody": Principal("alice", books=()),
    "admin": Principal("alice", admin=True, books=("friends",)),
}


@pytest.fixture
def alice(store):
    """Somebody with two books and a card in each."""
    app = App(store, lambda request: LOGINS[request.header("authorization")])
    client = Client(app)
    client("MKCOL", WORK)
    client("PUT", ADA, vcard("ada", "Ada"))
    client("PUT", BOB, vcard("bob", "Bob"))
    return client


def login(alice, name):
    return replace(alice, user=name)


LOCKINFO = (
    f"<D:lockinfo {PREFIXED}><D:lockscope><D:exclusive/></D:lockscope>"
    "<D:locktype><D:write/></D:locktype></D:lockinfo>"
)
NAMED = (
    f"<D:propertyupdate {PREFIXED}><D:set><D:prop><D:displayname>x</D:displayname></D:prop>"
    "</D:set></D:propertyupdate>"
)
TO = {
    path: {"destination": f"http://localhost:5236{path}"} for path in (EVE, WORK + "e", NEW, WORK)
}
CARD = vcard("eve", "Eve")

# What is asked, and the answers to: alice, reader, friend, guest.
DEEDS = {
    "read a card": (("GET", ADA), 200, 200, 200, 200),
    "read another": (("GET", BOB), 200, 200, 404, 404),
    "export": (("GET", BOOK), 200, 200, 200, 200),
    "export another": (("GET", WORK), 200, 200, 404, 404),
    "options of another": (("OPTIONS", WORK), 200, 200, 404, 404),
    "list": (("PROPFIND", BOOK), 207, 207, 207, 207),
    "list another": (("PROPFIND", WORK), 207, 207, 404, 404),
    "add": (("PUT", EVE, CARD), 201, 403, 201, 403),
    "post": (("POST", BOOK, CARD), 201, 403, 201, 403),
    "add to another": (("PUT", WORK + "eve.vcf", CARD), 201, 403, 404, 404),
    "add to none": (("PUT", NEW + "eve.vcf", CARD), 409, 403, 404, 404),
    "change": (("PUT", ADA, vcard("ada", "A.")), 204, 403, 204, 403),
    "change another": (("PUT", BOB, vcard("bob", "B.")), 204, 403, 404, 404),
    "delete": (("DELETE", ADA), 204, 403, 204, 403),
    "delete another": (("DELETE", BOB), 204, 403, 404, 404),
    "copy": (("COPY", ADA, b"", TO[EVE]), 409, 403, 409, 403),
    "copy elsewhere": (("COPY", ADA, b"", TO[WORK + "e"]), 201, 403, 409, 409),
    "copy from there": (("COPY", BOB, b"", TO[EVE]), 201, 403, 404, 404),
    "move": (("MOVE", ADA, b"", TO[EVE]), 201, 403, 201, 403),
    "move elsewhere": (("MOVE", ADA, b"", TO[WORK + "e"]), 201, 403, 409, 403),
    "make a book": (("MKCOL", NEW), 201, 403, 404, 404),
    "make a book of its own": (("MKCOL", HOME + "gone/"), 201, 403, 403, 404),
    "delete the book": (("DELETE", BOOK), 204, 403, 403, 403),
    "delete another book": (("DELETE", WORK), 204, 403, 404, 404),
    "move the book": (("MOVE", BOOK, b"", TO[NEW]), 201, 403, 403, 403),
    "replace the book": (("COPY", WORK, b"", {"destination": BOOK}), 204, 403, 404, 404),
    "copy the book away": (("COPY", BOOK, b"", TO[NEW]), 201, 403, 409, 409),
    "copy the book over": (("COPY", BOOK, b"", TO[WORK]), 204, 403, 409, 409),
    "name the home": (("PROPPATCH", HOME, NAMED), 207, 403, 403, 403),
    "name oneself": (("PROPPATCH", ME, NAMED), 207, 403, 403, 403),
    "name the book": (("PROPPATCH", BOOK, NAMED), 207, 403, 207, 403),
    "name another": (("PROPPATCH", WORK, NAMED), 207, 403, 404, 404),
    "lock the home": (("LOCK", HOME, LOCKINFO), 200, 403, 403, 403),
    "lock the book": (("LOCK", BOOK, LOCKINFO), 200, 403, 200, 403),
    "lock another": (("LOCK", WORK, LOCKINFO), 200, 403, 404, 404),
    "reserve": (("LOCK", EVE, LOCKINFO), 201, 403, 201, 403),
}


ASKING = ("alice", "reader", "friend", "guest")
ANSWERS = [
    (deed, who, status)
    for deed, (_, *statuses) in DEEDS.items()
    for who, status in zip(ASKING, statuses, strict=True)
]


def do(client, deed):
    asked, *_ = DEEDS[deed]
    return client(*asked[:3], **(asked[3] if len(asked) == 4 else {}))


@pytest.mark.parametrize(("deed", "who", "status"), [it for it in ANSWERS if it[2] < 400])
def test_what_a_login_may_do(alice, deed, who, status):
    assert do(login(alice, who), deed).status == status


@pytest.mark.parametrize("asking", ASKING)
def test_what_a_login_may_not_do_changes_nothing(alice, store, asking):
    before = state(store)
    for deed, who, status in ANSWERS:
        if who == asking and status >= 400:
            answer = do(login(alice, who), deed)
            assert answer.status == status, deed
            assert state(store) == before, deed
            if status == 403:
                assert condition(answer) == DAV.need_privileges


def state(store):
    """All there is, with its names and locks."""
    books = store.books("alice")
    cards = [(card.path, card.etag) for book in books for card in store.entries(book)]
    return store.home("alice"), books, cards, store.locks("alice")


METHODS = ("GET", "OPTIONS", "PROPFIND", "PUT", "DELETE", "MKCOL", "LOCK", "COPY", "POST")


@pytest.mark.parametrize("name", ["friend", "guest", "nobody", "admin"])
def test_a_book_out_of_reach_answers_as_one_that_is_not_there(alice, name):
    client = login(alice, name)
    for path, method in product(("", "bob.vcf", "new.vcf", "a/b", ".x"), METHODS):
        there, absent = (
            client(method, f"{HOME}{book}/{path}", CARD, destination=EVE) for book in ("work", "no")
        )
        assert there.status == 404, (method, path)
        assert (there.headers, there.body) == (absent.headers, absent.body), (method, path)


def test_a_limited_administrator_is_none(alice):
    admin = Principal("bob", admin=True)
    for limits, status in (({}, 207), ({"read_only": True}, 404), ({"books": ("friends",)}, 404)):
        limited = replace(admin, **limits)
        client = Client(App(alice.app.store, lambda request, who=limited: who))
        assert client("PROPFIND", BOOK).status == status


PRIVILEGES = {
    "alice": {"/": VIEWER, HOME: OWNER, ME: OWNER, BOOK: OWNER, ADA: OWNER, WORK: OWNER},
    "reader": dict.fromkeys(("/", HOME, ME, BOOK, ADA, WORK, BOB), VIEWER),
    "friend": {"/": VIEWER, HOME: VIEWER, ME: VIEWER, BOOK: OWNER, ADA: OWNER},
    "guest": dict.fromkeys(("/", HOME, ME, BOOK, ADA), VIEWER),
    "nobody": dict.fromkeys(("/", HOME, ME), VIEWER),
    "admin": {"/": VIEWER, HOME: VIEWER, ME: VIEWER, BOOK: OWNER, ADA: OWNER},
}


@pytest.mark.parametrize("name", PRIVILEGES)
def test_a_client_is_told_what_it_may_do(alice, name):
    body = f"<D:propfind {PREFIXED}><D:prop><D:current-user-privilege-set/></D:prop></D:propfind>"
    told = {}
    for path in PRIVILEGES[name]:
        answer = root(login(alice, name)("PROPFIND", path, body, depth="0"))
        told[path] = tuple(element[0].tag for element in answer.iter(DAV.privilege))
    assert told == PRIVILEGES[name]


def test_a_refusal_names_the_resource_and_the_privilege(alice):
    def missing(name, *words):
        answer = root(login(alice, name)(*words))
        return answer.findtext(f".//{DAV.href}"), answer.find(f".//{DAV.privilege}")[0].tag

    assert missing("reader", "PUT", EVE, CARD) == (BOOK, DAV.bind)
    assert missing("reader", "PUT", ADA, CARD) == (ADA, DAV.write_content)
    assert missing("friend", "DELETE", BOOK) == (HOME, DAV.unbind)
    assert missing("friend", "MKCOL", HOME + "gone/") == (HOME, DAV.bind)


SHOWN = {
    "alice": {BOOK, WORK}, "reader": {BOOK, WORK}, "friend": {BOOK}, "guest": {BOOK},
    "nobody": set(), "admin": {BOOK},
}  # fmt: skip
CARDS = {BOOK: ADA, WORK: BOB}


def home_sync(client, level="infinite", token=""):
    body = (
        f"<D:sync-collection {PREFIXED}><D:sync-token>{token}</D:sync-token>"
        f"<D:sync-level>{level}</D:sync-level><D:prop><D:getetag/></D:prop></D:sync-collection>"
    )
    return client("REPORT", HOME, body.replace("&", "&amp;"))


@pytest.mark.parametrize("name", SHOWN)
def test_every_listing_of_a_home_shows_the_books_in_reach(alice, name):
    client, books = login(alice, name), SHOWN[name]
    cards = {CARDS[book] for book in books}
    assert {*client.propfind(HOME, DAV.getetag, depth="1")} == {HOME, *books}
    assert {*found(home_sync(client, "1"))} == books
    assert {*found(home_sync(client))} == books | cards
    assert {*client.query("<C:filter/>", path=HOME, depth="infinity")} == cards
    answers = client.multiget(ADA, BOB, path=HOME)
    assert {href for href, it in answers.items() if it != 404} == cards
    page = client("GET", "/").body.decode()
    assert {*re.findall('href="([^"]*)"', page)} == books
    matched = client(
        "REPORT", HOME,
        f"<D:principal-match {PREFIXED}><D:principal-property><D:owner/></D:principal-property>"
        f"<D:prop>{elements([DAV.getetag])}</D:prop></D:principal-match>",
    )  # fmt: skip
    assert {*found(matched)} == books | cards


@pytest.mark.parametrize("path", [WORK, BOB])
def test_an_href_leads_to_no_other_book(alice, path):
    href = E(DAV.href, path)
    alice.set(BOOK, f"<x:y xmlns:x='urn:x'>{href}</x:y>")
    body = (
        f"<D:expand-property {PREFIXED}><D:property name='y' namespace='urn:x'>"
        "<D:property name='displayname'/></D:property></D:expand-property>"
    )
    assert (
        b"propstat" in alice("REPORT", BOOK, body).body.partition(b"urn:x")[2].partition(b"y>")[0]
    )
    answer = root(login(alice, "friend")("REPORT", BOOK, body))
    assert [response.findtext(DAV.href) for response in answer.iter(DAV.response)] == [BOOK]
    assert login(alice, "friend").multiget(path, path=BOOK) == {path: 404}


def test_a_change_in_another_book_is_none(alice):
    friend = login(alice, "friend")

    def seen():
        said = friend.propfind(HOME, CALENDARSERVER.getctag, DAV.sync_token)[HOME]
        return said[CALENDARSERVER.getctag], said[DAV.sync_token]

    before = seen()
    assert "work" not in before[1]
    alice("PUT", WORK + "new.vcf", vcard("new", "N"))
    alice("MKCOL", NEW)
    assert seen() == before
    alice.put("new.vcf", vcard("new", "N"))
    assert seen() != before


def test_no_answer_is_remembered_for_another_login(alice):
    asked = [DAV.current_user_privilege_set, DAV.getetag, CARDDAV.address_data]
    for _ in range(2):
        held = {}
        for name in ("alice", "reader", "friend"):
            client = login(alice, name)
            listed = client.propfind(BOOK, *asked, depth="1")[ADA]
            assert client.multiget(ADA, names=asked)[ADA] == listed
            assert client.sync("", *asked)[0][ADA] == listed
            body = f"<D:propfind {PREFIXED}><D:prop>{elements(asked)}</D:prop></D:propfind>"
            answer = client("PROPFIND", BOOK, body, depth="1").body
            held[name] = b"<D:write-content/>" in answer
        assert held == {"alice": True, "reader": False, "friend": True}


@pytest.mark.parametrize(
    ("name", "where", "through", "status"),
    [
        ("reader", BOOK, BOOK, 403),
        ("friend", BOOK, BOOK, 204),
        ("friend", HOME, BOOK, 403),
        ("alice", HOME, BOOK, 204),
        ("guest", ADA, ADA, 403),
    ],
)
def test_a_lock_ends_or_is_shortened_by_who_may_change_what_it_is_on(
    alice, name, where, through, status
):
    """The maker's name is not enough: a limited login has it, and reads the token."""
    token = alice("LOCK", where, LOCKINFO).headers["Lock-Token"]
    client = login(alice, name)
    refreshed = client("LOCK", through, b"", if_=f"({token})", **{"if": f"({token})"})
    assert refreshed.status == (403 if status == 403 else 200)
    assert client("UNLOCK", through, lock_token=token).status == status
