"""CARDDAV:filter against cards: rows of RFC 6352 §10.5 and of what it leaves open."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarddav.dav import errors, xml
from pycarddav.vcard import content, query

CARDDAV = 'xmlns:C="urn:ietf:params:xml:ns:carddav"'


def element(inner: str, attributes: str = ""):
    return xml.parse(f"<C:filter {CARDDAV} {attributes}>{inner}</C:filter>".encode())


def prop(name: str, *conditions: str, test: str = "") -> str:
    attribute = f' test="{test}"' if test else ""
    return f'<C:prop-filter name="{name}"{attribute}>{"".join(conditions)}</C:prop-filter>'


def param(name: str, *conditions: str) -> str:
    return f'<C:param-filter name="{name}">{"".join(conditions)}</C:param-filter>'


def text(value: str, match: str = "", collation: str = "", negate: str = "") -> str:
    given = {"match-type": match, "collation": collation, "negate-condition": negate}
    attributes = "".join(f' {name}="{value}"' for name, value in given.items() if value)
    return f"<C:text-match{attributes}>{value}</C:text-match>"


def no(value: str, match: str = "") -> str:
    return text(value, match, negate="yes")


ABSENT = "<C:is-not-defined/>"


def card(*lines: str) -> content.VCard:
    return content.parse("\r\n".join(["BEGIN:VCARD", *lines, "END:VCARD"]).encode())


# collation, match-type, text, value, whether it matches (§8.3, §10.5.4; RFC 4790 §9, RFC 5051)
ASCII, OCTET, UNICODE = "i;ascii-casemap", "i;octet", "i;unicode-casemap"
TEXT_MATCHES = [
    *((c, m, "Ada", "Ada", True) for c in (ASCII, OCTET, UNICODE) for m in query.MATCHES),
    *((c, m, "Eve", "Ada", False) for c in (ASCII, OCTET, UNICODE) for m in query.MATCHES),
    *((c, m, "Ada King", "Ada", False) for c in (ASCII, OCTET, UNICODE) for m in query.MATCHES),
    *((c, m, "aDA", "Ada", c != OCTET) for c in (ASCII, OCTET, UNICODE) for m in query.MATCHES),
    *((c, m, "MÜLLER", "Müller", c == UNICODE) for c in query.COLLATIONS for m in query.MATCHES),
    *((c, m, "王", "王", True) for c in query.COLLATIONS for m in query.MATCHES),
    *((c, "equals", "", "Ada", False) for c in query.COLLATIONS),
    *((c, "equals", "", "", True) for c in query.COLLATIONS),
    *((c, m, "", "Ada", True) for c in query.COLLATIONS for m in list(query.MATCHES)[1:]),
    *((c, m, "Ada", "", False) for c in query.COLLATIONS for m in query.MATCHES),
    (UNICODE, "equals", "Ad", "Ada", False),
    (UNICODE, "starts-with", "Ad", "Ada", True),
    (UNICODE, "starts-with", "da", "Ada", False),
    (UNICODE, "ends-with", "da", "Ada", True),
    (UNICODE, "ends-with", "Ad", "Ada", False),
    (UNICODE, "ends-with", "a", "aba", True),
    (UNICODE, "ends-with", "xxAda", "Ada", False),
    (UNICODE, "contains", "d", "Ada", True),
    (UNICODE, "contains", "Aa", "Ada", False),
    (UNICODE, "contains", " a", "Ada", False),
    (UNICODE, "contains", "Ada ", "Ada", False),
    (UNICODE, "equals", "É", "é", True),
    (UNICODE, "equals", "e", "é", False),
    (UNICODE, "contains", "e", "é", True),
    (UNICODE, "equals", "e\u0301", "é", True),
    (UNICODE, "equals", "Σίσυφος", "ΣΊΣΥΦΟΣ", True),
    (UNICODE, "equals", "ss", "ß", False),
    (UNICODE, "equals", "ß", "ß", True),
    (UNICODE, "contains", "s", "ß", False),
    (UNICODE, "equals", "i", "ı", True),
    (UNICODE, "equals", "\u01c4", "\u01c6", True),
    (UNICODE, "equals", "ﬁ", "fi", False),
    (UNICODE, "equals", "Ａ", "a", True),
    (UNICODE, "equals", "иван", "ИВАН", True),
    (ASCII, "equals", "é", "É", False),
    (ASCII, "equals", "JÖRG", "jÖrg", True),
    (ASCII, "equals", "[", "{", False),
    (OCTET, "contains", "é", "e\u0301", False),
    (OCTET, "contains", "d", "Ada", True),
]


@pytest.mark.parametrize(("collation", "match", "needle", "value", "expected"), TEXT_MATCHES)
def test_a_text_matches_by_its_collation(collation, match, needle, value, expected):
    found = query.parse(element(prop("X-TEXT", text(needle, match, collation))))
    negated = query.parse(element(prop("X-TEXT", text(needle, match, collation, "yes"))))
    vcard = card(f"X-TEXT:{value}")
    assert (found.matches(vcard), negated.matches(vcard)) == (expected, not expected)


# section or source, prop-filter, lines of the card, whether it matches
TWO = ["EMAIL;TYPE=home:ada@home.org", "EMAIL;TYPE=work;PREF=1:ada@work.com"]
PROPERTIES = [
    # §10.5.1: which property
    ("10.5.1", prop("EMAIL"), TWO, True),
    ("10.5.1", prop("EMAIL"), ["FN:Ada"], False),
    ("10.5.1", prop("email"), TWO, True),
    ("10.5.1", prop("EMAIL"), ["email:a@b"], True),
    ("10.5.1", prop("EMAIL"), ["EMAIL:"], True),
    ("10.5.1", prop("EMAIL"), ["item1.EMAIL:a@b"], True),
    ("10.5.1", prop("item1.EMAIL"), ["item1.EMAIL:a@b"], True),
    ("10.5.1", prop("ITEM1.email"), ["item1.EMAIL:a@b"], True),
    ("10.5.1", prop("item1.EMAIL"), ["item2.EMAIL:a@b", "EMAIL:a@b"], False),
    ("10.5.1", prop("item1.EMAIL", text("b")), ["item1.EMAIL:a", "item2.EMAIL:b"], False),
    ("10.5.1", prop("item1.EMAIL", ABSENT), ["item2.EMAIL:a@b"], True),
    ("10.5.1", prop("EMAIL", ABSENT), ["item2.EMAIL:a@b"], False),
    ("10.5.1", prop("X-ABLabel", text("spouse")), ["item1.X-ABLabel:_$!<Spouse>!$_"], True),
    ("10.5.1", prop("MAIL"), TWO, False),
    ("10.5.1", prop("FN"), ["BEGIN:VCARD", "FN:Bob", "END:VCARD"], False),
    # §10.5.3: is-not-defined
    ("10.5.3", prop("NOTE", ABSENT), TWO, True),
    ("10.5.3", prop("EMAIL", ABSENT), TWO, False),
    ("10.5.3", prop("EMAIL", ABSENT), ["EMAIL:"], False),
    ("10.5.3", prop("EMAIL", ABSENT, text("ada")), TWO, False),
    # §10.5.4: text-match on the property's value
    ("10.5.4", prop("EMAIL", text("ada")), TWO, True),
    ("10.5.4", prop("EMAIL", text("work.com", "ends-with")), TWO, True),
    ("10.5.4", prop("EMAIL", text("bob")), TWO, False),
    ("10.5.4", prop("EMAIL", text("ada")), ["FN:Ada"], False),
    ("10.5.4", prop("NOTE", text(" b ")), ["NOTE:a b c"], True),
    ("10.5.4", prop("NOTE", text(" b ")), ["NOTE:abc"], False),
    ("10.5.4", prop("NOTE", text("a, b; c")), ["NOTE:a\\, b\\; c"], True),
    ("10.5.4", prop("NOTE", text("a\nb")), ["NOTE:a\\nb"], True),
    ("10.5.4", prop("NOTE", text("a\nb")), ["NOTE:a\\Nb"], True),
    ("10.5.4", prop("NOTE", text("nb")), ["NOTE:a\\nb"], False),
    ("10.5.4", prop("NOTE", text("long")), ["NOTE:lo", " ng"], True),
    ("10.5.4", prop("NOTE", text("für")), ["NOTE;ENCODING=QUOTED-PRINTABLE:f=C3=BCr"], True),
    ("10.5.4", prop("NOTE", text("&lt;b&gt; &amp; c")), ["NOTE:<b> & c"], True),
    ("10.5.4", prop("URL", text("http://a")), ["URL:http\\://a"], True),
    ("10.5.4", prop("BDAY", text("1980-03")), ["BDAY:1980-03-22"], True),
    # negation asks for an instance that does not match
    ("10.5.4", prop("EMAIL", no("home")), TWO, True),
    ("10.5.4", prop("EMAIL", no("ada")), TWO, False),
    ("10.5.4", prop("EMAIL", no("bob")), TWO, True),
    ("10.5.4", prop("NOTE", no("bob")), TWO, False),
    ("10.5.4", prop("EMAIL", no("")), TWO, False),
    ("10.5.4", prop("EMAIL", no("ada@home.org", "equals")), TWO[:1], False),
    # several conditions hold for one instance, by anyof unless asked for allof
    ("10.5.1", prop("EMAIL", text("home"), text("work")), TWO, True),
    ("10.5.1", prop("EMAIL", text("home"), text("work"), test="allof"), TWO, False),
    ("10.5.1", prop("EMAIL", text("home"), text("ada"), test="allof"), TWO, True),
    ("10.5.1", prop("EMAIL", text("bob"), text("eve"), test="anyof"), TWO, False),
    ("10.5.1", prop("EMAIL", text("bob"), no("home"), test="anyof"), TWO, True),
    ("10.5.1", prop("EMAIL", text("ada"), no("home"), test="allof"), TWO[:1], False),
    ("10.5.1", prop("EMAIL", text("ada"), no("home"), test="allof"), TWO, True),
    ("10.5.1", prop("EMAIL", test="allof"), TWO, True),
    ("10.5.1", prop("EMAIL", text("home"), param("TYPE", text("work")), test="allof"), TWO, False),
    ("10.5.1", prop("EMAIL", text("work"), param("TYPE", text("work")), test="allof"), TWO, True),
    ("10.5.1", prop("EMAIL", text("bob"), param("TYPE", text("work"))), TWO, True),
    ("10.5.1", prop("EMAIL", param("TYPE"), param("X"), test="allof"), TWO, False),
    ("10.5.1", prop("EMAIL", param("TYPE"), param("PREF"), test="allof"), TWO, True),
    # structured and list values: the whole, and each part
    ("N", prop("N", text("Lovelace;Ada;;;", "equals")), ["N:Lovelace;Ada;;;"], True),
    ("N", prop("N", text("Ada", "equals")), ["N:Lovelace;Ada;;;"], True),
    ("N", prop("N", text("Ada", "starts-with")), ["N:Lovelace;Ada;;;"], True),
    ("N", prop("N", text("lace;ada")), ["N:Lovelace;Ada;;;"], True),
    ("N", prop("N", text("Richter, James", "equals")), ["N:Doe;John;Richter\\, James;;"], True),
    ("N", prop("N", text("a;b", "equals")), ["N:a\\;b;c"], True),
    ("N", prop("N", text("Eve", "equals")), ["N:Lovelace;Ada;;;"], False),
    ("N", prop("N", text("", "equals")), ["N:Lovelace;Ada;;;"], True),
    ("N", prop("N", text("", "equals")), ["N:a;b"], False),
    ("N", prop("N", no("ada")), ["N:Lovelace;Ada;;;"], False),
    ("ADR", prop("ADR", text("Bonn", "equals")), ["ADR:;;Weg 1;Bonn;;;"], True),
    ("ORG", prop("ORG", text("R&amp;D", "equals")), ["ORG:Acme;R&D"], True),
    ("GENDER", prop("GENDER", text("M", "equals")), ["GENDER:M;he"], True),
    ("list", prop("CATEGORIES", text("b", "equals")), ["CATEGORIES:a,b"], True),
    ("list", prop("CATEGORIES", text("a,b", "equals")), ["CATEGORIES:a,b"], True),
    ("list", prop("CATEGORIES", text("a,b", "equals")), ["CATEGORIES:a\\,b,c"], True),
    ("list", prop("CATEGORIES", text("a", "equals")), ["CATEGORIES:a\\,b,c"], False),
    ("list", prop("NICKNAME", text("Bob", "equals")), ["NICKNAME:Rob,Bob"], True),
    ("not a list", prop("NOTE", text("b", "equals")), ["NOTE:a,b"], False),
    ("not structured", prop("NOTE", text("b", "equals")), ["NOTE:a;b"], False),
    # nobody looks for letters inside base64
    ("binary", prop("PHOTO", text("AAA")), ["PHOTO;ENCODING=b:AAAA"], False),
    ("binary", prop("PHOTO", text("AAA")), ["PHOTO:data:image/png;base64,AAAA"], False),
    ("binary", prop("PHOTO", no("AAA")), ["PHOTO;ENCODING=b:AAAA"], True),
    ("binary", prop("PHOTO"), ["PHOTO;ENCODING=b:AAAA"], True),
    ("binary", prop("PHOTO", text("http:")), ["PHOTO;VALUE=uri:http://a/AAA"], True),
    ("binary", prop("KEY", text("http:")), ["KEY:http://a/AAA"], True),
    ("binary", prop("PHOTO", param("TYPE", text("jpeg"))), ["PHOTO;TYPE=JPEG;ENCODING=b:A"], True),
    # §10.5.2: param-filter
    ("10.5.2", prop("TEL", param("TYPE")), ["TEL;TYPE=home:1"], True),
    ("10.5.2", prop("TEL", param("type")), ["TEL;Type=home:1"], True),
    ("10.5.2", prop("TEL", param("TYPE")), ["TEL:1"], False),
    ("10.5.2", prop("TEL", param("TYPE")), ["FN:x"], False),
    ("10.5.2", prop("TEL", param("TYPE", text("HOME"))), ["TEL;TYPE=home:1"], True),
    ("10.5.2", prop("TEL", param("TYPE", text("home", "equals"))), ["TEL;TYPE=work,home:1"], True),
    (
        "10.5.2",
        prop("TEL", param("TYPE", text("home", "equals"))),
        ["TEL;TYPE=work;TYPE=home:1"],
        True,
    ),
    (
        "10.5.2",
        prop("TEL", param("TYPE", text("home", "equals"))),
        ['TEL;TYPE="work,home":1'],
        True,
    ),
    ("10.5.2", prop("TEL", param("TYPE", text("home", "equals"))), ["TEL;HOME:1"], True),
    (
        "10.5.2",
        prop("TEL", param("TYPE", text("work,home", "equals"))),
        ["TEL;TYPE=work,home:1"],
        False,
    ),
    ("10.5.2", prop("N", param("SORT-AS", text("a,b", "equals"))), ['N;SORT-AS="a,b":x'], True),
    ("10.5.2", prop("N", param("X-A", text('a"b\nc'))), ["N;X-A=a^'b^nc:x"], True),
    ("10.5.2", prop("TEL", param("TYPE", no("home"))), ["TEL;TYPE=work:1"], True),
    ("10.5.2", prop("TEL", param("TYPE", no("home"))), ["TEL;TYPE=work,home:1"], False),
    ("10.5.2", prop("TEL", param("TYPE", no("home"))), ["TEL:1"], False),
    (
        "10.5.2",
        prop("TEL", param("TYPE", no("home"))),
        ["TEL;TYPE=home:1", "TEL;TYPE=work:2"],
        True,
    ),
    ("10.5.2", prop("TEL", param("TYPE", text(""))), ["TEL;TYPE=:1"], True),
    ("10.5.2", prop("TEL", param("TYPE", text("x"))), ["TEL;TYPE=home:1", "TEL;TYPE=x:2"], True),
    # is-not-defined of a parameter asks all instances
    ("10.5.3", prop("TEL", param("TYPE", ABSENT)), ["TEL:1"], True),
    ("10.5.3", prop("TEL", param("TYPE", ABSENT)), ["TEL;TYPE=home:1"], False),
    ("10.5.3", prop("TEL", param("TYPE", ABSENT)), ["TEL:1", "TEL;TYPE=home:1"], False),
    ("10.5.3", prop("TEL", param("TYPE", ABSENT)), ["FN:x"], False),
    ("10.5.3", prop("TEL", param("X", ABSENT), text("9"), test="allof"), ["TEL:1"], False),
    ("10.5.3", prop("TEL", param("X", ABSENT), text("1"), test="allof"), ["TEL:1"], True),
]


@pytest.mark.parametrize(("section", "condition", "lines", "expected"), PROPERTIES)
def test_a_property_matches(section, condition, lines, expected):
    assert query.parse(element(condition)).matches(card(*lines)) is expected


YES, NO = prop("FN"), prop("FN", ABSENT)
COMBINATIONS = [
    ("", "", True),
    ("allof", "", True),
    ("", YES, True),
    ("", NO, False),
    ("", YES + NO, True),
    ("anyof", NO + YES, True),
    ("anyof", NO + NO, False),
    ("allof", YES + NO, False),
    ("allof", YES + YES, True),
    ("", "<x:more xmlns:x='urn:x'/>" + YES, True),
]


@pytest.mark.parametrize(("test", "inner", "expected"), COMBINATIONS)
def test_a_filter_combines_its_conditions(test, inner, expected):
    found = query.parse(element(inner, f'test="{test}"' if test else ""))
    assert found.matches(card("FN:Ada")) is expected


def test_without_a_filter_every_card_matches():
    assert query.parse(None).matches(card())


def test_the_default_collation_ignores_case():
    default = query.parse(element(prop("FN", text("ADA", collation="default"))))
    assert default == query.parse(element(prop("FN", text("ADA"))))
    assert default.matches(card("FN:Ada"))


UNSUPPORTED = [
    (
        prop("FN", text("a", match="regex")),
        errors.UnsupportedFilter,
        prop("FN", text("a", match="regex")),
    ),
    (prop("FN", test="noneof"), errors.UnsupportedFilter, prop("FN", test="noneof")),
    (
        prop("FN", text("a", negate="maybe")),
        errors.UnsupportedFilter,
        prop("FN", text("a", negate="maybe")),
    ),
    (
        prop("FN", param("X", text("a", match="x"))),
        errors.UnsupportedFilter,
        param("X", text("a", match="x")),
    ),
    (prop("FN", "<C:comp-filter/>"), errors.UnsupportedFilter, prop("FN", "<C:comp-filter/>")),
    (YES + param("X"), errors.UnsupportedFilter, param("X")),
    (YES * 200, errors.UnsupportedFilter, ""),
    (prop("FN", text("a", collation="i;basic")), errors.UnsupportedCollation, ""),
    (prop("FN", text("a", collation="i;*")), errors.UnsupportedCollation, ""),
    (prop(""), errors.BadRequest, None),
    ("<C:prop-filter/>", errors.BadRequest, None),
    (prop("FN", param(" ")), errors.BadRequest, None),
]


@pytest.mark.parametrize(("inner", "error", "echo"), UNSUPPORTED)
def test_what_is_not_supported_is_named(inner, error, echo):
    with pytest.raises(error) as refused:
        query.parse(element(inner))
    if echo is not None:
        expected = [xml.fragment(child) for child in element(echo)]
        assert list(refused.value.details("")) == expected


@given(st.text(max_size=20))
def test_case_never_matters_to_unicode_casemap(value):
    swapped = "".join(c.upper() if len(c.upper()) == 1 else c for c in value)
    lowered = "".join(c.lower() if c.lower().title() == c.title() else c for c in swapped)
    assert query.unicode_casemap(swapped) == query.unicode_casemap(lowered)


@given(st.text("abAB", max_size=9), st.text("abAB", max_size=3), st.sampled_from([*query.MATCHES]))
def test_a_text_match_is_what_its_name_says(value, needle, match):
    found = query.TextMatch(needle, OCTET, match).matches([value])
    assert (
        found
        is {
            "equals": value == needle,
            "contains": any(value[n:].startswith(needle) for n in range(len(value) + 1)),
            "starts-with": value[: len(needle)] == needle,
            "ends-with": needle == "" or value[-len(needle) :] == needle,
        }[match]
    )
