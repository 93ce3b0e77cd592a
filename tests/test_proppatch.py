"""What clients attach (RFC 4918 §4, §9.2) to cards and principals too, and how much of it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from conftest import BOOK, HOME, PREFIXED, condition, found, root, vcard

from pycarddav.dav.names import CARDDAV, DAV
from pycarddav.dav.xml import LANGUAGE
from pycarddav.protocol.context import Limits

ADA = vcard("ada", "Ada")
CARD = BOOK + "ada.vcf"
PRINCIPAL = "/.principals/alice/"
X = "{urn:x}x"


def updating(*props, action="set", attributes=""):
    inner = f"<D:{action}><D:prop>{''.join(props)}</D:prop></D:{action}>"
    return f"<D:propertyupdate {PREFIXED}{attributes}>{inner}</D:propertyupdate>"


def x(value=""):
    return f"<x xmlns='urn:x'>{value}</x>"


@pytest.fixture(autouse=True)
def card(client):
    client.put("ada.vcf", ADA)


@pytest.mark.parametrize("path", [CARD, BOOK, HOME, PRINCIPAL])
@pytest.mark.parametrize(
    "xml",
    [
        "<a xmlns='urn:x' b='1' xml:lang='de'>t<c xmlns='urn:y' y:d='2' xmlns:y='urn:z'/>u</a>",
        "<none xmlns=''>no namespace</none>",
        "<a xmlns='urn:x'>\U0001f600 &lt;&amp;&gt; ]]&gt; '\"</a>",
    ],
)
def test_whatever_a_client_attaches_is_kept_as_it_was_sent(client, path, xml):
    sent = ElementTree.fromstring(xml)
    assert found(client("PROPPATCH", path, updating(xml))) == {path: {sent.tag: None}}
    for body in ("", f"<D:propfind {PREFIXED}><D:prop>{xml}</D:prop></D:propfind>"):
        answer = root(client("PROPFIND", path, body, depth="0"))
        (kept,) = answer.iter(sent.tag)
        assert ElementTree.canonicalize(ElementTree.tostring(kept)) == ElementTree.canonicalize(
            ElementTree.tostring(sent)
        )


def test_the_properties_of_a_card_are_those_of_its_url(client):
    client("PROPPATCH", CARD, updating(x("1")))
    client.put("ada.vcf", vcard("ada", "Ada Lovelace"))
    client.put("bob.vcf", vcard("bob", "Bob"))
    answer = client.propfind(BOOK, X, depth="1")
    assert answer == {BOOK: {X: 404}, CARD: {X: "1"}, BOOK + "bob.vcf": {X: 404}}
    client("DELETE", CARD)
    client.put("ada.vcf", ADA)
    assert client.propfind(CARD, X) == {CARD: {X: 404}}


def test_reports_tell_the_properties_of_cards(client):
    client("PROPPATCH", CARD, updating(x("1")))
    for answer in (
        client.multiget(CARD, names=[X]),
        client.query("<C:filter/>", X),
        client.sync("", X)[0],
    ):
        assert answer == {CARD: {X: "1"}}


def test_a_remembered_listing_is_never_an_old_one(client):
    assert client.propfind(BOOK, X, depth="1")[CARD] == {X: 404}
    client("PROPPATCH", CARD, updating(x("1")))
    assert client.propfind(BOOK, X, depth="1")[CARD] == {X: "1"}
    client("PROPPATCH", CARD, updating(x("2")))
    assert client.propfind(BOOK, X, depth="1")[CARD] == {X: "2"}
    client("PROPPATCH", CARD, updating(x(), action="remove"))
    assert client.propfind(BOOK, X, depth="1")[CARD] == {X: 404}


@pytest.mark.parametrize(
    "protected",
    ["getetag", "getlastmodified", "getcontentlength", "resourcetype", "lockdiscovery", "owner"],
)
def test_what_the_server_says_of_a_card_is_not_for_clients_to_set(client, protected):
    response = client("PROPPATCH", CARD, updating(x("1"), f"<D:{protected}>z</D:{protected}>"))
    assert found(response) == {CARD: {X: 424, f"{{DAV:}}{protected}": 403}}
    assert client.propfind(CARD, X) == {CARD: {X: 404}}


def test_a_card_has_other_properties_and_no_other_token(client):
    _, token = client.sync()
    client("PROPPATCH", CARD, updating(x("1")))
    assert client.sync(token) == ({}, token)


@pytest.mark.parametrize("path", [PRINCIPAL, HOME])
def test_people_choose_their_name(client, path):
    """A principal and its home are one: who comes from Radicale knows only the home."""
    named = "<D:displayname>Alice L.</D:displayname>"
    assert client("PROPPATCH", path, updating(named)).status == 207
    for place in (PRINCIPAL, HOME):
        assert client.propfind(place, DAV.displayname) == {place: {DAV.displayname: "Alice L."}}
    inside = client.propfind("/.principals/", DAV.displayname, depth="1")
    assert inside[PRINCIPAL] == {DAV.displayname: "Alice L."}
    client("PROPPATCH", path, updating("<D:displayname/>", action="remove"))
    assert client.propfind(PRINCIPAL, DAV.displayname)[PRINCIPAL] == {DAV.displayname: "alice"}
    assert client.propfind(HOME, DAV.displayname)[HOME] == {DAV.displayname: 404}


def test_a_principal_keeps_its_home_set(client):
    response = client("PROPPATCH", PRINCIPAL, updating("<C:addressbook-home-set/>"))
    assert found(response) == {PRINCIPAL: {CARDDAV.addressbook_home_set: 403}}


def test_people_do_not_choose_the_names_of_others(client):
    client.user = "bob"
    assert client("PROPPATCH", PRINCIPAL, updating(x("1"))).status == 404


@pytest.mark.parametrize(
    ("attributes", "own", "language"),
    [("", "", None), (" xml:lang='de'", "", "de"), (" xml:lang='de'", " xml:lang='fr'", "fr")],
)
def test_a_description_keeps_its_language(client, attributes, own, language):
    text = f"<C:addressbook-description{own}>Freunde</C:addressbook-description>"
    client("PROPPATCH", BOOK, updating(text, attributes=attributes))
    body = f"<D:propfind {PREFIXED}><D:prop><C:addressbook-description/></D:prop></D:propfind>"
    (description,) = root(client("PROPFIND", BOOK, body, depth="0")).iter(
        CARDDAV.addressbook_description
    )
    assert (description.text, description.get(LANGUAGE)) == ("Freunde", language)
    client("COPY", BOOK, destination=HOME + "copy/")
    (description,) = root(client("PROPFIND", HOME + "copy/", body, depth="0")).iter(
        CARDDAV.addressbook_description
    )
    assert (description.text, description.get(LANGUAGE)) == ("Freunde", language)


LONG = "y" * 500


@pytest.mark.parametrize("path", [CARD, BOOK, HOME, PRINCIPAL])
def test_there_is_an_end_of_what_can_be_attached(client, path):
    client.app = replace(client.app, limits=Limits(max_properties_size=1000))
    assert client("PROPPATCH", path, updating(x(LONG))).status == 207
    response = client("PROPPATCH", path, updating(f"<y xmlns='urn:x'>{LONG}</y>"))
    assert (response.status, condition(response)) == (507, DAV.quota_not_exceeded)
    assert client.propfind(path, X, "{urn:x}y") == {path: {X: LONG, "{urn:x}y": 404}}
    assert client("PROPPATCH", path, updating(x(LONG[1:]))).status == 207


@pytest.mark.parametrize("name", ["D:displayname", "C:addressbook-description"])
def test_a_name_and_a_description_have_an_end_too(client, name):
    client.app = replace(client.app, limits=Limits(max_properties_size=1000))
    long = f"<{name}>{LONG * 3}</{name}>"
    assert client("PROPPATCH", BOOK, updating(long)).status == 507
    mkcol = updating("<D:resourcetype><D:collection/></D:resourcetype>", long)
    assert client("MKCOL", HOME + "new/", mkcol.replace("propertyupdate", "mkcol")).status == 507
    assert client("PROPFIND", HOME + "new/").status == 404


def test_what_is_too_much_already_can_become_less(client):
    client("PROPPATCH", BOOK, updating(x(LONG * 3), f"<y xmlns='urn:x'>{LONG}</y>"))
    client.app = replace(client.app, limits=Limits(max_properties_size=1000))
    removing = updating("<y xmlns='urn:x'/>", action="remove")
    assert client("PROPPATCH", BOOK, removing).status == 207


def test_many_properties_take_no_long_time(client):
    """A body of 1 MB: work that grows with the square of it would take minutes."""
    many = "".join(f"<p{n} xmlns='urn:x'/>" for n in range(30_000))
    assert client("PROPPATCH", BOOK, updating(many)).status == 507


@pytest.mark.parametrize("path", [CARD, BOOK, HOME, PRINCIPAL])
def test_what_several_clients_attach_at_once_is_all_kept(client, path):
    def attach(number):
        body = updating(f"<n{number} xmlns='urn:x'>{number}</n{number}>")
        return client("PROPPATCH", path, body).status

    with ThreadPoolExecutor(4) as clients:
        assert set(clients.map(attach, range(24))) == {207}
    names = [f"{{urn:x}}n{number}" for number in range(24)]
    assert list(client.propfind(path, *names)[path].values()) == [str(n) for n in range(24)]


@pytest.mark.parametrize("count", [250, 251])
def test_the_number_of_properties_asked_for_at_once_is_bounded(client, count):
    names = "".join(f"<n{number} xmlns='urn:x'/>" for number in range(count))
    body = f"<D:propfind {PREFIXED}><D:prop>{names}</D:prop></D:propfind>"
    assert client("PROPFIND", BOOK, body).status == (207 if count == 250 else 400)


def test_the_name_of_a_property_is_bounded(client):
    name = "n" * 1000
    assert client("PROPPATCH", BOOK, updating(f"<{name} xmlns='urn:x'>1</{name}>")).status == 400
