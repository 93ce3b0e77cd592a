"""sync-collection of a home (RFC 6578): its books, and what is in them."""

import pytest
from conftest import BOOK, HOME, PREFIXED, condition, found, root, vcard

from pycarddav.dav.names import DAV

WORK = HOME + "work/"


def sync(client, token="", level="1", limit=None):
    limited = f"<D:limit><D:nresults>{limit}</D:nresults></D:limit>" if limit else ""
    body = (
        f"<D:sync-collection {PREFIXED}><D:sync-token>{token}</D:sync-token>"
        f"<D:sync-level>{level}</D:sync-level>{limited}<D:prop><D:getetag/></D:prop>"
        "</D:sync-collection>"
    )
    response = client("REPORT", HOME, body.replace("&", "&amp;"))
    return list_of(found(response)), root(response).findtext(DAV.sync_token)


def list_of(answers):
    """href -> status, 200 where it is one that exists."""
    return {href: it if isinstance(it, int) else 200 for href, it in answers.items()}


@pytest.fixture
def people(client):
    """Two books, the first with Ada."""
    client.put("ada.vcf", vcard("ada", "Ada"))
    client("MKCOL", WORK)
    return client


def test_the_first_sync_lists_the_books(people):
    everything, token = sync(people)
    assert everything == {BOOK: 200, WORK: 200}
    assert sync(people, token) == ({}, token)
    assert people.propfind(HOME, DAV.sync_token)[HOME][DAV.sync_token] == token


def test_a_book_is_a_change_when_its_cards_are(people):
    _, token = sync(people)
    people.put("bob.vcf", vcard("bob", "Bob"))
    changes, token = sync(people, token)
    assert changes == {BOOK: 200}
    people("MKCOL", HOME + "more/")
    people("DELETE", WORK)
    changes, token = sync(people, token)
    assert changes == {HOME + "more/": 200, WORK: 404}
    assert sync(people, token) == ({}, token)


def test_a_book_made_anew_is_a_change(people):
    _, token = sync(people)
    people("DELETE", BOOK)
    people("MKCOL", BOOK)
    assert sync(people, token)[0] == {BOOK: 200}


def test_level_infinite_goes_into_the_books(people):
    everything, token = sync(people, level="infinite")
    assert everything == {BOOK: 200, BOOK + "ada.vcf": 200, WORK: 200}
    assert sync(people, token, "infinite") == ({}, token)
    people("DELETE", BOOK + "ada.vcf")
    people("PUT", WORK + "eve.vcf", vcard("eve", "Eve"))
    changes, token = sync(people, token, "infinite")
    assert changes == {BOOK + "ada.vcf": 404, WORK + "eve.vcf": 200}
    people("DELETE", WORK)
    changes, token = sync(people, token, "infinite")
    assert changes == {WORK: 404}  # reported alone (§3.5.2)
    assert sync(people, token, "infinite") == ({}, token)


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
@pytest.mark.parametrize("level", ["1", "infinite"])
def test_a_limited_sync_pages_to_the_same_end(people, level, limit):
    for number in range(4):
        people.put(f"{number}.vcf", vcard(str(number), "N"))
        people("MKCOL", f"{HOME}{number}/")
    people("PUT", WORK + "eve.vcf", vcard("eve", "Eve"))
    old = sync(people, level=level)[1]
    people("DELETE", HOME + "1/")
    people("DELETE", HOME + "3/")
    people("DELETE", BOOK + "2.vcf")
    people("PUT", HOME + "2/zoe.vcf", vcard("zoe", "Zoe"))
    for since in ("", old):
        whole, newest = sync(people, since, level)
        pages, token, more = {}, since, True
        while more:
            page, token = sync(people, token, level, limit)
            more = page.pop(HOME, None) == 507
            assert 0 < len(page) <= limit
            pages |= page
        if not since:  # what was gone before it began may be told as such, or not at all
            pages = {href: status for href, status in pages.items() if status != 404}
        assert (pages, token) == (whole, newest)


def test_a_book_name_is_no_way_into_a_token(client):
    client("MKCOL", HOME + "a%26b=c%25%3F%20%C3%BC&x=y/")
    _, token = sync(client)
    assert sync(client, token) == ({}, token)
    client("DELETE", HOME + "a%26b=c%25%3F%20%C3%BC&x=y/")
    assert sync(client, token)[0] == {HOME + "a&b=c%25%3F%20%C3%BC&x=y/": 404}


@pytest.mark.parametrize(
    "token",
    ["data:,", "data:,alice", "data:,bob?", "data:,1-1", "data:,alice?x", "data:,alice?a=%FF"],
)
def test_a_token_of_something_else_is_unknown(people, token):
    body = (
        f"<D:sync-collection {PREFIXED}><D:sync-token>{token}</D:sync-token>"
        "<D:sync-level>1</D:sync-level></D:sync-collection>"
    )
    response = people("REPORT", HOME, body)
    assert (response.status, condition(response)) == (403, DAV.valid_sync_token)
    assert people("REPORT", HOME, body, user_agent="Thunderbird/140.0").status == 400


def test_a_home_without_books_has_a_token(client):
    client("DELETE", BOOK)
    everything, token = sync(client)
    assert everything == {}
    assert sync(client, token) == ({}, token)
    client("MKCOL", WORK)
    assert sync(client, token)[0] == {WORK: 200}


@pytest.mark.parametrize("path", [HOME, BOOK])
def test_a_token_is_a_condition(people, path):
    """RFC 6578 §5: carry it out if nothing has happened there since."""
    token = people.propfind(path, DAV.sync_token)[path][DAV.sync_token]
    header = {"if": f"<{path}> (<{token}>)"}
    assert people.put("bob.vcf", vcard("bob", "Bob"), **header).status == 201
    assert people.put("eve.vcf", vcard("eve", "Eve"), **header).status == 412
    assert people("GET", BOOK + "eve.vcf").status == 404
