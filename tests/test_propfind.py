"""PROPFIND (RFC 4918 §9.1)."""

import pytest
from conftest import BOOK, HOME, PREFIXED, found, root, vcard

from pycarddav.dav.names import CALENDARSERVER, CARDDAV, DAV

PRINCIPAL = "/.principals/alice/"


def test_depth_1_lists_the_cards(client):
    etag = client.put("ada.vcf", vcard("ada", "Ada")).headers["ETag"]
    assert client.propfind(BOOK, DAV.getetag, DAV.resourcetype, depth="1") == {
        BOOK: {DAV.getetag: 404, DAV.resourcetype: [DAV.collection, CARDDAV.addressbook]},
        BOOK + "ada.vcf": {DAV.getetag: etag, DAV.resourcetype: None},
    }


def test_without_depth_one_level_is_meant(client):
    client.put("ada.vcf", vcard("ada", "Ada"))
    assert len(found(client("PROPFIND", BOOK))) == 2
    assert len(found(client("PROPFIND", BOOK + "ada.vcf"))) == 1


def test_infinite_depth_is_refused_with_its_precondition(client):
    response = client("PROPFIND", HOME, depth="infinity")
    assert response.status == 403
    assert root(response)[0].tag == DAV.propfind_finite_depth


@pytest.mark.parametrize("depth", ["2", "-1", "one", "0, 1", "1,noroot"])
def test_another_depth_is_400(client, depth):
    assert client("PROPFIND", BOOK, depth=depth).status == 400


def test_discovery_leads_from_the_root_to_the_books(client):
    """As every client does it (RFC 6764 §6)."""
    response = client("PROPFIND", "/.well-known/carddav")
    assert (response.status, response.headers["Location"]) == (307, "/")

    def href(path, name):
        body = f"<D:propfind {PREFIXED}><D:prop><x:y xmlns:x='{name[0]}'/></D:prop></D:propfind>"
        body = body.replace("x:y", f"x:{name[1]}")
        answer = root(client("PROPFIND", path, body, depth="0"))
        return answer.find(f".//{{{name[0]}}}{name[1]}/{DAV.href}").text

    principal = href("/", ("DAV:", "current-user-principal"))
    home = href(principal, ("urn:ietf:params:xml:ns:carddav", "addressbook-home-set"))
    books = client.propfind(home, DAV.resourcetype, depth="1")
    assert (principal, home) == (PRINCIPAL, HOME)
    assert [href for href, it in books.items() if CARDDAV.addressbook in it[DAV.resourcetype]] == [
        BOOK
    ]


def test_a_home_answers_what_a_principal_is_asked(client):
    """Who moves here from Radicale knows the home as the principal."""
    names = DAV.current_user_principal, DAV.principal_URL, CARDDAV.addressbook_home_set
    assert client.propfind(HOME, *names)[HOME] == {key: [DAV.href] for key in names}


def test_the_first_status_is_always_200(client):
    """Thunderbird reads the first one and skips the resource if it is another."""
    response = client(
        "PROPFIND", BOOK, f"<D:propfind {PREFIXED}><D:prop><D:nope/></D:prop></D:propfind>"
    )
    for answer in root(response):
        assert answer.findtext(f".//{DAV.status}") in ("HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found")
    body = f"<D:propfind {PREFIXED}><D:prop><D:nope/><D:resourcetype/></D:prop></D:propfind>"
    for answer in root(client("PROPFIND", BOOK, body)):
        assert answer.findtext(f"{DAV.propstat}/{DAV.status}") == "HTTP/1.1 200 OK"


def test_an_empty_body_is_allprop(client):
    everything = found(client("PROPFIND", BOOK, depth="0"))
    assert everything == found(
        client("PROPFIND", BOOK, f"<D:propfind {PREFIXED}><D:allprop/></D:propfind>", depth="0")
    )
    assert everything[BOOK][DAV.displayname] == "Friends"


def test_allprop_leaves_out_what_the_standards_say_and_include_adds_it(client):
    body = (
        f"<D:propfind {PREFIXED}><D:allprop/>"
        "<D:include><D:sync-token/><D:nope/></D:include></D:propfind>"
    )
    plain, more = (
        found(client("PROPFIND", BOOK, depth="0")),
        found(client("PROPFIND", BOOK, body, depth="0")),
    )
    assert DAV.sync_token not in plain[BOOK]
    assert not [name for name in plain[BOOK] if name.startswith("{urn:ietf:params:xml:ns:carddav}")]
    assert set(more[BOOK]) == {*plain[BOOK], DAV.sync_token}


def test_propname_names_without_values(client):
    body = f"<D:propfind {PREFIXED}><D:propname/></D:propfind>"
    names = found(client("PROPFIND", BOOK, body, depth="0"))[BOOK]
    assert set(names.values()) == {None}
    assert {DAV.resourcetype, DAV.sync_token, CARDDAV.max_resource_size} <= set(names)


@pytest.mark.parametrize(
    "body",
    [
        "hello",
        "<a",
        "<propfind xmlns='DAV:'/>",
        "<propfind xmlns='DAV:'><prop/><allprop/></propfind>",
        "<D:propfind xmlns:D=''><D:prop/></D:propfind>",
        "<other xmlns='DAV:'/>",
        "<?xml version='1.0' encoding='latin-99'?><propfind xmlns='DAV:'><prop/></propfind>",
        "<x>" * 100_000,
    ],
    ids=["text", "cut", "nothing", "both", "no namespace", "other", "encoding", "depth"],
)
def test_a_body_that_is_not_a_propfind_is_400(client, body):
    assert client("PROPFIND", BOOK, body).status == 400
    assert client("PROPFIND", BOOK).status == 207


@pytest.mark.parametrize(
    "dtd",
    [
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>',
        '<!DOCTYPE a SYSTEM "http://example.com/a.dtd">',
    ],
)
def test_a_document_type_is_refused_with_its_precondition(client, dtd):
    response = client("PROPFIND", BOOK, f"{dtd}<propfind xmlns='DAV:'><allprop/></propfind>")
    assert (response.status, root(response)[0].tag) == (403, DAV.no_external_entities)


def test_strangers_homes_do_not_exist(client):
    client.user = "mallory"
    paths = HOME, BOOK, BOOK + "ada.vcf", HOME + "new/", PRINCIPAL, "/nobody/", "/nobody/b/c.vcf"
    methods = "PROPFIND", "OPTIONS", "GET", "PUT", "DELETE", "MKCOL", "REPORT", "BREW"
    assert {client(method, path).status for method in methods for path in paths} == {404}
    assert client.propfind("/", DAV.displayname, depth="1").keys() == {
        "/", "/.principals/", "/mallory/",
    }  # fmt: skip
    assert client.propfind("/.principals/", DAV.displayname, depth="1").keys() == {
        "/.principals/", "/.principals/mallory/",
    }  # fmt: skip


@pytest.mark.parametrize(("path", "status"), [(BOOK, 207), ("/bob/", 404), (BOOK + "%ff", 400)])
def test_the_log_is_told_who_was_served_whatever_came_of_it(client, path, status):
    response = client("PROPFIND", path)
    assert (response.status, response.user) == (status, "alice")


def test_an_admin_sees_every_home(client):
    client.user = "root"
    assert client.put("ada.vcf", vcard("ada", "Ada")).status == 201
    assert client.propfind(BOOK, DAV.owner)[BOOK] == {DAV.owner: [DAV.href]}


@pytest.mark.parametrize("path", ["/", HOME, BOOK, "/nobody/", "/.web/", "//", "/%2e%2e/"])
@pytest.mark.parametrize("method", ["GET", "PROPFIND", "OPTIONS", "PUT", "DELETE", "BREW"])
def test_whoever_has_not_logged_in_is_asked_to(client, method, path):
    client.user = None
    response = client(method, path)
    assert response.status == 401
    assert response.headers["WWW-Authenticate"] == 'Basic realm="pycarddav", charset="UTF-8"'


@pytest.mark.parametrize("method", ["GET", "PROPFIND", "OPTIONS", "HEAD", "REPORT"])
def test_the_well_known_url_redirects_whoever_asks(client, method):
    client.user = None
    response = client(method, "/.well-known/carddav")
    assert (response.status, response.headers["Location"]) == (307, "/")


def test_at_the_first_login_there_is_a_home_with_a_book(client):
    client.user = "new@example.com"
    home = "/new@example.com/"
    books = client.propfind(home, DAV.displayname, depth="1")
    assert books == {
        home: {DAV.displayname: 404},
        home + "contacts/": {DAV.displayname: "Contacts"},
    }


def test_the_last_book_may_be_deleted_for_good(client):
    assert client("DELETE", BOOK).status == 204
    assert list(client.propfind(HOME, DAV.displayname, depth="1")) == [HOME]


def test_getctag_and_token_change_with_the_cards_and_with_nothing_else(client):
    names = CALENDARSERVER.getctag, DAV.sync_token

    def state():
        return (
            client.propfind(BOOK, *names)[BOOK],
            client.propfind(HOME, CALENDARSERVER.getctag)[HOME],
        )

    before = state()
    assert state() == before
    client.put("ada.vcf", vcard("ada", "Ada"))
    after = state()
    assert all(after[0][name] != before[0][name] for name in names)
    assert after[1] != before[1]


def test_privileges_stand_one_by_one(client):
    """DAVx⁵ and macOS read no others."""
    body = f"<D:propfind {PREFIXED}><D:prop><D:current-user-privilege-set/></D:prop></D:propfind>"
    response = client("PROPFIND", BOOK, body, depth="0")
    privileges = root(response).findall(f".//{DAV.privilege}")
    assert {len(privilege) for privilege in privileges} == {1}
    assert {DAV.read, DAV.write, DAV.write_content, DAV.bind, DAV.unbind} <= {
        privilege[0].tag for privilege in privileges
    }


def test_hrefs_are_below_the_base_path(client):
    client.app = type(client.app)(client.app.store, client.app.authenticate, base="/dav")
    client.put("ada.vcf", vcard("ada", "Ada"))
    assert set(client.propfind(BOOK, DAV.getetag, depth="1")) == {
        "/dav" + BOOK,
        "/dav" + BOOK + "ada.vcf",
    }
    response = client.put("again.vcf", vcard("ada", "Ada"))
    assert root(response).findtext(f".//{DAV.href}") == "/dav" + BOOK + "ada.vcf"
    assert client("GET", "/.well-known/carddav").headers["Location"] == "/dav/"
    card = BOOK + "ada.vcf"
    assert client.multiget("/dav" + card, card, names=[DAV.displayname]) == {
        "/dav" + card: {DAV.displayname: 404},
        card: 404,
    }


def test_a_card_answers_for_its_content_when_asked_by_name(client):
    """RFC 6352 §10.4 knows it in reports only; Nextcloud's library asks here, too."""
    client.put("ada.vcf", vcard("ada", "Ada"))
    card = BOOK + "ada.vcf"
    assert "FN:Ada" in client.propfind(card, CARDDAV.address_data)[card][CARDDAV.address_data]
    assert CARDDAV.address_data not in found(client("PROPFIND", card))[card]
