"""The reports: multiget, query (RFC 6352 §8) and sync-collection (RFC 6578)."""

import pytest
from conftest import ALICE, BOOK, HOME, PREFIXED, condition, found, root, vcard

from pycarddav.dav import xml
from pycarddav.dav.headers import Condition
from pycarddav.dav.names import CARDDAV, DAV
from pycarddav.model import Entry
from pycarddav.protocol.registry import Property, prop

ADA, BOB = vcard("ada", "Ada", "EMAIL:ada@example.com"), vcard("bob", "Bob")


@pytest.fixture
def people(client):
    """A book with Ada and Bob."""
    client.put("ada.vcf", ADA)
    client.put("bob.vcf", BOB)
    return client


def fn(text, more=""):
    return (
        f'<C:filter><C:prop-filter name="FN"><C:text-match {more}>{text}</C:text-match>'
        "</C:prop-filter></C:filter>"
    )


def sync(token, level="<D:sync-level>1</D:sync-level>"):
    return (
        f"<D:sync-collection {PREFIXED}><D:sync-token>{token}</D:sync-token>{level}<D:prop/>"
        "</D:sync-collection>"
    )


def limit(number):
    return f"<C:limit><C:nresults>{number}</C:nresults></C:limit>"


def test_multiget_answers_once_for_every_href(people):
    answer = people.multiget(
        BOOK + "ada.vcf", BOOK + "no.vcf", BOOK + "ada.vcf", BOOK + "%61da.vcf"
    )
    assert set(answer) == {BOOK + "ada.vcf", BOOK + "no.vcf"}
    assert "FN:Ada" in answer[BOOK + "ada.vcf"][CARDDAV.address_data]
    assert answer[BOOK + "no.vcf"] == 404


@pytest.mark.parametrize("depth", ["0", "1", "infinity", "nonsense"])
def test_multiget_ignores_its_depth(people, depth):
    """The prose of the RFC wants 0, its examples say 1, and clients send either, or none."""
    one = f"<D:href>{BOOK}ada.vcf</D:href>"
    body = f"<C:addressbook-multiget {PREFIXED}>{one}</C:addressbook-multiget>"
    assert list(found(people("REPORT", BOOK, body, depth=depth))) == [BOOK + "ada.vcf"]


@pytest.mark.parametrize(
    "way_out",
    [
        "../../bob/work/eve.vcf", "..%2F..%2Fbob/work/eve.vcf", "%2e%2e/%2e%2e/bob/work/eve.vcf",
        ".properties.json", "%2Eproperties.json", "a%00.vcf", "x/y.vcf", "", "%ff.vcf",
    ],
)  # fmt: skip
def test_multiget_does_not_leave_the_book(people, way_out):
    people.user = "bob"
    people("MKCOL", "/bob/work/")
    people("PUT", "/bob/work/eve.vcf", vcard("eve", "Eve"))
    people.user = "alice"
    assert people.multiget(BOOK + way_out) == {BOOK + way_out: 404}
    assert people.multiget("/bob/work/eve.vcf") == {"/bob/work/eve.vcf": 404}


@pytest.mark.parametrize(
    "href",
    [
        "http://localhost:5236" + BOOK + "ada.vcf",
        "https://contacts.example.com" + BOOK + "ada.vcf",
        " " + BOOK + "ada.vcf\n",
        BOOK + "%61da.vcf",
    ],
)
def test_multiget_takes_hrefs_as_clients_write_them(people, href):
    assert list(people.multiget(href, names=[DAV.getetag])) == [BOOK + "ada.vcf"]


def test_multiget_of_a_card_is_about_that_card(people):
    card = BOOK + "ada.vcf"
    answer = people.multiget(card, BOOK + "bob.vcf", names=[DAV.getetag], path=card)
    assert answer[BOOK + "bob.vcf"] == 404
    assert DAV.getetag in answer[card]


def test_multiget_of_a_home_is_about_the_cards_of_its_books(people):
    people("MKCOL", HOME + "work/")
    people("PUT", HOME + "work/eve.vcf", vcard("eve", "Eve"))
    people.user = "bob"
    people("PUT", "/bob/contacts/zoe.vcf", vcard("zoe", "Zoe"))
    people.user = "alice"
    there = BOOK + "bob.vcf", HOME + "work/eve.vcf", BOOK + "ada.vcf"
    nowhere = HOME + "no/ada.vcf", BOOK + "eve.vcf", "/bob/contacts/zoe.vcf", BOOK, HOME, "/"
    answer = people.multiget(*there, *nowhere, names=[DAV.resourcetype], path=HOME)
    assert answer == {
        **{href: {DAV.resourcetype: None} for href in there},
        **dict.fromkeys(nowhere, 404),
    }


def test_a_report_knows_every_property_that_a_propfind_knows(people):
    names = DAV.getetag, DAV.getcontenttype, DAV.current_user_privilege_set, DAV.owner, "{DAV:}nope"
    card = BOOK + "ada.vcf"
    expected = people.propfind(card, *names)
    assert people.multiget(card, names=names) == expected
    assert people.query(fn("Ada"), *names) == expected


def test_an_unknown_report_is_refused_with_its_precondition(people):
    response = people("REPORT", BOOK, "<D:version-tree xmlns:D='DAV:'/>")
    assert (response.status, condition(response)) == (403, DAV.supported_report)
    assert people("REPORT", BOOK).status == 400


@pytest.mark.parametrize("path", ["/", HOME, BOOK, BOOK + "ada.vcf", "/.principals/alice/"])
def test_every_advertised_report_is_served(people, path):
    body = f"<D:propfind {PREFIXED}><D:prop><D:supported-report-set/></D:prop></D:propfind>"
    for report in root(people("PROPFIND", path, body)).iterfind(f".//{DAV.report}/*"):
        response = people("REPORT", path, xml.E(report.tag))
        refused = response.status == 403 and condition(response) == DAV.supported_report
        assert not refused, report.tag


QUERIES = [
    ("", {"ada", "bob"}),
    ("<C:filter/>", {"ada", "bob"}),
    (fn("ADA"), {"ada"}),
    (fn("a", 'match-type="equals"'), set()),
    (fn("a", 'negate-condition="yes"'), {"bob"}),
    (fn("Ada", 'collation="i;octet" match-type="starts-with"'), {"ada"}),
    ('<C:filter><C:prop-filter name="EMAIL"/></C:filter>', {"ada"}),
    (
        '<C:filter><C:prop-filter name="email"><C:is-not-defined/></C:prop-filter></C:filter>',
        {"bob"},
    ),
]


@pytest.mark.parametrize(("filter", "names"), QUERIES)
def test_a_query_answers_with_what_matches(people, filter, names):
    assert set(people.query(filter)) == {f"{BOOK}{name}.vcf" for name in names}


def test_a_query_of_a_card_is_about_that_card(people):
    assert list(people.query(fn("a"), path=BOOK + "ada.vcf")) == [BOOK + "ada.vcf"]
    assert people.query(fn("a"), path=BOOK + "bob.vcf") == {}


def test_a_query_of_the_book_itself_finds_no_card(people):
    assert people.query("", depth="0") == {}


def test_a_query_of_the_home_looks_into_every_book(people):
    people("MKCOL", HOME + "work/")
    people("PUT", HOME + "work/ada.vcf", ADA)
    assert set(people.query(fn("ada"), path=HOME, depth="infinity")) == {
        BOOK + "ada.vcf", HOME + "work/ada.vcf",
    }  # fmt: skip
    assert people.query(fn("ada"), path=HOME, depth="1") == {}


def test_an_unknown_collation_is_refused_with_its_precondition(people):
    unknown = fn("a", "collation='i;nope'")
    body = f"<C:addressbook-query {PREFIXED}>{unknown}</C:addressbook-query>"
    response = people("REPORT", BOOK, body)
    assert (response.status, condition(response)) == (403, CARDDAV.supported_collation)


def test_a_card_that_nobody_can_read_hides_no_other(people):
    book = people.app.store.book("alice", "friends")
    people.app.store.put(book, "odd.vcf", b"no card", None, Condition(), ALICE)
    assert set(people.query(fn("a"))) == {BOOK + "ada.vcf"}
    assert set(people.query("")) == {BOOK + name for name in ("ada.vcf", "bob.vcf", "odd.vcf")}


def test_a_property_that_fails_is_alone_with_it(people, monkeypatch, caplog):
    def broken(entry, ctx):
        return 1 // ["ada.vcf", "bob.vcf"].index(entry.name)

    monkeypatch.setitem(prop._items, "{x:}y", {Entry: Property("{x:}y", broken, allprop=False)})
    answer = people.propfind(BOOK, "{x:}y", DAV.getcontenttype, depth="1")
    kind = {DAV.getcontenttype: "text/vcard; charset=utf-8"}
    assert answer[BOOK + "ada.vcf"] == {"{x:}y": 500, **kind}
    assert answer[BOOK + "bob.vcf"] == {"{x:}y": 500, **kind}
    assert [record.getMessage() for record in caplog.records] == [f"{{x:}}y of {BOOK}ada.vcf"]
    assert "ZeroDivisionError" in caplog.text


def test_a_limit_leaves_word_that_there_is_more(people):
    answer = people.query("<C:filter/>" + limit(1))
    assert (answer.pop(BOOK), len(answer)) == (507, 1)


def test_a_limit_that_suffices_leaves_no_word(people):
    assert set(people.query("<C:filter/>" + limit(2))) == {BOOK + "ada.vcf", BOOK + "bob.vcf"}


def test_a_sync_that_would_never_end_is_not_begun(people):
    """RFC 6578 §3.7."""
    body = sync("").replace("<D:prop/>", "<D:limit><D:nresults>0</D:nresults></D:limit><D:prop/>")
    response = people("REPORT", BOOK, body)
    assert (response.status, condition(response)) == (507, DAV.number_of_matches_within_limits)
    assert people.query("<C:filter/>" + limit(0)) == {BOOK: 507}


@pytest.mark.parametrize("number", ["", "-1", "many", "1.5", "٣"])
def test_a_limit_is_a_number(people, number):
    body = f"<C:addressbook-query {PREFIXED}><C:filter/>{limit(number)}</C:addressbook-query>"
    assert people("REPORT", BOOK, body).status == 400


def test_the_first_sync_lists_everything_and_the_next_only_changes(people):
    everything, token = people.sync()
    assert set(everything) == {BOOK + "ada.vcf", BOOK + "bob.vcf"}
    assert people.sync(token) == ({}, token)
    people("DELETE", BOOK + "bob.vcf")
    etag = people.put("eve.vcf", vcard("eve", "Eve")).headers["ETag"]
    changes, later = people.sync(token)
    assert changes == {BOOK + "bob.vcf": 404, BOOK + "eve.vcf": {DAV.getetag: etag}}
    assert later != token
    assert people.sync(later) == ({}, later)


def test_the_token_of_a_sync_is_the_token_of_the_book(people):
    assert people.sync()[1] == people.propfind(BOOK, DAV.sync_token)[BOOK][DAV.sync_token]


def test_what_came_and_went_in_between_is_a_deletion(people):
    _, token = people.sync()
    people.put("eve.vcf", vcard("eve", "Eve"))
    people("DELETE", BOOK + "eve.vcf")
    assert people.sync(token)[0] == {BOOK + "eve.vcf": 404}


def test_what_was_deleted_and_made_anew_is_a_change(people):
    _, token = people.sync()
    people("DELETE", BOOK + "bob.vcf")
    people.put("bob.vcf", vcard("bob", "Bob again"))
    assert list(people.sync(token)[0]) == [BOOK + "bob.vcf"]
    assert people.sync(token)[0][BOOK + "bob.vcf"] != 404


def test_a_first_sync_lists_nothing_deleted(people):
    people("DELETE", BOOK + "bob.vcf")
    assert list(people.sync()[0]) == [BOOK + "ada.vcf"]


def test_sync_brings_the_cards_themselves_where_asked(people):
    """Thunderbird does."""
    answer, _ = people.sync("", DAV.getetag, CARDDAV.address_data)
    assert "FN:Ada" in answer[BOOK + "ada.vcf"][CARDDAV.address_data]


def test_a_limited_sync_pages_to_the_same_end(people):
    for number in range(7):
        people.put(f"{number}.vcf", vcard(str(number), "N"))
    whole, _ = people.sync()
    pages, token, more = {}, "", True
    while more:
        page, token = people.sync(token, limit=2)
        more = page.pop(BOOK, None) == 507
        assert len(page) <= 2
        assert not pages.keys() & page.keys()
        pages |= page
    assert pages == whole
    assert people.sync(token)[0] == {}


@pytest.mark.parametrize(
    "token",
    [
        "http://radicale.org/ns/sync/x",
        "data:,",
        "data:,nonsense",
        "data:,1-999999",
        "data:,99-0",
        "x" * 9999,
    ],
)
def test_an_unknown_token_is_refused_with_its_precondition(people, token):
    body = sync(token)
    response = people("REPORT", BOOK, body)
    assert (response.status, condition(response)) == (403, DAV.valid_sync_token)
    thunderbird = people("REPORT", BOOK, body, user_agent="Mozilla/5.0 Thunderbird/128.0")
    assert (thunderbird.status, condition(thunderbird)) == (400, DAV.valid_sync_token)


def test_the_token_of_another_book_is_unknown(people):
    people("MKCOL", HOME + "work/")
    people("PUT", HOME + "work/eve.vcf", vcard("eve", "Eve"))
    response = people("REPORT", HOME + "work/", sync(people.sync()[1]))
    assert (response.status, condition(response)) == (403, DAV.valid_sync_token)


def test_a_book_made_anew_does_not_know_the_tokens_of_the_old_one(people):
    _, token = people.sync()
    people("DELETE", BOOK)
    people("MKCOL", BOOK)
    people.put("eve.vcf", vcard("eve", "Eve"))
    body = sync(token)
    assert people("REPORT", BOOK, body).status == 403


@pytest.mark.parametrize(
    ("level", "depth", "status"),
    [
        ("<D:sync-level>1</D:sync-level>", "0", 207),
        ("<D:sync-level>1</D:sync-level>", "1", 207),
        ("<D:sync-level>infinite</D:sync-level>", None, 207),
        ("<D:sync-level>infinity</D:sync-level>", None, 207),
        ("<D:sync-level>2</D:sync-level>", None, 400),
        ("", "1", 207),
        ("", "infinity", 207),
        ("", "0", 400),
        ("", None, 400),
    ],
)
def test_the_level_counts_and_not_the_depth(people, level, depth, status):
    headers = {"depth": depth} if depth else {}
    assert people("REPORT", BOOK, sync("", level), **headers).status == status
