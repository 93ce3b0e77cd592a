"""GET (RFC 9110 §13, §14): a card, a part of it, a whole book, and the page at the root."""

import pytest
from conftest import BOOK, HOME, PREFIXED, vcard
from hypothesis import given
from hypothesis import strategies as st

from pycarddav.dav.headers import attachment, byte_range, http_date, seconds

ADA = vcard("ada", "Ada")
LONG_AGO = "Sun, 06 Nov 1994 08:49:37 GMT"
FAR_OFF = "Fri, 31 Dec 9999 23:59:59 GMT"


def body(response) -> bytes:
    return response.body if isinstance(response.body, bytes) else b"".join(response.body)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if_modified_since": FAR_OFF}, 304),
        ({"if_modified_since": LONG_AGO}, 200),
        ({"if_modified_since": "yesterday"}, 200),
        ({"if_modified_since": FAR_OFF, "if_none_match": '"other"'}, 200),
        ({"if_modified_since": LONG_AGO, "if_none_match": "*"}, 304),
        ({"if_unmodified_since": FAR_OFF}, 200),
        ({"if_unmodified_since": LONG_AGO}, 412),
        ({"if_unmodified_since": "yesterday"}, 200),
        ({"if_unmodified_since": LONG_AGO, "if_match": "*"}, 200),
        ({"if_unmodified_since": FAR_OFF, "if_match": '"other"'}, 412),
        ({"if_unmodified_since": LONG_AGO, "if_modified_since": FAR_OFF}, 412),
    ],
)
def test_dates_count_where_there_is_no_etag(client, headers, status):
    client.put("ada.vcf", ADA)
    assert client("GET", BOOK + "ada.vcf", **headers).status == status


def test_last_modified_is_known_to_itself(client):
    client.put("ada.vcf", ADA)
    date = client("GET", BOOK + "ada.vcf").headers["Last-Modified"]
    assert client("GET", BOOK + "ada.vcf", if_modified_since=date).status == 304
    assert client.put("ada.vcf", ADA, if_unmodified_since=date).status == 204


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_what_was_modified_since_is_not_changed(client, method):
    etag = client.put("ada.vcf", ADA).headers["ETag"]
    response = client(method, BOOK + "ada.vcf", vcard("ada", "X"), if_unmodified_since=LONG_AGO)
    assert (response.status, response.headers["ETag"]) == (412, etag)
    assert client("GET", BOOK + "ada.vcf").body == ADA


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784111777),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784111777),
        ("Sun Nov  6 08:49:37 1994", 784111777),
        ("Sun, 06 Nov 1994 08:49:37 +9999999", None),
        ("1 Jan 1 1:1:" + "1" * 5000, None),
        ("", None),
        (None, None),
    ],
)
def test_a_date_is_read_in_all_its_forms(written, read):
    assert seconds(written) == read


@given(st.integers(0, 2**32))
def test_a_date_survives_being_written(moment):
    assert seconds(http_date(moment)) == moment


@given(st.text())
def test_any_date_and_any_range_is_read(text):
    assert seconds(text) is None or isinstance(seconds(text), int)
    part = byte_range(f"bytes={text}", 10)
    assert part is None or set(part) <= set(range(10))


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-4", range(5)),
        ("bytes=0-0", range(1)),
        ("bytes=5-", range(5, 10)),
        ("bytes=5-99", range(5, 10)),
        ("bytes=-3", range(7, 10)),
        ("bytes=-99", range(10)),
        (" Bytes = 2 - 3 ", range(2, 4)),
        ("bytes=10-", range(0)),
        ("bytes=10-12", range(0)),
        ("bytes=-0", range(0)),
        ("bytes=4-2", None),
        ("bytes=0-1,3-4", None),
        ("bytes=-", None),
        ("bytes=x-y", None),
        ("lines=0-4", None),
        (f"bytes=0-{'9' * 30}", None),
        ("", None),
        (None, None),
    ],
)
def test_a_range_is_a_part_or_everything(header, part):
    assert byte_range(header, 10) == part


def test_a_part_of_a_card_can_be_had(client):
    etag = client.put("ada.vcf", ADA).headers["ETag"]
    for if_range in ("", etag):
        response = client("GET", BOOK + "ada.vcf", range="bytes=6-10", if_range=if_range)
        assert (response.status, response.body) == (206, b"VCARD")
        assert response.headers["Content-Range"] == f"bytes 6-10/{len(ADA)}"
        assert response.headers["ETag"] == etag


@pytest.mark.parametrize("if_range", ['"other"', "W/{etag}", FAR_OFF, LONG_AGO])
def test_a_part_of_something_else_is_useless(client, if_range):
    etag = client.put("ada.vcf", ADA).headers["ETag"]
    response = client(
        "GET", BOOK + "ada.vcf", range="bytes=6-10", if_range=if_range.format(etag=etag)
    )
    assert (response.status, response.body) == (200, ADA)


def test_only_a_get_has_parts(client):
    client.put("ada.vcf", ADA)
    assert client("HEAD", BOOK + "ada.vcf", range="bytes=6-10").status == 200


def test_beyond_its_end_a_card_has_nothing(client):
    client.put("ada.vcf", ADA)
    response = client("GET", BOOK + "ada.vcf", range=f"bytes={len(ADA)}-")
    assert (response.status, response.headers["Content-Range"]) == (416, f"bytes */{len(ADA)}")


def test_a_book_is_one_file_of_its_cards(client):
    without_end = vcard("bob", "Bob").rstrip()
    client.put("b.vcf", without_end)
    client.put("a.vcf", ADA)
    response = client("GET", BOOK)
    assert (response.status, body(response)) == (200, ADA + without_end + b"\r\n")
    assert response.headers["Content-Type"] == "text/vcard; charset=utf-8"
    assert response.headers["Content-Disposition"] == (
        "attachment; filename=\"Friends.vcf\"; filename*=UTF-8''Friends.vcf"
    )


def test_a_book_that_has_not_changed_is_not_sent_again(client):
    client.put("a.vcf", ADA)
    etag = client("GET", BOOK).headers["ETag"]
    assert etag.startswith('W/"')
    assert client("GET", BOOK, if_none_match=etag).status == 304
    client.put("b.vcf", vcard("bob", "Bob"))
    assert client("GET", BOOK, if_none_match=etag).status == 200


def test_an_empty_book_is_an_empty_file(client):
    response = client("GET", BOOK)
    assert (response.status, body(response)) == (200, b"")


def test_a_book_is_sent_while_it_is_read(client, store):
    """Ten thousand photos must not be in memory at once."""
    client.put("a.vcf", ADA)
    assert not isinstance(client("GET", BOOK).body, bytes)


@pytest.mark.parametrize(
    ("name", "plain", "encoded"),
    [
        ("Friends.vcf", "Friends.vcf", "Friends.vcf"),
        ("Jürgen.vcf", "J_rgen.vcf", "J%C3%BCrgen.vcf"),
        ("../../etc/passwd", "_.._etc_passwd", "_.._etc_passwd"),
        ('a"b\\c\r\nX: y', "a_b_c__X_ y", "a_b_c__X_%20y"),
        ("..", "_", "_"),
        ("\U0001f600", "_", "%F0%9F%98%80"),
    ],
)
def test_a_file_name_stays_in_its_header(name, plain, encoded):
    assert attachment(name) == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"


def test_the_root_tells_a_person_where_to_go(client):
    props = "<D:displayname>&lt;b&gt;&amp;</D:displayname>"
    client(
        "PROPPATCH",
        BOOK,
        f"<D:propertyupdate {PREFIXED}><D:set><D:prop>{props}</D:prop></D:set></D:propertyupdate>",
    )
    response = client("GET", "/")
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    page = response.body.decode()
    assert "<code>http://localhost:5236/</code>" in page
    assert f'<li><a href="{BOOK}">&lt;b&gt;&amp;</a></li>' in page


def test_without_a_login_the_root_says_nothing(client):
    client.user = None
    assert client("GET", "/").status == 401


@pytest.mark.parametrize("path", [HOME, "/.principals/", "/.principals/alice/"])
def test_other_collections_have_no_content(client, path):
    assert client("GET", path).status == 405
