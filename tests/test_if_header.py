"""The If header (RFC 4918 §10.4): its grammar, and what it lets through."""

import time

import pytest
from conftest import BOOK, HOME, condition, vcard
from hypothesis import given
from hypothesis import strategies as st

from pycarddav.dav import if_header
from pycarddav.dav.if_header import If, State, Term
from pycarddav.dav.names import DAV

ADA = vcard("ada", "Ada")
NEW = vcard("ada", "Ada Lovelace")


def token(uri, wanted=True):
    return Term(uri, "", wanted)


def etag(tag, wanted=True):
    return Term("", tag, wanted)


A, B, C = token("urn:a"), token("urn:b"), token("urn:c")


@pytest.mark.parametrize(
    ("header", "lists"),
    [
        ("(<urn:a>)", [(None, (A,))]),
        ('(["a"])', [(None, (etag('"a"'),))]),
        ('([W/"a]b"])', [(None, (etag('W/"a]b"'),))]),
        ("([bare])", [(None, (etag("bare"),))]),
        (
            '(<urn:a> ["b"] Not <urn:c> not["d"])',
            [(None, (A, etag('"b"'), token("urn:c", False), etag('"d"', False)))],
        ),
        (
            " (<urn:a>)(<urn:b>)\t( Not <DAV:no-lock> ) ",
            [(None, (A,)), (None, (B,)), (None, (token("DAV:no-lock", False),))],
        ),
        (
            "<http://h/x> (<urn:a>) (<urn:b>) </y> (<urn:c>)",
            [("http://h/x", (A,)), ("http://h/x", (B,)), ("/y", (C,))],
        ),
    ],
)
def test_a_header_is_lists_of_conditions(header, lists):
    assert if_header.parse(header) == If(tuple(lists))


@pytest.mark.parametrize(
    "header",
    [
        "", " ", "()", "(", ")", "(<urn:a>", "<urn:a>", "<urn:a> <urn:b> (<urn:c>)", "(<>)", "([])",
        '(["])', "urn:a", "(urn:a)", "(<urn:a>) x", "(<urn:a>, <urn:b>)", "(<urn:a>),(<urn:b>)",
        "((<urn:a>))", "(Not)", "(Not Not <urn:a>)", "(nothing <urn:a>)", "(<urn:<a>>)",
        "(<urn:a>) </x> (<urn:b>)", "</x> (<urn:a>",
    ],
)  # fmt: skip
def test_what_is_no_if_header_is_refused(client, header):
    with pytest.raises(ValueError, match=r"If header|lists"):
        if_header.parse(header)
    if header.strip():
        assert client.put("ada.vcf", ADA, **{"if": header}).status == 400
        assert client("GET", BOOK + "ada.vcf").status == 404


@given(st.text("<>()[]\"' notW/a\\", max_size=60) | st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        lists = if_header.parse(text).lists
    except ValueError:
        return
    assert all(terms for _, terms in lists)


@pytest.mark.parametrize(
    "part", ["(", "(<a>", "(<a>)", '(["', "([", "(not ", "<a>", "[a]", ' ("a', "(<a> [b] ", "\t"]
)
def test_a_long_header_takes_no_long_time(part):
    start = time.perf_counter()
    for text in (part * 20_000, f"({part * 20_000}", f"(<a>{part * 20_000})"):
        try:
            if_header.parse(text).demands("/", {None: State("/"), "a": State("/")})
        except ValueError:
            continue
    assert time.perf_counter() - start < 10  # a pattern that backtracks would take hours


HERE = State("/x", '"1"', frozenset({"urn:lock"}))
STATES = {None: HERE, "/x": HERE, "/y": State("/y", '"2"'), "/gone": State("/gone")}


@pytest.mark.parametrize(
    ("header", "demands"),
    [
        ("(<urn:lock>)", None),
        ("(<urn:other>)", ()),
        ("(Not <urn:other>)", None),
        ("(<urn:other>) (Not <DAV:no-lock>)", None),
        ('(["1"])', ((('"1"', True),),)),
        ('(["9"])', ((('"9"', True),),)),
        ('(<urn:lock> ["1"])', ((('"1"', True),),)),
        ('(<urn:other> ["1"])', ()),
        ('(<urn:other> ["1"]) (Not ["9"])', ((('"9"', False),),)),
        ('(["1"]) (["3"])', ((('"1"', True),), (('"3"', True),))),
        ('(["1"]) (<urn:lock>)', None),
        ('</y> (["2"])', None),
        ('</y> (["1"])', ()),
        ('</y> (["1"]) </x> (["1"])', ((('"1"', True),),)),
        ('</gone> (["1"])', ()),
        ("</gone> (<urn:lock>)", ()),
        ('</gone> (Not ["1"] Not <urn:lock>)', None),
    ],
)
def test_what_is_left_is_about_the_etag_of_the_target(header, demands):
    """Everything else is judged at once; this is judged again when the change is made."""
    assert if_header.parse(header).demands("/x", STATES) == demands


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("([{etag}])", 204),
        ('(["stale"])', 412),
        ("(Not [{etag}])", 412),
        ('(["stale"]) ([{etag}])', 204),
        ("([{etag}] <DAV:no-lock>)", 412),
        ("([{etag}] Not <DAV:no-lock>)", 204),
        ("(<DAV:no-lock>)", 412),
        ("(Not <DAV:no-lock>)", 204),
        ("<{book}ada.vcf> ([{etag}])", 204),
        ("<http://localhost:5236{book}%61da.vcf> ([{etag}])", 204),
        ('<{book}ada.vcf> (["stale"])', 412),
        ("<{book}none.vcf> ([{etag}])", 412),
        ("<{book}none.vcf> (Not [{etag}])", 204),
        ("<http://example.com{book}ada.vcf> ([{etag}])", 412),
        ("</bob/friends/> (Not <urn:x>)", 204),
        ("<{book}> (<{token}>)", 204),
        ("<{book}> (<{token}x>)", 412),
        ("<{book}> (Not <{token}>)", 412),
        ("<%ff> (Not <urn:x>)", 204),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "DELETE", "GET"])
def test_a_request_is_carried_out_if_the_header_is_true(client, method, said, status):
    tag = client.put("ada.vcf", ADA).headers["ETag"]
    header = said.format(etag=tag, book=BOOK, token=client.sync()[1])
    response = client(method, BOOK + "ada.vcf", NEW, **{"if": header})
    assert response.status == (200 if method == "GET" and status == 204 else status)
    changed = status == 204 and method != "GET"
    after = client("GET", BOOK + "ada.vcf")
    assert (after.status == 200 and after.body == ADA) is not changed


def test_a_false_header_comes_with_the_etag(client):
    tag = client.put("ada.vcf", ADA).headers["ETag"]
    response = client.put("ada.vcf", NEW, **{"if": '(["stale"])'})
    assert (response.status, response.headers["ETag"]) == (412, tag)


def test_both_kinds_of_condition_must_be_true(client):
    tag = client.put("ada.vcf", ADA).headers["ETag"]
    assert client.put("ada.vcf", NEW, if_match='"stale"', **{"if": f"([{tag}])"}).status == 412
    assert client.put("ada.vcf", NEW, if_match=tag, **{"if": '(["stale"])'}).status == 412
    assert client.put("ada.vcf", NEW, if_match=tag, **{"if": f"([{tag}])"}).status == 204


def test_a_new_card_has_no_state(client):
    assert client.put("ada.vcf", ADA, **{"if": '(["1"])'}).status == 412
    assert client.put("ada.vcf", ADA, **{"if": '(Not ["1"])'}).status == 201


def test_a_token_that_stands_for_no_lock_is_named(client):
    client.put("ada.vcf", ADA)
    response = client.put("ada.vcf", NEW, **{"if": "(<urn:uuid:none>)"})
    assert (response.status, condition(response)) == (412, DAV.lock_token_matches_request_uri)


def test_the_collections_have_conditions_too(client):
    _, token = client.sync()
    client.put("ada.vcf", ADA)
    unnamed = "<D:remove><D:prop><D:displayname/></D:prop></D:remove>"
    update = f"<D:propertyupdate xmlns:D='DAV:'>{unnamed}</D:propertyupdate>"
    assert client("PROPPATCH", BOOK, update, **{"if": f"(<{token}>)"}).status == 412
    assert client("DELETE", BOOK, **{"if": f"(<{token}>)"}).status == 412
    assert client("DELETE", BOOK, if_match='"x"').status == 412
    assert client("PROPPATCH", HOME, update, if_none_match="*").status == 412
    assert client("DELETE", BOOK, if_match="*", **{"if": f"(<{client.sync()[1]}>)"}).status == 204


def test_whoever_may_not_see_it_learns_nothing_of_a_state(client):
    client.user = "bob"
    client("PROPFIND", "/")
    tag = client("PUT", "/bob/contacts/a.vcf", ADA).headers["ETag"]
    client.user = "alice"
    client.put("ada.vcf", ADA)
    said = {"if": f"</bob/contacts/a.vcf> ([{tag}])"}
    assert client.put("ada.vcf", NEW, **said).status == 412


def test_a_header_names_so_many_resources_and_not_more(client):
    lists = "".join(f"</alice/friends/{n}> (Not <urn:x>)" for n in range(101))
    assert client.put("ada.vcf", ADA, **{"if": lists}).status == 400
    assert client.put("ada.vcf", ADA, **{"if": lists[: lists.rindex("<", 0, -20)]}).status == 201
