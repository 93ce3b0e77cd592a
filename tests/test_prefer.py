"""What a client would like of the answer: Prefer (RFC 7240, RFC 8144) and Apple's Brief."""

import pytest
from conftest import BOOK, HOME, PREFIXED, condition, found, vcard
from hypothesis import given
from hypothesis import strategies as st

from pycarddav.dav.names import CARDDAV, DAV
from pycarddav.dav.preferences import preferences
from pycarddav.store import etag

ADA, NEW = vcard("ada", "Ada"), vcard("ada", "Ada Lovelace")
CARD = BOOK + "ada.vcf"
ASKED = f"<D:propfind {PREFIXED}><D:prop><D:displayname/><D:getetag/></D:prop></D:propfind>"
NOTHING = f"<D:propfind {PREFIXED}><D:prop><D:nope/></D:prop></D:propfind>"


@pytest.mark.parametrize(
    ("prefer", "brief", "expected"),
    [
        ("return=minimal", None, {"return=minimal"}),
        ("Return = Minimal", None, {"return=Minimal"}),
        ('return="minimal"', None, {"return=minimal"}),
        ("return-minimal", None, {"return=minimal"}),
        (None, "t", {"return=minimal"}),
        (None, "T", {"return=minimal"}),
        (None, "f", set()),
        ("return=minimal, depth-noroot", None, {"return=minimal", "depth-noroot"}),
        ("depth-noroot;x=1; y, wait=10", None, {"depth-noroot", "wait=10"}),
        ("return=minimal, return=representation", None, {"return=minimal"}),
        (
            'x="a, return=minimal", handling=strict',
            None,
            {"x=a, return=minimal", "handling=strict"},
        ),
        ('x="unclosed, return=minimal', None, {"x=unclosed, return=minimal"}),
        (", ,;=,return=minimal,", None, {"return=minimal"}),
        ("", None, set()),
    ],
)
def test_preferences_as_clients_write_them(prefer, brief, expected):
    assert preferences(prefer, brief) == expected


@given(st.text(max_size=200), st.text(max_size=5))
def test_any_header_is_read(prefer, brief):
    assert isinstance(preferences(prefer, brief), frozenset)


@pytest.mark.parametrize("part", ['a="', 'a="\\",', '"\\', '=",', ",", "a", "a=a;"])
def test_a_long_header_is_read_in_linear_time(part):
    assert len(preferences(part * 50_000)) <= 1


@pytest.mark.parametrize(
    "header", [{"prefer": "return=minimal"}, {"prefer": "return-minimal"}, {"brief": "t"}]
)
def test_a_minimal_answer_is_silent_about_what_is_not_there(client, header):
    client.put("ada.vcf", ADA)
    response = client("PROPFIND", BOOK, ASKED, depth="1", **header)
    assert found(response) == {
        BOOK: {DAV.displayname: "Friends"},
        CARD: {DAV.getetag: etag(ADA)},
    }
    assert response.headers["Preference-Applied"] == "return=minimal"
    assert response.headers["Vary"] == "Prefer, Brief, Accept-Encoding"
    nothing = client("PROPFIND", BOOK, NOTHING, depth="0", **header)
    assert b"HTTP/1.1 200 OK" in nothing.body
    assert found(nothing) == {BOOK: {}}


def test_who_does_not_ask_for_it_hears_everything(client):
    response = client("PROPFIND", BOOK, ASKED, depth="0")
    assert found(response) == {BOOK: {DAV.displayname: "Friends", DAV.getetag: 404}}
    assert "Preference-Applied" not in response.headers
    minimal = client("PROPFIND", BOOK, ASKED, depth="1", prefer="return=minimal")
    full = client("PROPFIND", BOOK, ASKED, depth="1")  # nor is it remembered from somebody else
    assert len(minimal.body) < len(full.body)


def test_every_report_can_be_minimal(client):
    client.put("ada.vcf", ADA)
    client.headers = {"prefer": "return=minimal"}
    names = DAV.getetag, "{DAV:}nope"
    expected = {CARD: {DAV.getetag: etag(ADA)}}
    assert client.multiget(CARD, names=names) == expected
    assert client.query("", *names) == expected
    assert client.sync("", *names)[0] == expected


def test_the_collection_itself_is_left_out_of_its_listing(client):
    client.put("ada.vcf", ADA)
    response = client("PROPFIND", BOOK, ASKED, depth="1", prefer="depth-noroot")
    assert list(found(response)) == [CARD]
    assert response.headers["Preference-Applied"] == "depth-noroot"
    both = client("PROPFIND", HOME, ASKED, depth="1", prefer="return=minimal, depth-noroot")
    assert found(both) == {BOOK: {DAV.displayname: "Friends"}}
    assert both.headers["Preference-Applied"] == "return=minimal, depth-noroot"


def test_a_listing_of_nothing_but_the_root_is_about_the_root(client):
    response = client("PROPFIND", BOOK, ASKED, depth="0", prefer="depth-noroot")
    assert list(found(response)) == [BOOK]
    assert "Preference-Applied" not in response.headers


@pytest.mark.parametrize("before", [None, ADA])
def test_a_put_can_answer_with_the_card(client, before):
    if before:
        client.put("ada.vcf", before)
    response = client.put("ada.vcf", NEW, prefer="return=representation")
    assert (response.status, response.body) == (200 if before else 201, NEW)
    expected = {
        "Content-Location": CARD,
        "Content-Type": "text/vcard; charset=utf-8",
        "ETag": etag(NEW),
        "Preference-Applied": "return=representation",
    }
    assert expected.items() <= response.headers.items()
    assert "Prefer" in response.headers["Vary"]


def test_a_refused_put_can_answer_with_what_is_there(client):
    client.put("ada.vcf", ADA)
    response = client.put("ada.vcf", NEW, if_match='"stale"', prefer="return=representation")
    assert (response.status, response.body, response.headers["ETag"]) == (412, ADA, etag(ADA))
    assert client("GET", CARD).body == ADA
    nothing = client.put("eve.vcf", NEW, if_match='"stale"', prefer="return=representation")
    assert (nothing.status, nothing.headers["Content-Type"]) == (
        412,
        "application/xml; charset=utf-8",
    )


def test_what_was_stored_otherwise_than_sent_can_be_seen_at_once(client):
    response = client.put("ada.vcf", b"\xef\xbb\xbf" + ADA, prefer="return=representation")
    assert (response.body, response.headers["ETag"]) == (ADA, etag(ADA))


def test_a_representation_is_found_under_any_spelling(client):
    response = client.put("%61da%40x.vcf", ADA, prefer="return=representation")
    assert (response.status, response.body) == (201, ADA)
    assert response.headers["Content-Location"] == BOOK + "ada@x.vcf"


INCOMPLETE = {
    "mark": b"\xef\xbb\xbf" + ADA,
    "uid": b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada\r\nEND:VCARD\r\n",
    "fn": b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:ada\r\nEND:VCARD\r\n",
}


@pytest.mark.parametrize("card", INCOMPLETE.values(), ids=INCOMPLETE)
def test_strict_handling_forgives_nothing(client, card):
    response = client.put("ada.vcf", card, prefer="handling=strict")
    assert (response.status, condition(response)) == (403, CARDDAV.valid_address_data)
    assert client.put("ada.vcf", card, prefer="handling=lenient").status == 201


def test_strict_handling_takes_what_is_right(client):
    response = client.put("ada.vcf", ADA, prefer="handling=strict")
    assert (response.status, response.headers["Preference-Applied"]) == (201, "handling=strict")


def test_a_post_to_a_name_that_is_taken_can_still_answer_with_the_card(client):
    client.put("ada.vcf", ADA)
    bob = vcard("bob", "Bob")
    response = client("POST", BOOK, bob, slug="ada", prefer="return=representation")
    assert (response.status, response.body) == (201, bob)


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
@pytest.mark.parametrize("before", [None, vcard("ada", "Ada in another book")])
def test_a_copy_can_answer_with_the_card(client, method, before):
    client("MKCOL", HOME + "work/")
    client.put("ada.vcf", ADA)
    there = HOME + "work/ada.vcf"
    if before:
        client("PUT", there, before)
    response = client(method, CARD, destination=there, prefer="return=representation")
    assert (response.status, response.body) == (200 if before else 201, ADA)
    assert response.headers["Content-Location"] == there
    assert response.headers["Preference-Applied"] == "return=representation"


def test_a_destination_says_nothing_to_a_put(client):
    client.user = "bob"
    client("PUT", "/bob/contacts/eve.vcf", NEW)
    client.user = "alice"
    there = {"destination": "/bob/contacts/eve.vcf", "prefer": "return=representation"}
    assert client.put("ada.vcf", ADA, **there).body == ADA


@pytest.mark.parametrize("header", [{"prefer": "return=minimal"}, {"brief": "t"}])
def test_a_success_can_be_told_by_its_status_alone(client, header):
    named = "<D:displayname>People</D:displayname>"
    client.headers = header
    response = client.set(BOOK, named)
    assert (response.status, response.body) == (204, b"")
    assert response.headers["Preference-Applied"] == "return=minimal"
    assert client.propfind(BOOK, DAV.displayname)[BOOK] == {DAV.displayname: "People"}
    refused = client.set(BOOK, named, "<D:sync-token>x</D:sync-token>")
    assert found(refused)[BOOK] == {DAV.sync_token: 403, DAV.displayname: 424}
    assert "Preference-Applied" not in refused.headers
