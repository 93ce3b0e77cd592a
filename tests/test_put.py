"""PUT (RFC 6352 §6.3.2, RFC 9110 §13.1)."""

import pytest
from conftest import BOOK, HOME, condition, root, vcard

from pycarddav.dav.names import CARDDAV, DAV
from pycarddav.store import etag

ADA = vcard("ada", "Ada")
NEW = vcard("ada", "Ada Lovelace")


def test_a_new_card_is_created(client):
    response = client.put("ada.vcf", ADA, if_none_match="*")
    assert (response.status, response.headers["ETag"]) == (201, etag(ADA))
    assert client("GET", BOOK + "ada.vcf").body == ADA


def test_a_card_is_replaced(client):
    client.put("ada.vcf", ADA)
    response = client.put("ada.vcf", NEW)
    assert (response.status, response.headers["ETag"]) == (204, etag(NEW))
    assert client("GET", BOOK + "ada.vcf").body == NEW


@pytest.mark.parametrize(
    "header", ["{}", '"other", {}', '{} , W/"other"', "W/{}", "*", "bare", "gzip", "doubled"]
)
def test_the_current_etag_lets_the_change_through(client, header):
    current = client.put("ada.vcf", ADA).headers["ETag"]
    spelling = {
        "bare": current.strip('"'),
        "gzip": current[:-1] + '-gzip"',
        "doubled": '\\"' + current.strip('"') + '\\"',
    }.get(header, header.format(current))
    assert client.put("ada.vcf", NEW, if_match=spelling).status == 204


@pytest.mark.parametrize("header", ['"stale"', 'W/"stale"', "stale", '"a", "b"', '""'])
def test_a_stale_etag_changes_nothing(client, header):
    client.put("ada.vcf", ADA)
    response = client.put("ada.vcf", NEW, if_match=header)
    assert (response.status, response.headers["ETag"]) == (412, etag(ADA))
    assert client("GET", BOOK + "ada.vcf").body == ADA


def test_if_none_match_protects_what_is_there(client):
    client.put("ada.vcf", ADA)
    assert client.put("ada.vcf", NEW, if_none_match="*").status == 412
    assert client.put("ada.vcf", NEW, if_none_match=etag(ADA)).status == 412
    assert client.put("ada.vcf", NEW, if_none_match='"other"').status == 204


@pytest.mark.parametrize("header", ["*", '"any"'])
def test_if_match_on_nothing_is_412(client, header):
    assert client.put("ada.vcf", ADA, if_match=header).status == 412
    assert client("GET", BOOK + "ada.vcf").status == 404


def test_an_empty_condition_is_none(client):
    """KDE sends an empty If-Match when it knows no etag."""
    assert client.put("ada.vcf", ADA, if_match="").status == 201


def test_one_uid_one_card(client):
    client.put("ada.vcf", ADA)
    response = client.put("again.vcf", ADA)
    assert (response.status, condition(response)) == (409, CARDDAV.no_uid_conflict)
    assert root(response).findtext(f".//{DAV.href}") == BOOK + "ada.vcf"
    assert client("GET", BOOK + "again.vcf").status == 404


def test_a_card_keeps_its_uid(client):
    client.put("ada.vcf", ADA)
    response = client.put("ada.vcf", vcard("bob", "Bob"))
    assert (response.status, condition(response)) == (409, CARDDAV.no_uid_conflict)
    assert root(response).findtext(f".//{DAV.href}") == BOOK + "ada.vcf"


@pytest.mark.parametrize("spelling", ["urn:uuid:ada", "URN:UUID:ada", "urn:uuid:urn:uuid:ada"])
def test_a_uid_may_gain_and_lose_its_prefix(client, spelling):
    """eM Client adds it, DAVx⁵ strips it."""
    client.put("ada.vcf", ADA)
    assert client.put("ada.vcf", vcard(spelling, "Ada")).status == 204
    assert client.put("ada.vcf", ADA).status == 204


def test_the_same_uid_in_another_book_is_fine(client):
    client("MKCOL", HOME + "work/")
    client.put("ada.vcf", ADA)
    assert client("PUT", HOME + "work/ada.vcf", ADA).status == 201


def test_a_deleted_cards_uid_is_free(client):
    client.put("ada.vcf", ADA)
    client("DELETE", BOOK + "ada.vcf")
    assert client.put("again.vcf", ADA).status == 201


def test_what_is_not_a_vcard_is_refused(client):
    response = client.put("ada.vcf", b"hello")
    assert (response.status, condition(response)) == (403, CARDDAV.valid_address_data)
    assert client("GET", BOOK + "ada.vcf").status == 404


def test_the_advertised_size_limit_is_the_enforced_one(client):
    limit = int(client.propfind(BOOK, CARDDAV.max_resource_size)[BOOK][CARDDAV.max_resource_size])
    empty = len(vcard("ada", ""))
    response = client.put("ada.vcf", vcard("ada", "A" * (limit - empty + 1)))
    assert (response.status, condition(response)) == (403, CARDDAV.max_resource_size)
    assert client.put("ada.vcf", vcard("ada", "A" * (limit - empty))).status == 201


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("..%2Feve.vcf", 403),
        ("a%2Fb.vcf", 403),
        ("%2e%2e", 400),
        ("%2e", 400),
        (".hidden.vcf", 403),
        (".properties.json", 403),
        ("a%00b.vcf", 403),
        ("a%0Ab.vcf", 403),
        ("a%7Fb.vcf", 403),
        ("%ff.vcf", 400),
        ("x" * 252 + ".vcf", 403),
        ("%C3%A9" * 126 + ".vcf", 403),
        ("x/y.vcf", 409),
        ("eve.vcf/", 403),
        ("eve.vcf#fragment", 400),
    ],
)
def test_a_name_is_never_a_way_out(client, name, status):
    assert client.put(name, ADA).status == status
    assert list(client.propfind(BOOK, DAV.getetag, depth="1")) == [BOOK]


@pytest.mark.parametrize(
    ("sent", "canonical"),
    [
        ("ada.vcf", "ada.vcf"),
        ("a b.vcf", "a%20b.vcf"),
        ("a%20b.vcf", "a%20b.vcf"),
        ("a+b.vcf", "a+b.vcf"),
        ("ada%40example.com.vcf", "ada@example.com.vcf"),
        ("%7e%61.vcf", "~a.vcf"),
        ("J%C3%BCrgen.vcf", "J%C3%BCrgen.vcf"),
        ("Ju%CC%88rgen.vcf", "Ju%CC%88rgen.vcf"),
        ("a%3Bb&c='d'.vcf", "a;b&c='d'.vcf"),
        ("100%25.vcf", "100%25.vcf"),
        ("%F0%9F%98%80.vcf", "%F0%9F%98%80.vcf"),
        ("x" * 100 + ".vcf", "x" * 100 + ".vcf"),
    ],
)
def test_a_card_has_one_spelling_in_every_answer(client, sent, canonical):
    response = client.put(sent, ADA)
    assert response.status == 201
    expected = None if sent == canonical else f"http://localhost:5236{BOOK}{canonical}"
    assert response.headers.get("Location") == expected
    assert BOOK + canonical in client.propfind(BOOK, DAV.getetag, depth="1")
    assert BOOK + canonical in client.sync()[0]
    assert BOOK + canonical in client.query("<C:filter/>")
    for spelling in (sent, canonical):
        assert client("GET", BOOK + spelling).body == ADA
        assert BOOK + canonical in client.multiget(BOOK + spelling)


def test_composed_and_decomposed_names_are_two_cards(client):
    client.put("J%C3%BCrgen.vcf", vcard("1", "composed"))
    client.put("Ju%CC%88rgen.vcf", vcard("2", "decomposed"))
    assert b"composed" in client("GET", BOOK + "J%C3%BCrgen.vcf").body
    assert b"decomposed" in client("GET", BOOK + "Ju%CC%88rgen.vcf").body


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 405), (HOME, 405), (BOOK, 405), (HOME + "x", 403), (HOME + "no/a.vcf", 409)],
)
def test_a_card_belongs_into_a_book(client, path, status):
    assert client("PUT", path, ADA).status == status


def test_a_part_of_a_card_is_not_a_card(client):
    assert client.put("ada.vcf", ADA, content_range="bytes 0-9/100").status == 400


def test_the_log_says_why_a_card_was_refused_and_not_what_stands_in_it(client, caplog):
    caplog.set_level("INFO")
    client.put('a"da.vcf', ADA.replace(b"FN:Ada", b"FN Ada secret"))
    assert [record.getMessage() for record in caplog.records] == [
        r'refused PUT "/alice/friends/a\"da.vcf" "line 4: this is no content line: a name, at most'
        ' 1000 parameters, a colon, a value"'
    ]
    caplog.clear()
    client.put("ada.vcf", NEW, if_match='"stale"')
    assert caplog.records == []
