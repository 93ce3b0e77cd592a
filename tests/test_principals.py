"""Principals and access control (RFC 3744), and what leads from one to another (RFC 3253 §3.8)."""

import pytest
from conftest import BOOK, HOME, PREFIXED, condition, found, root, vcard

from pycarddav.dav import xml
from pycarddav.dav.errors import NeedPrivileges
from pycarddav.dav.names import CALDAV, CALENDARSERVER, CARDDAV, DAV
from pycarddav.model import AddressBook, Entry, Principal, UnmappedBook, UnmappedCard
from pycarddav.protocol.access import require

PRINCIPAL, BOB = "/.principals/alice/", "/.principals/bob/"
FRIENDS = AddressBook("alice", "friends")
EVERYWHERE = ["/", "/.principals/", PRINCIPAL, HOME, BOOK, BOOK + "ada.vcf"]


@pytest.fixture
def people(client):
    """A book with Ada, and two other users; Bob's name is an address."""
    client.put("ada.vcf", vcard("ada", "Ada"))
    for name in ("bob@example.com", "root"):
        client.user = name
        client("OPTIONS", "/")
    client.user = "alice"
    return client


def report(client, name, inner, path="/.principals/", attributes="", **headers):
    body = f"<D:{name} {PREFIXED} {attributes}>{inner}</D:{name}>"
    return client("REPORT", path, body, **headers)


def keeping(*hrefs):
    """A dead property of hrefs."""
    kept = "".join(f"<D:href>{href}</D:href>" for href in hrefs)
    return f"<a xmlns='urn:x'>{kept}</a>"


def expand(client, inner, path=BOOK, **headers):
    return root(report(client, "expand-property", inner, path, **headers))


def search(*texts, names="<D:displayname/>", kind=""):
    return "".join(
        f"<D:property-search><D:prop>{names}</D:prop><D:match {kind}>{text}</D:match>"
        "</D:property-search>"
        for text in texts
    )


@pytest.mark.parametrize("path", EVERYWHERE)
def test_the_access_control_list_names_its_principals(people, path):
    answer = found(
        report(people, "acl-principal-prop-set", "<D:prop><D:displayname/></D:prop>", path)
    )
    mine = path not in ("/", "/.principals/")  # those are for everybody who has logged in
    assert answer == ({PRINCIPAL: {DAV.displayname: "alice"}} if mine else {})


def test_an_owner_may_be_found_by_what_is_theirs(people):
    owner = "<D:principal-property><D:owner/></D:principal-property>"
    assert found(report(people, "principal-match", owner, HOME)) == {
        BOOK: 200,
        BOOK + "ada.vcf": 200,
    }
    assert found(
        report(people, "principal-match", owner + "<D:prop><D:getetag/></D:prop>", HOME)
    ).keys() == {BOOK, BOOK + "ada.vcf"}
    assert found(report(people, "principal-match", owner, BOOK)) == {BOOK + "ada.vcf": 200}
    unknown = "<D:principal-property><D:nope/></D:principal-property>"
    assert found(report(people, "principal-match", unknown, "/")) == {}


@pytest.mark.parametrize("path", ["/", "/.principals/"])
@pytest.mark.parametrize("user", ["alice", "root"])
def test_the_user_is_found_among_the_principals(people, path, user):
    people.user = user
    self = "<D:self/><D:prop><D:displayname/></D:prop>"
    assert found(report(people, "principal-match", self, path)) == {
        f"/.principals/{user}/": {DAV.displayname: user}
    }
    assert found(report(people, "principal-match", "<D:self/>", f"/{user}/")) == {}


def test_a_principal_match_says_what_it_looks_for(people):
    assert report(people, "principal-match", "").status == 400


@pytest.mark.parametrize(
    ("privilege", "resource", "where"),
    [
        (DAV.bind, UnmappedCard(FRIENDS, "x"), BOOK),
        (DAV.bind, UnmappedBook("alice", "x"), HOME),
        (DAV.unbind, Entry(FRIENDS, "x", '"x"', 1, 0.0), BOOK),
        (DAV.write_content, Entry(FRIENDS, "x", '"x"', 1, 0.0), BOOK + "x"),
        (DAV.write_properties, FRIENDS, BOOK),
    ],
)
def test_a_refusal_says_which_privilege_is_missing_where(privilege, resource, where):
    """DAVx⁵ and Evolution take the user's edit back only when they are told (§7.1.1)."""
    with pytest.raises(NeedPrivileges) as refusal:
        require(privilege, Principal("mallory"), resource)
    (element,) = xml.parse(refusal.value.body("/dav"))[0]
    assert element.findtext(DAV.href) == "/dav" + where
    assert [found[0].tag for found in element.iter(DAV.privilege)] == [privilege]
    require(privilege, Principal("alice"), resource)
    require(privilege, Principal("root", admin=True), resource)


EMAIL = "<CS:email-address-set/>"
SEARCHES = [
    (search("bob"), "", {"bob@example.com"}),
    (search("BOB@"), "", {"bob@example.com"}),
    (search(""), "", {"alice", "bob@example.com", "root"}),
    (search("nobody"), "", set()),
    (search("bob", "alice"), "", set()),
    (search("bob", "alice"), 'test="allof"', set()),
    (search("bob", "alice"), 'test="anyof"', {"alice", "bob@example.com"}),
    (search("example", names=EMAIL), "", {"bob@example.com"}),
    (search("mailto:bob", names="<CAL:calendar-user-address-set/>"), "", {"bob@example.com"}),
    (search("bob", names="<D:displayname/>" + EMAIL), "", {"bob@example.com"}),
    (search("alice", names="<D:displayname/>" + EMAIL), "", set()),
    (search("alice", names="<D:displayname/><x:email/>"), 'xmlns:x="x:" test="anyof"', {"alice"}),
    (search("ali", kind='match-type="equals"'), "", set()),
    (search("alice", kind='match-type="equals"'), "", {"alice"}),
    (search("ali", kind='match-type="starts-with"'), "", {"alice"}),
    (search("lice", kind='match-type="starts-with"'), "", set()),
    (search("lice", kind='match-type="ends-with"'), "", {"alice"}),
    (search("", names="<D:principal-URL/>"), "", set()),
    (search("bob", names="<D:displayname/><CS:first-name/>"), "", set()),
    (search("bob", names="<CS:first-name/>") + search("bob"), 'test="anyof"', {"bob@example.com"}),
]


@pytest.mark.parametrize(("searches", "attributes", "names"), SEARCHES)
def test_principals_are_found_by_what_is_searchable(people, searches, attributes, names):
    people.user = "root"
    searched = searches + "<D:prop><D:displayname/></D:prop>"
    answer = found(report(people, "principal-property-search", searched, attributes=attributes))
    assert answer == {f"/.principals/{name}/": {DAV.displayname: name} for name in names}


def test_each_search_looks_at_every_principal_so_there_are_not_many(people):
    for number, status in ((50, 207), (51, 400)):
        searches = search("a", names="<D:displayname/>") * (number - 2)
        searches += search("a", names="<D:displayname/><D:displayname/>")
        assert report(people, "principal-property-search", searches).status == status


def test_nobody_finds_whom_they_may_not_see(people):
    assert found(report(people, "principal-property-search", search(""))) == {PRINCIPAL: 200}


def test_a_search_may_be_sent_to_any_collection(people):
    """macOS sends it to wherever it is, with the element that says where the principals are."""
    here, there = search("alice"), search("alice") + "<D:apply-to-principal-collection-set/>"
    for path, inside in (("/", True), (PRINCIPAL, False), (HOME, False)):
        assert found(report(people, "principal-property-search", here, path)) == (
            {PRINCIPAL: 200} if inside else {}
        )
        assert found(report(people, "principal-property-search", there, path)) == {PRINCIPAL: 200}


@pytest.mark.parametrize(
    ("inner", "attributes"),
    [
        ("", ""),
        ("<D:property-search><D:match>x</D:match></D:property-search>", ""),
        ("<D:property-search><D:prop><D:displayname/></D:prop></D:property-search>", ""),
        (search("x", kind='match-type="sounds-like"'), ""),
        (search("x"), 'test="noneof"'),
    ],
)
def test_a_search_that_says_nothing_is_400(people, inner, attributes):
    response = report(people, "principal-property-search", inner, attributes=attributes)
    assert response.status == 400


def test_what_is_searchable_is_told_and_found(people):
    people.user = "bob@example.com"
    response = report(people, "principal-search-property-set", "")
    told = root(response)
    assert (response.status, told.tag) == (200, DAV.principal_search_property_set)
    names = [found.tag for found in told.iterfind(f".//{DAV.prop}/*")]
    assert {DAV.displayname, CALENDARSERVER.email_address_set} <= set(names)
    for name in names:
        asked = search(
            "bob", names=f'<x:{name.partition("}")[2]} xmlns:x="{name[1:].partition("}")[0]}"/>'
        )
        me = "/.principals/bob@example.com/"
        assert found(report(people, "principal-property-search", asked)) == {me: 200}


def test_addresses_are_those_that_names_tell(people):
    names = CALENDARSERVER.email_address_set, CALDAV.calendar_user_address_set
    assert people.propfind(PRINCIPAL, *names)[PRINCIPAL] == dict.fromkeys(names)
    people.user = "bob@example.com"
    bob = "/.principals/bob@example.com/"
    assert people.propfind(bob, *names)[bob] == {
        names[0]: [CALENDARSERVER.email_address], names[1]: [DAV.href]
    }  # fmt: skip


def test_the_card_that_is_me_is_the_principals_address(people):
    assert people.propfind(PRINCIPAL, CARDDAV.principal_address)[PRINCIPAL] == {
        CARDDAV.principal_address: 404
    }
    me = f"<CS:me-card><D:href>{BOOK}ada.vcf</D:href></CS:me-card>"
    people.set(HOME, me)
    answer = expand(
        people, f'<D:property name="principal-address" namespace="{CARDDAV.uri}"/>', PRINCIPAL
    )
    assert answer.findtext(f".//{CARDDAV.principal_address}/{DAV.href}") == BOOK + "ada.vcf"


def test_an_identity_belongs_to_one_url_for_good(people):
    """RFC 5842 §3.1; macOS and iOS ask for it."""

    def identity(path):
        body = f"<D:propfind {PREFIXED}><D:prop><D:resource-id/></D:prop></D:propfind>"
        return root(people("PROPFIND", path, body, depth="0")).findtext(f".//{DAV.resource_id}/*")

    identities = [identity(path) for path in (PRINCIPAL, HOME, BOOK)]
    people.put("bob.vcf", vcard("bob", "Bob"))
    assert [identity(path) for path in (PRINCIPAL, HOME, BOOK)] == identities
    assert len(set(identities)) == 3
    assert all(found.startswith("urn:uuid:") for found in identities)


OWNER_NAME = '<D:property name="owner"><D:property name="displayname"/></D:property>'


def test_hrefs_are_expanded_into_what_they_name(people):
    answer = expand(people, OWNER_NAME)
    (whole,) = answer
    assert whole.findtext(DAV.href) == BOOK
    (owner,) = whole.findall(f"{DAV.propstat}/{DAV.prop}/{DAV.owner}/{DAV.response}")
    assert owner.findtext(DAV.href) == PRINCIPAL
    assert owner.findtext(f".//{DAV.displayname}") == "alice"


def test_an_expansion_goes_as_deep_as_it_is_asked_to(people):
    answer = expand(
        people,
        '<D:property name="owner"><D:property namespace="urn:ietf:params:xml:ns:carddav" '
        f'name="addressbook-home-set">{OWNER_NAME}</D:property></D:property>',
        BOOK + "ada.vcf",
    )
    assert [href.text for href in answer.iter(DAV.href)] == [
        BOOK + "ada.vcf", PRINCIPAL, HOME, PRINCIPAL
    ]  # fmt: skip


def test_what_is_not_asked_to_be_expanded_stays_as_it_is(people):
    answer = expand(people, '<D:property name="owner"/><D:property name="nope"/>')
    assert answer.findtext(f".//{DAV.owner}/{DAV.href}") == PRINCIPAL
    assert found(report(people, "expand-property", '<D:property name="nope"/>', BOOK)) == {
        BOOK: {"{DAV:}nope": 404}
    }


@pytest.mark.parametrize(
    "href", ["/bob@example.com/", BOB, "/nowhere/", "mailto:x@example.com", BOOK + "no.vcf", "", "http://["]
)  # fmt: skip
def test_an_href_that_names_nothing_to_be_seen_stays_one(people, href):
    people.set(HOME, keeping(href))
    inner = '<D:property name="a" namespace="urn:x"><D:property name="displayname"/></D:property>'
    answer = expand(people, inner, HOME)
    assert (answer.findtext(".//{urn:x}a/" + DAV.href) or "") == href


def test_an_expansion_may_bring_a_card(people):
    people.set(BOOK, keeping(BOOK + "ada.vcf"))
    data = f'<D:property name="address-data" namespace="{CARDDAV.uri}"/>'
    answer = expand(people, f'<D:property name="a" namespace="urn:x">{data}</D:property>')
    assert "FN:Ada" in answer.findtext(f".//{CARDDAV.address_data}")


def nested(levels):
    inner = ""
    for _ in range(levels):
        inner = f'<D:property name="a" namespace="urn:x">{inner}</D:property>'
    return inner


def test_an_expansion_that_explodes_is_stopped(people):
    """Each level multiplies by the hrefs that a user has put into a property."""
    people.set(HOME, keeping(*[HOME] * 100))
    response = report(people, "expand-property", nested(5), HOME)
    assert (response.status, condition(response)) == (507, DAV.number_of_matches_within_limits)
    assert report(people, "expand-property", nested(9), HOME).status == 400


@pytest.mark.parametrize(
    "property",
    [
        "<D:property/>", "<D:property name=''/>", "<D:property name='a b'/>",
        "<D:property name='&lt;a'/>", "<D:property name='a' namespace='urn:x}y'/>",
        "<D:property name='a' namespace='http://www.w3.org/2000/xmlns/'/>",
    ],
)  # fmt: skip
def test_what_cannot_be_a_name_is_no_property(people, property):
    assert report(people, "expand-property", property, BOOK).status == 400


@pytest.mark.parametrize("uri", ["", "urn:\"'&lt;", "http://www.w3.org/XML/1998/namespace"])
def test_any_namespace_is_answered_in(people, uri):
    property = f"<D:property name='a' namespace='{uri.replace(chr(39), '&apos;')}'/>"
    assert list(found(report(people, "expand-property", property, BOOK))[BOOK].values()) == [404]
