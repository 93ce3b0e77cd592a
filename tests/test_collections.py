"""MKCOL (RFC 5689), PROPPATCH (RFC 4918 §9.2), DELETE, GET: what lives and dies."""

from xml.etree import ElementTree

import pytest
from conftest import BOOK, HOME, PREFIXED, condition, found, properties, root, vcard

from pycarddav.dav.names import CALENDARSERVER, CARDDAV, DAV

ADA = vcard("ada", "Ada")
NEW = HOME + "work/"


def mkcol(*props, types="<D:collection/><C:addressbook/>"):
    return (
        f"<D:mkcol {PREFIXED}><D:set><D:prop><D:resourcetype>{types}</D:resourcetype>"
        f"{''.join(props)}</D:prop></D:set></D:mkcol>"
    )


def propertyupdate(*actions):
    return f"<D:propertyupdate {PREFIXED}>{''.join(actions)}</D:propertyupdate>"


def setting(*props):
    return f"<D:set><D:prop>{''.join(props)}</D:prop></D:set>"


def removing(*props):
    return f"<D:remove><D:prop>{''.join(props)}</D:prop></D:remove>"


NAMED = "<D:displayname>Work &amp; more</D:displayname>"
DESCRIBED = "<C:addressbook-description>Colleagues</C:addressbook-description>"


def test_an_address_book_is_made_with_its_properties(client):
    assert client("MKCOL", NEW, mkcol(NAMED, DESCRIBED)).status == 201
    names = DAV.displayname, CARDDAV.addressbook_description, DAV.resourcetype
    assert client.propfind(NEW, *names)[NEW] == {
        DAV.displayname: "Work & more",
        CARDDAV.addressbook_description: "Colleagues",
        DAV.resourcetype: [DAV.collection, CARDDAV.addressbook],
    }
    assert client.sync(path=NEW)[0] == {}


@pytest.mark.parametrize("body", ["", mkcol(), mkcol(types="<D:collection/>")])
def test_a_home_holds_address_books_only(client, body):
    assert client("MKCOL", HOME + "plain", body).status == 201
    answer = client.propfind(HOME, DAV.resourcetype, depth="1")
    assert CARDDAV.addressbook in answer[HOME + "plain/"][DAV.resourcetype]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (BOOK, 405),
        (HOME, 405),
        ("/", 405),
        ("/bob/", 404),
        ("/bob/work/", 404),
        (HOME + ".hidden/", 403),
        (HOME + "x" * 256 + "/", 403),
        (HOME + "a%2Fb/", 403),
        (HOME + "no/such/parent/", 409),
        (BOOK + "inside/", 403),
    ],
)
def test_a_book_has_its_place(client, path, status):
    before = client.propfind(HOME, DAV.displayname, depth="1")
    assert client("MKCOL", path, mkcol()).status == status
    assert client.propfind(HOME, DAV.displayname, depth="1") == before


def test_there_is_no_book_inside_a_book(client):
    response = client("MKCOL", BOOK + "inside/", mkcol())
    assert condition(response) == CARDDAV.addressbook_collection_location_ok


@pytest.mark.parametrize(
    ("body", "refused", "why"),
    [
        (
            mkcol(NAMED, types="<D:collection/><C:calendar/>"),
            DAV.resourcetype,
            DAV.valid_resourcetype,
        ),
        (mkcol(NAMED, types="<C:addressbook/>"), DAV.resourcetype, DAV.valid_resourcetype),
        (
            mkcol(NAMED, "<D:sync-token>x</D:sync-token>"),
            DAV.sync_token,
            DAV.cannot_modify_protected_property,
        ),
    ],
    ids=["calendar", "no collection", "token"],
)
def test_a_refused_property_means_no_book(client, body, refused, why):
    response = client("MKCOL", NEW, body)
    answer = root(response)
    assert (response.status, answer.tag) == (403, DAV.mkcol_response)
    outcome = properties(answer)
    assert outcome[refused] == 403
    assert outcome[DAV.displayname] == 424
    assert [error[0].tag for error in answer.iter(DAV.error)] == [why]
    assert client("PROPFIND", NEW).status == 404


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("hello", "text/plain", 415),
        ("hello", "application/xml", 400),
        ("<a xmlns='DAV:'/>", "text/xml", 400),
        (mkcol(), 'application/xml; charset="utf-8"', 201),
    ],
)
def test_the_body_of_a_mkcol_is_a_mkcol(client, body, content_type, status):
    assert client("MKCOL", NEW, body, content_type=content_type).status == status


def test_proppatch_sets_and_removes(client):
    assert found(client("PROPPATCH", BOOK, propertyupdate(setting(NAMED, DESCRIBED)))) == {
        BOOK: {DAV.displayname: None, CARDDAV.addressbook_description: None}
    }
    names = DAV.displayname, CARDDAV.addressbook_description
    assert client.propfind(BOOK, *names)[BOOK] == dict(
        zip(names, ("Work & more", "Colleagues"), strict=True)
    )
    client(
        "PROPPATCH",
        BOOK,
        propertyupdate(removing("<D:displayname/>", "<C:addressbook-description/>")),
    )
    assert client.propfind(BOOK, *names)[BOOK] == dict.fromkeys(names, 404)


@pytest.mark.parametrize(
    "protected",
    [
        "<D:resourcetype/>",
        "<D:sync-token>x</D:sync-token>",
        "<D:current-user-privilege-set/>",
        "<D:owner/>",
        "<C:max-resource-size>1</C:max-resource-size>",
        "<C:supported-address-data/>",
    ],
)
def test_proppatch_is_all_or_nothing(client, protected):
    response = client("PROPPATCH", BOOK, propertyupdate(setting(NAMED), setting(protected)))
    outcome = found(response)[BOOK]
    assert outcome.pop(DAV.displayname) == 424
    assert list(outcome.values()) == [403]
    assert DAV.cannot_modify_protected_property in [
        e[0].tag for e in root(response).iter(DAV.error)
    ]
    assert client.propfind(BOOK, DAV.displayname)[BOOK] == {DAV.displayname: "Friends"}


def test_proppatch_acts_in_document_order(client):
    x = "<x:a xmlns:x='urn:x'>{}</x:a>"
    client(
        "PROPPATCH", BOOK, propertyupdate(setting(x.format(1)), removing("<x:a xmlns:x='urn:x'/>"))
    )
    assert client.propfind(BOOK, "{urn:x}a")[BOOK] == {"{urn:x}a": 404}
    client(
        "PROPPATCH",
        BOOK,
        propertyupdate(
            removing("<x:a xmlns:x='urn:x'/>"), setting(x.format(2)), setting(x.format(3))
        ),
    )
    assert client.propfind(BOOK, "{urn:x}a")[BOOK] == {"{urn:x}a": "3"}


@pytest.mark.parametrize(
    "xml",
    [
        "<INF:addressbook-color xmlns:INF='http://inf-it.com/ns/ab/'>#ff0000ff</INF:addressbook-color>",
        "<a xmlns='urn:x' b='1' xml:lang='de'>t<c xmlns='urn:y' y:d='2' xmlns:y='urn:z'/>u</a>",
        "<none xmlns=''>no namespace</none>",
        "<a xmlns='urn:x'>\U0001f600 &lt;&amp;&gt; ]]&gt; '\"</a>",
    ],
)
@pytest.mark.parametrize("path", [HOME, BOOK])
def test_a_dead_property_is_kept_as_it_was_sent(client, path, xml):
    def asked():
        body = f"<D:propfind {PREFIXED}><D:allprop/></D:propfind>"
        answer = root(client("PROPFIND", path, body, depth="0"))
        return [
            e
            for e in answer.iter(DAV.prop)
            for e in e
            if e.tag not in (DAV.resourcetype, DAV.displayname)
        ]

    client("PROPPATCH", path, propertyupdate(setting(xml)))
    (kept,) = [e for e in asked() if not e.tag.startswith("{DAV:}")]
    assert ElementTree.canonicalize(ElementTree.tostring(kept)) == ElementTree.canonicalize(
        ElementTree.tostring(ElementTree.fromstring(xml))
    )


def test_the_language_in_scope_belongs_to_a_dead_property(client):
    french = setting("<x:a xmlns:x='urn:x'>un</x:a>")
    body = f"<D:propertyupdate {PREFIXED} xml:lang='fr'>{french}</D:propertyupdate>"
    client("PROPPATCH", BOOK, body)
    answer = root(client("PROPFIND", BOOK, depth="0"))
    assert answer.find(".//{urn:x}a").get("{http://www.w3.org/XML/1998/namespace}lang") == "fr"


def test_apples_me_card_is_kept_on_the_home(client):
    me = f"<CS:me-card><D:href>{BOOK}ada.vcf</D:href></CS:me-card>"
    assert client("PROPPATCH", HOME, propertyupdate(setting(me))).status == 207
    assert client.propfind(HOME, CALENDARSERVER.me_card)[HOME] == {
        CALENDARSERVER.me_card: [DAV.href]
    }


def test_the_token_does_not_change_with_the_properties(client):
    _, token = client.sync()
    client("PROPPATCH", BOOK, propertyupdate(setting(NAMED)))
    assert client.sync(token) == ({}, token)


@pytest.mark.parametrize(
    "body", ["", "hello", "<a/>", "<propfind xmlns='DAV:'><allprop/></propfind>"]
)
def test_the_body_of_a_proppatch_is_a_propertyupdate(client, body):
    assert client("PROPPATCH", BOOK, body).status == 400


def test_a_deleted_card_is_gone(client):
    client.put("ada.vcf", ADA)
    assert client("DELETE", BOOK + "ada.vcf").status == 204
    assert client("GET", BOOK + "ada.vcf").status == 404
    assert client("DELETE", BOOK + "ada.vcf").status == 404


def test_a_stale_etag_deletes_nothing(client):
    etag = client.put("ada.vcf", ADA).headers["ETag"]
    response = client("DELETE", BOOK + "ada.vcf", if_match='"stale"')
    assert (response.status, response.headers["ETag"]) == (412, etag)
    assert client("DELETE", BOOK + "ada.vcf", if_match=etag).status == 204
    assert client("DELETE", BOOK + "ada.vcf", if_match=etag).status == 404


def test_a_deleted_book_is_gone_with_its_cards(client):
    client.put("ada.vcf", ADA)
    assert client("DELETE", BOOK, depth="1").status == 400
    assert client("DELETE", BOOK).status == 204
    assert {client("PROPFIND", path).status for path in (BOOK, BOOK + "ada.vcf")} == {404}
    client("MKCOL", BOOK)
    assert client.sync()[0] == {}


@pytest.mark.parametrize("path", ["/", HOME, "/.principals/", "/.principals/alice/"])
def test_what_is_not_a_book_or_a_card_is_not_deleted(client, path):
    assert client("DELETE", path).status == 405


def test_a_card_is_served_as_it_was_stored(client):
    odd = (
        b"BEGIN:VCARD\nVERSION:3.0\nUID:odd\nN:;;;;\nFN:\xc3\x96dd\nX-ODD;a=b:c\n d\nEND:VCARD\n\n"
    )
    etag = client.put("odd.vcf", odd).headers["ETag"]
    for method in ("GET", "HEAD"):
        response = client(method, BOOK + "odd.vcf")
        assert (response.status, response.body) == (200, odd)
        assert response.headers["ETag"] == etag
        assert response.headers["Content-Type"] == "text/vcard; charset=utf-8"
        assert response.headers["Last-Modified"].endswith(" GMT")


@pytest.mark.parametrize("header", ["{}", "*", 'W/{}, "x"'])
def test_what_the_client_has_is_not_sent_again(client, header):
    etag = client.put("ada.vcf", ADA).headers["ETag"]
    response = client("GET", BOOK + "ada.vcf", if_none_match=header.format(etag))
    assert (response.status, response.body, response.headers["ETag"]) == (304, b"", etag)


def test_conditions_of_a_get_that_do_not_hold(client):
    client.put("ada.vcf", ADA)
    assert client("GET", BOOK + "ada.vcf", if_none_match='"other"').status == 200
    assert client("GET", BOOK + "ada.vcf", if_match='"other"').status == 412


def test_books_are_listed_in_the_order_in_which_they_were_made(client):
    """macOS uses only the first."""
    for name in ("zoo", "ant", "mule"):
        client("MKCOL", f"{HOME}{name}/")
    listed = list(client.propfind(HOME, DAV.displayname, depth="1"))
    assert listed == [HOME, BOOK, HOME + "zoo/", HOME + "ant/", HOME + "mule/"]


def test_a_mishap_in_the_server_is_a_500_and_the_next_request_is_served(client, caplog):
    class Broken:
        def home(self, owner):
            raise RuntimeError("a bug")

    good = client.app
    client.app = type(good)(Broken(), good.authenticate)
    assert client("GET", BOOK + "ada.vcf").status == 500
    assert "a bug" in caplog.text
    client.app = good
    assert client("PROPFIND", BOOK).status == 207
