"""POST of a card to a book (RFC 5995)."""

import pytest
from conftest import BOOK, HOME, PREFIXED, condition, root, vcard

from pycarddav.dav.errors import NeedPrivileges
from pycarddav.dav.names import CARDDAV, DAV
from pycarddav.model import Principal
from pycarddav.protocol.context import Context
from pycarddav.protocol.messages import Request
from pycarddav.protocol.methods.post import add_member
from pycarddav.store import etag

ADA, BOB = vcard("ada", "Ada"), vcard("bob", "Bob")
ORIGIN = "http://localhost:5236"


def test_a_card_is_added_where_the_book_says(client):
    body = f"<D:propfind {PREFIXED}><D:prop><D:add-member/></D:prop></D:propfind>"
    answer = root(client("PROPFIND", BOOK, body, depth="0"))
    where = answer.findtext(f".//{DAV.add_member}/{DAV.href}")
    response = client("POST", where, ADA, content_type="text/vcard")
    assert (response.status, response.headers["ETag"]) == (201, etag(ADA))
    location = response.headers["Location"]
    assert location.startswith(ORIGIN + BOOK)
    assert location.endswith(".vcf")
    assert client("GET", location.removeprefix(ORIGIN)).body == ADA


@pytest.mark.parametrize(
    ("slug", "name"),
    [
        ("ada", "ada.vcf"),
        ("ada.vcf", "ada.vcf"),
        ("Ada_B-1@x.example", "Ada_B-1@x.example.vcf"),
        ("J%C3%BCrgen", "J%C3%BCrgen.vcf"),
        ("a%20b", None),
        ("..", None),
        (".vcf", None),
        (".hidden", None),
        ("..%2F..%2Feve", None),
        ("a%00", None),
        ("%ff", None),
        ("x" * 300, None),
        ("", None),
    ],
)
def test_a_slug_is_the_name_where_it_can_be_one(client, slug, name):
    response = client("POST", BOOK, ADA, slug=slug)
    location = response.headers["Location"].removeprefix(ORIGIN)
    assert response.status == 201
    assert list(client.propfind(BOOK, DAV.getetag, depth="1")) == [BOOK, location]
    assert (location == BOOK + (name or "")) is bool(name)


def test_a_slug_that_is_taken_is_no_obstacle(client):
    client.put("ada.vcf", ADA)
    response = client("POST", BOOK, BOB, slug="ada", if_match='"x"')
    assert response.status == 201
    assert client("GET", BOOK + "ada.vcf").body == ADA


def test_what_is_added_obeys_the_rules_of_a_put(client):
    client.put("ada.vcf", ADA)
    again = client("POST", BOOK, ADA)
    assert (again.status, condition(again)) == (409, CARDDAV.no_uid_conflict)
    nonsense = client("POST", BOOK, "hello")
    assert (nonsense.status, condition(nonsense)) == (403, CARDDAV.valid_address_data)
    large = client("POST", BOOK, vcard("bob", "B" * 30_000))
    assert (large.status, condition(large)) == (403, CARDDAV.max_resource_size)


def test_a_post_can_answer_with_the_card(client):
    response = client("POST", BOOK, ADA, prefer="return=representation")
    assert (response.status, response.body) == (201, ADA)
    assert ORIGIN + response.headers["Content-Location"] == response.headers["Location"]


def test_who_may_not_bind_adds_nothing(client):
    """Nobody can be given a book to read only, so far: the method is asked directly."""
    book, request = client.app.store.book("alice", "friends"), Request("POST", BOOK, {}, ADA)
    ctx = Context(request, Principal("mallory"), client.app.store, client.app.limits)
    with pytest.raises(NeedPrivileges):
        add_member(book, ctx)


def test_a_location_is_below_the_base_path(client):
    client.app = type(client.app)(client.app.store, client.app.authenticate, base="/dav")
    assert client("POST", BOOK, ADA, slug="ada").headers["Location"] == f"{ORIGIN}/dav{BOOK}ada.vcf"


@pytest.mark.parametrize("path", ["/", HOME, BOOK + "ada.vcf", "/.principals/alice/"])
def test_only_a_book_takes_new_members(client, path):
    client.put("ada.vcf", ADA)
    assert client("POST", path, ADA).status == 405


def test_another_sites_page_adds_no_cards(client):
    """A browser sends its form without asking first, with the password of whoever is logged in."""
    foreign = client("POST", BOOK, vcard("eve", "Eve"), sec_fetch_site="cross-site")
    assert (foreign.status, client.sync()[0]) == (403, {})
    assert client("POST", BOOK, vcard("eve", "Eve"), sec_fetch_site="same-origin").status == 201


def test_a_slug_of_long_characters_is_no_longer_than_a_name(client):
    assert client("POST", BOOK, vcard("eve", "Eve"), slug="%F0%9D%92%9C" * 80).status == 201
