"""LOCK and UNLOCK, and what a lock forbids (RFC 4918 §6, §7, §9.10, §9.11)."""

import re
import time
from dataclasses import dataclass, replace

import pytest
from conftest import BOOK, HOME, PREFIXED, condition, found, root, vcard

from pycarddav.dav.names import DAV
from pycarddav.dav.xml import XML
from pycarddav.model import Lock
from pycarddav.protocol.context import Limits

ADA = vcard("ada", "Ada")
NEW = vcard("ada", "Ada Lovelace")
CARD = BOOK + "ada.vcf"
OTHER = BOOK + "bob.vcf"
WORK = HOME + "work/"
NAMED = "<D:set><D:prop><D:displayname>x</D:displayname></D:prop></D:set>"
UPDATE = f"<D:propertyupdate {PREFIXED}>{NAMED}</D:propertyupdate>"


def lockinfo(scope="exclusive", owner="<D:owner>me</D:owner>"):
    return (
        f"<D:lockinfo {PREFIXED}><D:lockscope><D:{scope}/></D:lockscope>"
        f"<D:locktype><D:write/></D:locktype>{owner}</D:lockinfo>"
    )


@pytest.fixture(autouse=True)
def cards(client):
    client("MKCOL", WORK)
    client.put("ada.vcf", ADA)
    client.put("bob.vcf", vcard("bob", "Bob"))


@pytest.fixture
def lock(client):
    """Take a lock; its token."""

    def lock(path, scope="exclusive", depth="0", **headers):
        response = client("LOCK", path, lockinfo(scope), depth=depth, **headers)
        assert response.status in (200, 201), response
        return response.headers["Lock-Token"].strip("<>")

    return lock


def discovered(client, path):
    """The tokens that a PROPFIND tells."""
    body = f"<D:propfind {PREFIXED}><D:prop><D:lockdiscovery/></D:prop></D:propfind>"
    answer = root(client("PROPFIND", path, body, depth="0"))
    return [href.text for href in answer.iterfind(f".//{DAV.locktoken}/{DAV.href}")]


def test_a_lock_says_what_it_is(client):
    owner = "<D:owner><D:href>http://example.com/~me</D:href> &amp; <x xmlns='urn:x'/></D:owner>"
    response = client("LOCK", CARD, lockinfo(owner=owner), timeout="Second-100")
    assert response.status == 200
    token = response.headers["Lock-Token"]
    assert re.fullmatch("<urn:uuid:[0-9a-f-]{36}>", token)
    (active,) = root(response).iterfind(f"{DAV.lockdiscovery}/{DAV.activelock}")
    assert {child.tag: child.text or [inner.tag for inner in child] for child in active} == {
        DAV.locktype: [DAV.write],
        DAV.lockscope: [DAV.exclusive],
        DAV.depth: "infinity",
        DAV.owner: [DAV.href, "{urn:x}x"],
        DAV.timeout: "Second-100",
        DAV.locktoken: [DAV.href],
        DAV.lockroot: [DAV.href],
    }
    assert active.findtext(f"{DAV.locktoken}/{DAV.href}") == token.strip("<>")
    assert active.findtext(f"{DAV.lockroot}/{DAV.href}") == CARD
    assert active.find(f"{DAV.owner}/{DAV.href}").tail == " & "
    assert discovered(client, CARD) == [token.strip("<>")]
    assert discovered(client, OTHER) == discovered(client, BOOK) == []


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [
        ("", 3600),
        ("Second-10", 10),
        ("second-10", 10),
        ("Infinite", 3600),
        ("Infinite, Second-10", 10),
        ("Minute-5, Second-10", 10),
        ("Second-86400", 3600),
        ("Second-99999999999999999999", 3600),
        ("never", 3600),
        ("Second-0", 0),
    ],
)
def test_a_timeout_is_a_wish(client, timeout, seconds):
    response = client("LOCK", CARD, lockinfo(), timeout=timeout)
    (said,) = root(response).iter(DAV.timeout)
    assert said.text in (f"Second-{seconds}", f"Second-{seconds - 1}")


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (lockinfo("exclusive").replace("write", "read"), {}, 400),
        (lockinfo("private"), {}, 400),
        (lockinfo("exclusive/><D:shared"), {}, 400),
        ("<D:lockinfo xmlns:D='DAV:'/>", {}, 400),
        ("<lockinfo/>", {}, 400),
        ("hello", {}, 400),
        ("", {}, 400),
        (lockinfo(), {"depth": "1"}, 400),
        (lockinfo(), {"depth": "2"}, 400),
        (lockinfo(owner=f"<D:owner>{'x' * 5000}</D:owner>"), {}, 413),
        (lockinfo(owner=""), {}, 200),
    ],
)
def test_a_lock_is_asked_for_with_a_lockinfo(client, body, headers, status):
    response = client("LOCK", CARD, body, **headers)
    assert response.status == status
    assert len(discovered(client, CARD)) == (status == 200)


@dataclass
class Change:
    """A request, and the places (names in LOCKED) where a lock forbids it."""

    places: str
    request: tuple

    def __call__(self, client, **headers):
        method, path, body, said = self.request
        return client(method, path, body, **said, **headers)


CHANGES = {
    "put": Change("card", ("PUT", CARD, NEW, {})),
    "proppatch": Change("card", ("PROPPATCH", CARD, UPDATE, {})),
    "delete": Change("card members", ("DELETE", CARD, b"", {})),
    "move": Change("card members", ("MOVE", CARD, b"", {"destination": WORK + "new.vcf"})),
    "rename": Change("card members", ("MOVE", CARD, b"", {"destination": BOOK + "new.vcf"})),
    "create": Change("members", ("PUT", BOOK + "new.vcf", vcard("new", "New"), {})),
    "bring": Change("members", ("COPY", WORK + "x.vcf", b"", {"destination": BOOK + "x.vcf"})),
    "take": Change("members", ("MOVE", WORK + "x.vcf", b"", {"destination": BOOK + "x.vcf"})),
    "replace": Change(
        "bob", ("COPY", WORK + "bob.vcf", b"", {"destination": OTHER, "overwrite": "T"})
    ),
    "displace": Change("bob members", ("MOVE", WORK + "bob.vcf", b"", {"destination": OTHER})),
    "proppatch book": Change("book", ("PROPPATCH", BOOK, UPDATE, {})),
    "delete book": Change("card bob book members home", ("DELETE", BOOK, b"", {})),
    "move book": Change("card bob members home", ("MOVE", BOOK, b"", {"destination": HOME + "n/"})),
    "replace book": Change("card bob members home", ("COPY", WORK, b"", {"destination": BOOK})),
    "make book": Change("home", ("MKCOL", HOME + "n/", b"", {})),
    "proppatch home": Change("home", ("PROPPATCH", HOME, UPDATE, {})),
    "copy": Change("", ("COPY", CARD, b"", {"destination": WORK + "new.vcf"})),
    "copy book": Change("home", ("COPY", BOOK, b"", {"destination": HOME + "n/"})),
    "get": Change("", ("GET", CARD, b"", {})),
    "export": Change("", ("GET", BOOK, b"", {})),
    "propfind": Change("", ("PROPFIND", BOOK, b"", {})),
    "options": Change("", ("OPTIONS", BOOK, b"", {})),
}
LOCKED = {"card": CARD, "bob": OTHER, "members": BOOK, "book": BOOK, "home": HOME}


@pytest.fixture
def two(client):
    """Cards to bring into alice's friends."""
    client("PUT", WORK + "x.vcf", vcard("x", "X"))
    client("PUT", WORK + "bob.vcf", vcard("bob", "Bobby"))


@pytest.mark.parametrize("place", LOCKED)
@pytest.mark.parametrize("name", CHANGES)
def test_a_lock_forbids_what_changes_its_resource(client, two, lock, name, place):
    """Of Depth 0: on a collection it protects the membership, and its own properties (§7.4)."""
    change, path = CHANGES[name], LOCKED[place]
    forbidden = any(LOCKED[other] == path for other in change.places.split())
    token = lock(path)
    if forbidden:
        response = change(client)
        assert (response.status, condition(response)) == (423, DAV.lock_token_submitted)
        assert root(response).findtext(f".//{DAV.href}") == path
        assert client("GET", CARD).body == ADA
    assert change(client, **{"if": f"<{path}> (<{token}>)"}).status < 300


@pytest.mark.parametrize("place", [BOOK, HOME])
@pytest.mark.parametrize("name", ["put", "proppatch", "delete", "move", "create", "delete book"])
def test_a_deep_lock_is_on_everything_inside(client, lock, name, place):
    token = lock(place, depth="infinity")
    assert CHANGES[name](client).status == 423
    assert discovered(client, CARD) == discovered(client, BOOK) == [token]
    assert CHANGES[name](client, **{"if": f"<{place}> (<{token}>)"}).status < 300


def test_a_token_is_submitted_wherever_it_stands(client, lock):
    token = lock(CARD)
    false = f'(["stale"] <{token}>)'
    assert client.put("ada.vcf", NEW, **{"if": false}).status == 412
    assert client.put("ada.vcf", NEW, **{"if": f"{false} (Not <urn:x>)"}).status == 204


def test_a_wrong_token_is_not_submitted_even_if_the_header_is_true(client, lock):
    token = lock(CARD)
    said = {"if": f"(<{token}x>) (Not <DAV:no-lock>)"}
    assert client.put("ada.vcf", NEW, **said).status == 423


def test_a_token_is_of_no_use_to_anybody_else(client, lock):
    """It can be seen by who can see the resource: that must not be enough (§6.4)."""
    token = lock(CARD)
    client.user = "root"
    assert client.put("ada.vcf", NEW, **{"if": f"(<{token}>)"}).status == 423
    assert client("LOCK", CARD, **{"if": f"(<{token}>)"}).status == 412


def test_shared_locks_stand_beside_each_other(client, lock):
    one, two = lock(CARD, "shared"), lock(CARD, "shared")
    assert one != two
    assert discovered(client, CARD) == [one, two]
    for token in (one, two):
        assert client.put("ada.vcf", NEW, **{"if": f"(<{token}>)"}).status == 204
    assert client.put("ada.vcf", ADA).status == 423


@pytest.mark.parametrize(
    ("one", "other"),
    [("exclusive", "exclusive"), ("exclusive", "shared"), ("shared", "exclusive")],
)
@pytest.mark.parametrize(
    ("first", "depth", "second", "its_depth", "conflict"),
    [
        (CARD, "0", CARD, "0", True),
        (CARD, "0", OTHER, "0", False),
        (BOOK, "0", CARD, "0", False),
        (BOOK, "infinity", CARD, "0", True),
        (HOME, "infinity", CARD, "0", True),
        (BOOK, "infinity", HOME, "0", False),
        (BOOK, "infinity", WORK, "infinity", False),
        (CARD, "0", BOOK, "0", False),
    ],
)
def test_an_exclusive_lock_stands_alone(
    client, lock, one, other, first, depth, second, its_depth, conflict
):
    lock(first, one, depth)
    response = client("LOCK", second, lockinfo(other), depth=its_depth)
    if not conflict:
        assert response.status == 200
        return
    assert (response.status, condition(response)) == (423, DAV.no_conflicting_lock)
    assert root(response).findtext(f".//{DAV.href}") == first


def test_a_deep_lock_says_which_members_stand_in_its_way(client, lock):
    lock(CARD)
    lock(BOOK, "shared")
    response = client("LOCK", HOME, lockinfo(), depth="infinity")
    assert found(response) == {CARD: 423, BOOK: 423, HOME: 424}
    assert discovered(client, HOME) == []


def test_a_lock_on_an_unmapped_url_is_a_reservation(client, lock):
    """Nothing is there: an empty member of an address book would be no card."""
    path, (_, token) = BOOK + "new.vcf", client.sync()
    response = client("LOCK", path, lockinfo())
    assert response.status == 201
    held = response.headers["Lock-Token"].strip("<>")
    assert client("GET", path).status == client("PROPFIND", path).status == 404
    assert client.sync(token) == ({}, token)
    card = vcard("new", "New")
    assert client("PUT", path, card).status == 423
    assert client("LOCK", path, lockinfo("shared")).status == 423
    assert client("PUT", path, card, **{"if": f"(<{held}>)"}).status == 201
    assert discovered(client, path) == [held]
    assert client("UNLOCK", path, lock_token=f"<{held}>").status == 204
    assert client("PUT", path, card).status == 204


def test_a_reservation_ends_with_its_lock(client, lock):
    token = lock(BOOK + "new.vcf")
    assert client("UNLOCK", BOOK + "new.vcf", lock_token=f"<{token}>").status == 204
    assert client.put("new.vcf", vcard("new", "New")).status == 201


def test_a_place_for_a_book_can_be_reserved(client, lock):
    token = lock(HOME + "new/")
    assert client("MKCOL", HOME + "new/").status == 423
    assert client("MKCOL", HOME + "new", **{"if": f"(<{token}>)"}).status == 201


def test_a_locked_book_gets_no_reservation(client, lock):
    token = lock(BOOK)
    assert client("LOCK", BOOK + "new.vcf", lockinfo()).status == 423
    said = {"if": f"<{BOOK}> (<{token}>)"}
    assert client("LOCK", BOOK + "new.vcf", lockinfo(), **said).status == 201


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (HOME + "none/x.vcf", 409),
        (BOOK + ".hidden", 403),
        ("/bob/x/", 404),
        ("/", 405),
        ("/.principals/alice/", 405),
    ],
)
def test_what_cannot_be_cannot_be_locked(client, path, status):
    assert client("LOCK", path, lockinfo()).status == status


def test_a_lock_is_refreshed(client, lock):
    token = lock(CARD, timeout="Second-100")
    response = client("LOCK", CARD, **{"if": f"(<{token}>)"}, timeout="Second-900", depth="1")
    assert (response.status, response.headers.get("Lock-Token")) == (200, None)
    (timeout,) = root(response).iter(DAV.timeout)
    assert timeout.text in ("Second-900", "Second-899")
    assert discovered(client, CARD) == [token]


def test_a_deep_lock_is_refreshed_at_a_member(client, lock):
    token = lock(BOOK, depth="infinity")
    response = client("LOCK", CARD, **{"if": f"<{BOOK}> (<{token}>)"})
    assert response.status == 200
    assert root(response).findtext(f".//{DAV.lockroot}/{DAV.href}") == BOOK


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("(<urn:uuid:none>)", 412),
        ("(Not <urn:uuid:none>)", 412),
        ("(<{elsewhere}>)", 412),
        ("(<{token}> <{elsewhere}>)", 412),
        ("(<{token}>) (<{elsewhere}>)", 400),
        ("(Not <{elsewhere}>)", 412),
        ('(Not ["x"])', 400),
    ],
)
def test_a_refresh_names_one_lock_of_the_resource(client, lock, said, status):
    header = said.format(token=lock(CARD), elsewhere=lock(OTHER))
    response = client("LOCK", CARD, **{"if": header})
    assert response.status == status
    if "Not" not in header and header.count("<") == 1:
        assert condition(response) == DAV.lock_token_matches_request_uri


def test_an_unlocked_resource_is_free(client, lock):
    token = lock(BOOK, depth="infinity")
    assert (
        client("UNLOCK", CARD, lock_token=f"<{token}>").status == 204
    )  # at any place that it covers
    assert discovered(client, BOOK) == []
    assert client.put("ada.vcf", NEW).status == 204


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("", 400),
        ("{token}", 400),
        ("<>", 400),
        ("<urn:uuid:none>", 409),
        ("<{elsewhere}>", 409),
        ("<{token}>", 204),
    ],
)
def test_an_unlock_names_the_lock(client, lock, header, status):
    token, elsewhere = lock(CARD), lock(OTHER)
    response = client("UNLOCK", CARD, lock_token=header.format(token=token, elsewhere=elsewhere))
    assert response.status == status
    if status == 409:
        assert condition(response) == DAV.lock_token_matches_request_uri
    assert discovered(client, CARD) == ([] if status == 204 else [token])


def test_an_admin_ends_the_locks_of_others(client, lock):
    token = lock(CARD)
    client.user = "root"
    assert client("UNLOCK", CARD, lock_token=f"<{token}>").status == 204


def test_an_expired_lock_is_none(client, store, lock):
    token = lock(CARD)
    store.change_locks(
        "alice", lambda locks: tuple(replace(it, expires=time.time() - 1) for it in locks)
    )
    assert discovered(client, CARD) == []
    assert client("LOCK", CARD, **{"if": f"(<{token}>)"}).status == 412
    assert client("UNLOCK", CARD, lock_token=f"<{token}>").status == 409
    assert client.put("ada.vcf", NEW).status == 204
    lock(OTHER)
    assert [it.root for it in store.locks("alice")] == [OTHER]


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (("DELETE", CARD, {}), {OTHER, BOOK}),
        (("MOVE", CARD, {"destination": WORK + "ada.vcf"}), {OTHER, BOOK}),
        (("COPY", CARD, {"destination": WORK + "ada.vcf"}), {CARD, OTHER, BOOK}),
        (("DELETE", BOOK, {}), set()),
        (("MOVE", BOOK, {"destination": HOME + "new/"}), set()),
        (("COPY", WORK, {"destination": BOOK}), {BOOK}),
    ],
)
def test_locks_stay_where_they_are_and_end_with_their_resource(client, store, lock, change, left):
    tokens = [lock(path) for path in (CARD, OTHER, BOOK)]
    method, path, headers = change
    submitted = " ".join(f"(<{token}>)" for token in tokens)
    said = {"if": f"<{CARD}> {submitted} <{BOOK}> {submitted}"}
    assert client(method, path, **headers, **said).status < 300
    assert {it.root for it in store.locks("alice")} == left
    assert discovered(client, HOME) == []


def test_there_is_an_end_of_locks(client, lock):
    client.app = replace(client.app, limits=Limits(max_locks=3))
    for _ in range(3):
        token = lock(CARD, "shared")
    assert client("LOCK", CARD, lockinfo("shared")).status == 507
    client("UNLOCK", CARD, lock_token=f"<{token}>")
    lock(CARD, "shared")


def test_a_lock_in_a_listing_is_never_an_old_one(client, lock):
    """Listings are remembered; what is locked is not part of a book."""

    def tokens():
        body = f"<D:propfind {PREFIXED}><D:prop><D:lockdiscovery/></D:prop></D:propfind>"
        answer = root(client("PROPFIND", BOOK, body, depth="1"))
        return [href.text for href in answer.iterfind(f".//{DAV.locktoken}/{DAV.href}")]

    assert tokens() == []
    token = lock(CARD)
    assert tokens() == [token]
    client("UNLOCK", CARD, lock_token=f"<{token}>")
    assert tokens() == []


def test_where_there_is_a_lock_method_locks_are_supported(client):
    for path, scopes in ((CARD, 2), (BOOK, 2), (HOME, 2), ("/", 0)):
        answer = client.propfind(path, DAV.supportedlock)[path][DAV.supportedlock] or []
        assert answer == [DAV.lockentry] * scopes
        assert ("LOCK" in client("OPTIONS", path).headers["Allow"]) is (scopes > 0)
    assert "2" in client("OPTIONS", BOOK).headers["DAV"].split(", ")


def test_a_locked_book_takes_no_new_card_by_post(client, lock):
    token, new = lock(BOOK), vcard("new", "New")
    assert client("POST", BOOK, new).status == 423
    assert client("POST", BOOK, new, **{"if": f"(<{token}>)"}).status == 201


def test_a_lock_is_on_a_whole_name(client, store):
    """Not on one that begins with it."""
    deep = Lock("urn:uuid:1", HOME + "work", True, True, "alice", XML(), time.time() + 100)
    store.change_locks("alice", lambda locks: (deep,))
    assert client("PUT", HOME + "workshop/a.vcf", ADA).status == 409
    assert client("MKCOL", HOME + "workshop").status == 201
