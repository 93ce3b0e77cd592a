"""What the server says it can do is asked of it, and done; its limits are asked for, and met."""

import pytest
from conftest import BOOK, HOME, PREFIXED, Client, anyone, condition, found, root, vcard

from pycarddav.dav.names import CARDDAV, DAV
from pycarddav.dav.xml import E
from pycarddav.protocol.app import App
from pycarddav.protocol.context import Limits
from pycarddav.vcard.query import COLLATIONS

PRINCIPAL = "/.principals/alice/"
CARD = BOOK + "ada.vcf"
ADA = vcard("ada", "Ada", "EMAIL:ada@example.com")
EVERYWHERE = ["/", "/.principals/", PRINCIPAL, HOME, BOOK, CARD]


@pytest.fixture
def people(client):
    """A book with Ada."""
    client.put("ada.vcf", ADA)
    return client


def advertised(client, path, name):
    """The property's element."""
    return root(client("PROPFIND", path, asking(name), depth="0")).find(f".//{name}")


def asking(name):
    return f"<D:propfind {PREFIXED}><D:prop>{E(name)}</D:prop></D:propfind>"


@pytest.mark.parametrize("path", EVERYWHERE)
def test_every_resource_says_that_there_are_address_books(people, path):
    """DAVx⁵ looks at the principal, Evolution at the book (RFC 6352 §6.1)."""
    classes = people("OPTIONS", path).headers["DAV"].split(", ")
    assert {"1", "2", "3", "access-control", "addressbook", "extended-mkcol"} <= set(classes)
    assert people("PROPFIND", path, depth="0").headers["DAV"].split(", ") == classes


@pytest.mark.parametrize("path", EVERYWHERE)
def test_the_methods_are_told_twice_and_are_the_same(people, path):
    told = [item.get("name") for item in advertised(people, path, DAV.supported_method_set)]
    assert told == people("OPTIONS", path).headers["Allow"].split(", ")


@pytest.mark.parametrize("path", EVERYWHERE)
def test_every_live_property_that_is_told_of_is_answered(people, path):
    told = advertised(people, path, DAV.supported_live_property_set)
    names = [named[0].tag for named in told.iter(DAV.prop)]
    answer = people.propfind(path, *names)[path]
    assert set(answer) == set(names)
    assert {status for status in answer.values() if isinstance(status, int)} <= {404}


FILTER = '<C:filter><C:prop-filter name="FN"/></C:filter>'
SEARCH = (
    "<D:property-search><D:prop><D:displayname/></D:prop><D:match>ali</D:match></D:property-search>"
)
REQUESTS = {
    DAV.acl_principal_prop_set: "<D:prop><D:displayname/></D:prop>",
    DAV.expand_property: '<D:property name="owner"><D:property name="displayname"/></D:property>',
    DAV.principal_match: "<D:self/>",
    DAV.principal_property_search: SEARCH,
    DAV.principal_search_property_set: "",
    DAV.sync_collection: "<D:sync-token/><D:sync-level>1</D:sync-level><D:prop/>",
    CARDDAV.addressbook_multiget: f"<D:prop><D:getetag/></D:prop><D:href>{CARD}</D:href>",
    CARDDAV.addressbook_query: f"<D:prop><D:getetag/></D:prop>{FILTER}",
}


@pytest.mark.parametrize("path", EVERYWHERE)
def test_every_report_that_is_told_of_is_served_and_no_other(people, path):
    told = advertised(people, path, DAV.supported_report_set)
    reports = [report[0].tag for report in told.iter(DAV.report)]
    for name, inner in REQUESTS.items():
        tag = E(name).strip("</>")
        response = people("REPORT", path, f"<{tag} {PREFIXED}>{inner}</{tag}>")
        if name in reports:
            expected = 200 if name == DAV.principal_search_property_set else 207
            assert response.status == expected, name
        else:
            assert (response.status, condition(response)) == (403, DAV.supported_report)
    assert set(reports) <= set(REQUESTS)


def test_books_and_cards_have_the_reports_of_carddav(people):
    """RFC 6352 §8."""
    for path in (HOME, BOOK, CARD):
        told = advertised(people, path, DAV.supported_report_set)
        reports = {report[0].tag for report in told.iter(DAV.report)}
        assert {CARDDAV.addressbook_multiget, CARDDAV.addressbook_query} <= reports


USES = {
    DAV.read: lambda client: client("GET", CARD),
    DAV.read_acl: lambda client: client("PROPFIND", CARD, asking(DAV.acl)),
    DAV.read_current_user_privilege_set: lambda client: client(
        "PROPFIND", CARD, asking(DAV.current_user_privilege_set)
    ),
    DAV.write: lambda client: client("PUT", CARD, ADA),
    DAV.write_content: lambda client: client("PUT", CARD, ADA),
    DAV.write_properties: lambda client: client.set(BOOK, "<D:displayname>x</D:displayname>"),
    DAV.bind: lambda client: client("PUT", BOOK + "bob.vcf", vcard("bob", "Bob")),
    DAV.unlock: lambda client: unlock(client),
    DAV.unbind: lambda client: client("DELETE", CARD),
}


def test_every_privilege_that_is_told_of_is_held(people):
    told = [each[0].tag for each in advertised(people, BOOK, DAV.current_user_privilege_set)]
    assert {name: use(people).status // 100 for name, use in USES.items()} == dict.fromkeys(told, 2)


def unlock(client):
    """The lock of somebody else."""
    info = "<D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype>"
    client.user = "root"
    locked = client("LOCK", CARD, f"<D:lockinfo {PREFIXED}>{info}</D:lockinfo>")
    client.user = "alice"
    return client("UNLOCK", CARD, lock_token=locked.headers["Lock-Token"])


def test_the_privileges_that_are_held_are_among_those_there_are(people):
    known = {
        each[0].tag
        for each in advertised(people, BOOK, DAV.supported_privilege_set).iter(DAV.privilege)
    }
    for path in EVERYWHERE:
        held = {each[0].tag for each in advertised(people, path, DAV.current_user_privilege_set)}
        assert held <= known
        granted = {each[0].tag for each in advertised(people, path, DAV.acl).iter(DAV.privilege)}
        assert held == granted


def test_every_collation_that_is_told_of_compares(people):
    told = [each.text for each in advertised(people, BOOK, CARDDAV.supported_collation_set)]
    assert {"i;ascii-casemap", "i;unicode-casemap"} <= set(told)
    for name in told:
        matching = f'<C:text-match collation="{name}">Ada</C:text-match>'
        found = people.query(
            f'<C:filter><C:prop-filter name="FN">{matching}</C:prop-filter></C:filter>'
        )
        assert list(found) == [CARD]
    assert list(COLLATIONS) == told


def types(client):
    told = advertised(client, BOOK, CARDDAV.supported_address_data)
    return [(each.get("content-type"), each.get("version")) for each in told]


def test_every_type_of_card_that_is_told_of_can_be_had(people):
    assert types(people)[:2] == [("text/vcard", "3.0"), ("text/vcard", "4.0")]
    for kind, version in types(people):
        asked = f'<C:address-data content-type="{kind}" version="{version}"/>'
        body = (
            f"<C:addressbook-multiget {PREFIXED}><D:prop>{asked}</D:prop>"
            f"<D:href>{CARD}</D:href></C:addressbook-multiget>"
        )
        data = root(people("REPORT", BOOK, body)).findtext(f".//{CARDDAV.address_data}")
        assert version in data
        response = people("GET", CARD, accept=f"{kind};version={version}")
        assert response.headers["Content-Type"].startswith(kind)


@pytest.mark.parametrize("version", ["3.0", "4.0"])
def test_every_version_that_is_told_of_can_be_stored(client, version):
    assert ("text/vcard", version) in types(client)
    assert client.put("ada.vcf", vcard("ada", "Ada", version=version)).status == 201


@pytest.mark.parametrize(
    "attributes", ['version="2.1"', 'version="5.0"', 'content-type="text/x-vlist"']
)
@pytest.mark.parametrize("report", ["addressbook-multiget", "addressbook-query"])
def test_another_type_of_card_is_refused_for_the_whole_request(people, attributes, report):
    body = (
        f"<C:{report} {PREFIXED}><D:prop><C:address-data {attributes}/></D:prop>"
        f"<D:href>{CARD}</D:href></C:{report}>"
    )
    response = people("REPORT", BOOK, body)
    assert (response.status, condition(response)) == (403, CARDDAV.supported_address_data)


def test_no_property_of_carddav_is_told_without_being_asked_for(people):
    """RFC 6352 §6.2, §7.1, §8.3.1 say so of each."""
    for path in EVERYWHERE:
        assert not [
            name for name in found(people("PROPFIND", path, depth="0"))[path] if CARDDAV.uri in name
        ]


def test_results_end_where_the_limit_is(store):
    client = Client(App(store, anyone, Limits(max_results=2)))
    for name in ("ada", "bob", "eve"):
        client.put(f"{name}.vcf", vcard(name, name))
    answer = client.query("")
    assert (answer.pop(BOOK), len(answer)) == (507, 2)
    page, token = client.sync()
    assert (page.pop(BOOK), len(page)) == (507, 2)
    rest, _ = client.sync(token)
    assert len(rest) == 1
