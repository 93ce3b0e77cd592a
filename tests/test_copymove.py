"""COPY and MOVE (RFC 4918 §9.8, §9.9, §10.3, §10.6)."""

import pytest
from conftest import ALICE, BOOK, HOME, PREFIXED, condition, root, vcard

from pycarddav.dav.errors import BadGateway, BadRequest
from pycarddav.dav.headers import ANYTHING
from pycarddav.dav.names import CARDDAV, DAV
from pycarddav.protocol.urls import local

ADA = vcard("ada", "Ada")
OLD = vcard("ada", "Ada of old")
WORK = HOME + "work/"
ORIGIN = "http://localhost:5236"
COLOR = "{urn:x}color"


@pytest.fixture
def work(client):
    client("MKCOL", WORK)


@pytest.fixture
def ada(client):
    """A card with a property."""
    client.put("ada.vcf", ADA)
    color = "<x:color xmlns:x='urn:x'>red</x:color>"
    client("PROPPATCH", BOOK + "ada.vcf", updating(color))
    return BOOK + "ada.vcf"


def updating(*props):
    inner = f"<D:set><D:prop>{''.join(props)}</D:prop></D:set>"
    return f"<D:propertyupdate {PREFIXED}>{inner}</D:propertyupdate>"


def color(client, path):
    return client.propfind(path, COLOR)[path][COLOR]


def listed(client, book):
    return [path for path in client.propfind(book, DAV.getetag, depth="1") if path != book]


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_a_card_goes_to_another_book_with_its_properties(client, work, ada, method):
    _, token = client.sync()
    assert client(method, ada, destination=WORK + "new.vcf").status == 201
    assert client("GET", WORK + "new.vcf").body == ADA
    assert color(client, WORK + "new.vcf") == "red"
    assert client.sync(path=WORK)[0].keys() == {WORK + "new.vcf"}
    stays = method == "COPY"
    assert client("GET", ada).status == (200 if stays else 404)
    assert client.sync(token)[0] == ({} if stays else {ada: 404})


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
@pytest.mark.parametrize(("overwrite", "status"), [("", 204), ("T", 204), ("F", 412), (" f ", 412)])
def test_overwrite_decides_about_what_is_there(client, work, ada, method, overwrite, status):
    etag = client("PUT", WORK + "there.vcf", OLD).headers["ETag"]
    response = client(method, ada, destination=WORK + "there.vcf", overwrite=overwrite)
    assert response.status == status
    replaced = status == 204
    assert client("GET", WORK + "there.vcf").body == (ADA if replaced else OLD)
    assert color(client, WORK + "there.vcf") == ("red" if replaced else 404)
    assert client("GET", ada).status == (404 if replaced and method == "MOVE" else 200)
    assert replaced or response.headers["ETag"] == etag


def test_a_copy_has_the_properties_of_what_it_is_a_copy_of_and_no_others(client, work, ada):
    client("PUT", WORK + "there.vcf", OLD)
    client("PROPPATCH", WORK + "there.vcf", updating("<x:other xmlns:x='urn:x'>1</x:other>"))
    client("COPY", ada, destination=WORK + "there.vcf")
    names = COLOR, "{urn:x}other"
    assert client.propfind(WORK + "there.vcf", *names) == {
        WORK + "there.vcf": {COLOR: "red", "{urn:x}other": 404}
    }


def test_a_card_can_get_another_name(client, ada):
    etag = client("GET", ada).headers["ETag"]
    _, token = client.sync()
    assert client("MOVE", ada, destination=BOOK + "lovelace").status == 201
    assert client("GET", BOOK + "lovelace").headers["ETag"] == etag
    assert client.sync(token)[0] == {BOOK + "lovelace": {DAV.getetag: etag}, ada: 404}


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_a_uid_stays_unique_in_its_book(client, work, ada, method):
    client("PUT", WORK + "other.vcf", OLD)
    response = client(method, ada, destination=WORK + "new.vcf")
    assert (response.status, condition(response)) == (409, CARDDAV.no_uid_conflict)
    assert root(response).findtext(f".//{DAV.href}") == WORK + "other.vcf"
    client("PUT", WORK + "bob.vcf", vcard("bob", "Bob"))
    response = client(method, ada, destination=WORK + "bob.vcf")
    assert (response.status, condition(response)) == (409, CARDDAV.no_uid_conflict)
    assert listed(client, WORK) == [WORK + "bob.vcf", WORK + "other.vcf"]
    assert client("GET", ada).status == 200


def test_a_copy_beside_itself_has_its_uid(client, ada):
    response = client("COPY", ada, destination=BOOK + "twin.vcf")
    assert (response.status, condition(response)) == (409, CARDDAV.no_uid_conflict)


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
@pytest.mark.parametrize(
    ("destination", "status"),
    [
        ("", 400),
        ("work/new.vcf", 400),
        ("http://[::1/x", 400),
        ("http://localhost:x/alice/work/new.vcf", 400),
        (WORK + "%ff.vcf", 400),
        (WORK + "new.vcf#here", 400),
        (WORK + "../../bob", 400),
        ("http://example.com/alice/work/new.vcf", 502),
        ("http://localhost/alice/work/new.vcf", 502),
        ("//example.com/alice/work/new.vcf", 502),
        (ORIGIN + WORK + "new.vcf", 201),
        ("https://LOCALHOST:5236" + WORK + "new.vcf", 201),
        ("//localhost:5236" + WORK + "new.vcf", 201),
        (WORK + "new.vcf", 201),
        (WORK + "J%C3%BCrgen%20%2B.vcf", 201),
        (WORK + "Jürgen.vcf", 201),
        (BOOK + "ada.vcf", 403),
        (BOOK + "%61da.vcf", 403),
        (HOME + "none/new.vcf", 409),
        (WORK + "x/new.vcf", 409),
        ("/nobody/work/new.vcf", 409),
        ("/bob/friends/new.vcf", 409),
        (HOME + "new.vcf", 403),
        (WORK, 403),
        (HOME, 403),
        ("/", 403),
        ("/.principals/alice/", 403),
        ("/.well-known/x", 409),
        (WORK + ".hidden.vcf", 403),
        (WORK + "a%2Fb.vcf", 403),
        (WORK + "n" * 300, 403),
    ],
)
def test_a_destination_is_a_place_for_a_card(client, store, work, ada, method, destination, status):
    client.user = "bob"
    client("PROPFIND", "/")  # at the first login he has a home
    client.user = "alice"
    before = listed(client, WORK)
    assert client(method, ada, destination=destination).status == status
    assert client("GET", ada).status == (404 if method == "MOVE" and status == 201 else 200)
    assert len(listed(client, WORK)) == len(before) + (status == 201)


def test_the_destination_is_decoded_once(client, work, ada):
    client("MOVE", ada, destination=WORK + "100%2525.vcf")
    assert listed(client, WORK) == [WORK + "100%2525.vcf"]


@pytest.mark.parametrize(
    ("uri", "origin", "base", "path"),
    [
        ("/contacts/alice/", "http://h", "/contacts", "/alice/"),
        ("https://h/contacts/alice/x%20y", "https://h", "/contacts", "/alice/x%20y"),
        ("https://h:443/a", "https://h", "", "/a"),
        ("https://h/a", "http://h", "", "/a"),
        ("https://h/a", "http://h:80", "", "/a"),
        ("https://h/a", "https://h:443", "", "/a"),
        ("http://[::1]:5236/a", "http://[::1]:5236", "", "/a"),
        ("http://user@h/a?x=1", "http://h", "", "/a"),
    ],
)
def test_a_uri_in_a_header_is_read_as_the_proxy_leaves_it(uri, origin, base, path):
    assert local(uri, origin, base) == path


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        ("/alice/", BadGateway),  # outside the base path: another program's
        ("https://h:8443/contacts/a", BadGateway),
        ("mailto:a@example.com", BadRequest),
        ("", BadRequest),
        ("?", BadRequest),
    ],
)
def test_a_uri_that_is_not_ours_is_not_taken_for_it(uri, error):
    with pytest.raises(error):
        local(uri, "https://h", "/contacts")


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_conditions_are_about_the_source(client, work, ada, method):
    etag = client("GET", ada).headers["ETag"]
    destination = WORK + "new.vcf"
    assert client(method, ada, destination=destination, if_match='"stale"').status == 412
    assert client(method, ada, destination=destination, if_none_match="*").status == 412
    assert listed(client, WORK) == []
    assert client(method, ada, destination=destination, if_match=etag).status == 201


def test_what_is_copied_is_what_the_condition_is_about(client, store, work, ada):
    """Another phone may be quicker than the condition."""

    cards = store.cards

    def read(book, names=None):
        if names == ["ada.vcf"]:
            store.put(book, "ada.vcf", OLD, "ada", ANYTHING, ALICE)
        return cards(book, names)

    etag = client("GET", ada).headers["ETag"]
    store.cards = read
    assert client("COPY", ada, destination=WORK + "new.vcf", if_match=etag).status == 412
    store.cards = cards
    assert listed(client, WORK) == []


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_an_if_header_can_be_about_both_ends(client, work, ada, method):
    there = client("PUT", WORK + "there.vcf", OLD).headers["ETag"]
    here = client("GET", ada).headers["ETag"]

    def attempt(source, destination):
        said = f"<{ada}> ([{source}]) <{ORIGIN}{WORK}there.vcf> ([{destination}])"
        return client(method, ada, destination=WORK + "there.vcf", **{"if": said}).status

    assert attempt('"stale"', '"stale"') == 412
    assert client("GET", WORK + "there.vcf").body == OLD
    assert attempt(here, there) == 204


@pytest.fixture
def full(client, ada):
    """Alice's friends, with everything that a book can have."""
    named = "<D:displayname>Pals</D:displayname>"
    about = "<C:addressbook-description xml:lang='en'>All</C:addressbook-description>"
    client("PROPPATCH", BOOK, updating(named, about, "<x:color xmlns:x='urn:x'>blue</x:color>"))
    client.put("bob.vcf", vcard("bob", "Bob"))
    return BOOK


ABOUT = DAV.displayname, CARDDAV.addressbook_description, COLOR


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_a_whole_book_goes_with_everything(client, full, method):
    about = client.propfind(BOOK, *ABOUT)[BOOK]
    assert client(method, full, destination=HOME + "new").status == 201
    assert client.propfind(HOME + "new/", *ABOUT) == {HOME + "new/": about}
    assert listed(client, HOME + "new/") == [HOME + "new/ada.vcf", HOME + "new/bob.vcf"]
    assert client("GET", HOME + "new/ada.vcf").body == ADA
    assert color(client, HOME + "new/ada.vcf") == "red"
    assert client("PROPFIND", BOOK).status == (207 if method == "COPY" else 404)


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
@pytest.mark.parametrize(("overwrite", "status"), [("T", 204), ("F", 412)])
def test_a_book_is_replaced_and_not_merged(client, work, full, method, overwrite, status):
    client("PUT", WORK + "old.vcf", OLD)
    assert client(method, full, destination=WORK, overwrite=overwrite).status == status
    if status == 412:
        assert listed(client, WORK) == [WORK + "old.vcf"]
        assert listed(client, BOOK) == [BOOK + "ada.vcf", BOOK + "bob.vcf"]
        return
    assert listed(client, WORK) == [WORK + "ada.vcf", WORK + "bob.vcf"]
    assert client.sync(path=WORK)[0].keys() == {WORK + "ada.vcf", WORK + "bob.vcf"}


def test_a_copy_of_depth_0_has_no_cards(client, full):
    assert client("COPY", full, destination=HOME + "new/", depth="0").status == 201
    assert client.propfind(HOME + "new/", DAV.displayname, depth="1") == {
        HOME + "new/": {DAV.displayname: "Pals"}
    }


@pytest.mark.parametrize(
    ("method", "depth", "status"),
    [("COPY", "1", 400), ("COPY", "infinity", 201), ("MOVE", "0", 400), ("MOVE", "infinity", 201)],
)
def test_a_book_goes_as_a_whole(client, full, method, depth, status):
    assert client(method, full, destination=HOME + "new/", depth=depth).status == status


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
@pytest.mark.parametrize(
    ("destination", "status"),
    [
        (BOOK + "inside/", 403),
        (WORK + "inside/", 403),
        (WORK + "card.vcf", 403),
        (HOME, 403),
        ("/", 403),
        (BOOK, 403),
        (HOME + "no/such/place/", 409),
        ("/nobody/new/", 409),
        ("/bob/new/", 409),
    ],
)
def test_a_destination_is_a_place_for_a_book(client, work, full, method, destination, status):
    client("PUT", WORK + "card.vcf", OLD)
    client.user = "bob"
    client("PROPFIND", "/")
    client.user = "alice"
    response = client(method, full, destination=destination)
    assert response.status == status
    if status == 403 and destination != BOOK:
        assert condition(response) == CARDDAV.addressbook_collection_location_ok
    assert listed(client, BOOK) == [BOOK + "ada.vcf", BOOK + "bob.vcf"]
    assert listed(client, WORK) == [WORK + "card.vcf"]


def test_an_admin_moves_a_book_to_another_home(client, full):
    client.user = "bob"
    client("PROPFIND", "/")
    client.user = "root"
    assert client("MOVE", full, destination="/bob/friends/").status == 201
    client.user = "bob"
    assert listed(client, "/bob/friends/") == ["/bob/friends/ada.vcf", "/bob/friends/bob.vcf"]


@pytest.mark.parametrize("path", ["/", HOME, "/.principals/", "/.principals/alice/"])
@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_nothing_else_moves(client, path, method):
    assert client(method, path, destination=HOME + "new/").status == 405
