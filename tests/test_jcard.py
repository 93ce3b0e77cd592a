"""jCard (RFC 7095), both ways."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarddav.dav.errors import InvalidAddressData, NoConversion, UnsupportedAddressData
from pycarddav.vcard import content, jcard, values
from pycarddav.vcard.address_data import AddressData
from pycarddav.vcard.validate import acceptable


def card(*lines: str) -> bytes:
    folded = [content.fold(line) for line in lines]
    return b"".join([b"BEGIN:VCARD\r\nVERSION:4.0\r\n", *folded, b"END:VCARD\r\n"])


VERSION = ["version", {}, "text", "4.0"]

# A line of 4.0, and the property of the jCard; both ways.
ROWS = [
    ("FN:a\\, b\\nc", ["fn", {}, "text", "a, b\nc"]),
    ("NOTE;LANGUAGE=de:ä", ["note", {"language": "de"}, "text", "ä"]),
    ("N:S;J;P,Q;Dr.;Jr.,M\\,D", ["n", {}, "text", ["S", "J", ["P", "Q"], "Dr.", ["Jr.", "M,D"]]]),
    ("N:;;;;", ["n", {}, "text", ["", "", "", "", ""]]),
    ("ORG:Viagenie", ["org", {}, "text", "Viagenie"]),
    ("ORG:A\\;B;C", ["org", {}, "text", ["A;B", "C"]]),
    ("GENDER:M", ["gender", {}, "text", "M"]),
    ("GENDER:;words", ["gender", {}, "text", ["", "words"]]),
    ("CATEGORIES:a,b\\,c", ["categories", {}, "text", "a", "b,c"]),
    (
        "ADR;LABEL=a^nb:;;1 St,2 St;;;;",
        ["adr", {"label": "a\nb"}, "text", ["", "", ["1 St", "2 St"], "", "", "", ""]],
    ),
    ("BDAY:19850412", ["bday", {}, "date-and-or-time", "1985-04-12"]),
    ("BDAY:--0412", ["bday", {}, "date-and-or-time", "--04-12"]),
    ("BDAY:---12", ["bday", {}, "date-and-or-time", "---12"]),
    ("BDAY:1985-04", ["bday", {}, "date-and-or-time", "1985-04"]),
    ("BDAY;VALUE=text:circa 1800", ["bday", {}, "text", "circa 1800"]),
    (
        "ANNIVERSARY:20090808T1430-0500",
        ["anniversary", {}, "date-and-or-time", "2009-08-08T14:30-05:00"],
    ),
    ("REV:19951031T222710Z", ["rev", {}, "timestamp", "1995-10-31T22:27:10Z"]),
    ("REV:never", ["rev", {}, "timestamp", "never"]),
    ("TZ;VALUE=utc-offset:-0500", ["tz", {}, "utc-offset", "-05:00"]),
    ("TZ:Raleigh", ["tz", {}, "text", "Raleigh"]),
    ("LANG;PREF=1:fr", ["lang", {"pref": "1"}, "language-tag", "fr"]),
    ("item1.URL:http://a/?b,c;d", ["url", {"group": "item1"}, "uri", "http://a/?b,c;d"]),
    ("TEL;TYPE=work,voice;VALUE=uri:tel:+1", ["tel", {"type": ["work", "voice"]}, "uri", "tel:+1"]),
    ('N;SORT-AS="Harten,Rene":H;R', ["n", {"sort-as": ["Harten", "Rene"]}, "text", ["H", "R"]]),
    ("X-FOO;X-BAR=a^'b:c\\,d", ["x-foo", {"x-bar": 'a"b'}, "unknown", "c\\,d"]),
    ("X-FOO;VALUE=text:c\\,d", ["x-foo", {}, "text", "c,d"]),
    ("X-INT;VALUE=integer:1,-2", ["x-int", {}, "integer", 1, -2]),
    ("X-FLOAT;VALUE=float:1.5", ["x-float", {}, "float", 1.5]),
    ("X-BOOL;VALUE=boolean:TRUE,FALSE", ["x-bool", {}, "boolean", True, False]),
    ("CLIENTPIDMAP:1;urn:uuid:2", ["clientpidmap", {}, "text", ["1", "urn:uuid:2"]]),
    ("PHOTO:data:image/png;base64,AAAA", ["photo", {}, "uri", "data:image/png;base64,AAAA"]),
    ("UID:urn:uuid:1", ["uid", {}, "uri", "urn:uuid:1"]),
]


@pytest.mark.parametrize(("line", "item"), ROWS, ids=[row[0] for row in ROWS])
def test_a_property_has_two_forms(line, item):
    assert json.loads(jcard.from_vcard(card(line))) == ["vcard", [VERSION, item]]
    written = json.dumps(["vcard", [VERSION, item]]).encode()
    assert jcard.to_vcard(written) == card(line)


LENIENT = [
    (["FN", {"TYPE": [], "pref": 1}, "TEXT", "a"], "FN;PREF=1:a"),
    (["n", {}, "text", "a;b"], "N:a\\;b"),
    (["x-int", {}, "integer", "1"], "X-INT;VALUE=integer:1"),
    (["note", {"x-a": "a\r\nb\rc"}, "text", "a\r\nb"], "NOTE;X-A=a^nb^nc:a\\nb"),
    (["bday", {}, "date", "1985-04-12"], "BDAY;VALUE=date:19850412"),
]


@pytest.mark.parametrize(("item", "line"), LENIENT)
def test_a_jcard_may_be_written_loosely(item, line):
    assert jcard.to_vcard(json.dumps([["vcard", [item]]]).encode()) == card(line)


BAD = [
    b"",
    b"\xff",
    b"[" * 100_000,
    b'["vcard"]',
    b'["vcalendar",[]]',
    b'[["vcard",[]],["vcard",[]]]',
    b'["vcard",["fn"]]',
    b'["vcard",[["fn",{},"text"]]]',
    b'["vcard",[["fn",{},"text",null]]]',
    b'["vcard",[["fn",{"a":{}},"text","a"]]]',
    b'["vcard",[["f n",{},"text","a"]]]',
    b'["vcard",[["fn",{"group":"a b"},"text","a"]]]',
    b'["vcard",[["fn",{"a:b":"c"},"text","a"]]]',
    b'["vcard",[["url",{},"uri","a\\r\\nNOTE:b"]]]',
    b'["vcard",[["fn",{},"text","\\ud800"]]]',
    b'["vcard",[["fn",{},"a:b","c"]]]',
    b'["vcard",[["fn",{},"text","\\u0000"]]]',
    b'["vcard",[["begin",{},"text","vcard"]]]',
]


@pytest.mark.parametrize("data", BAD)
def test_what_is_no_jcard_is_refused(data):
    with pytest.raises(InvalidAddressData):
        acceptable(data, jcard.CONTENT_TYPE)


def test_a_jcard_that_is_all_brackets_is_not_even_parsed():
    with pytest.raises(InvalidAddressData, match="more than 200000 values"):
        jcard.to_vcard(b'["vcard",[' + b"[]," * 200_000 + b"[]]]")


def test_a_card_inside_a_card_has_no_jcard():
    with pytest.raises(NoConversion):
        jcard.from_vcard(card("BEGIN:VCARD", "END:VCARD"))


def test_a_jcard_is_stored_as_a_card_of_4_0():
    data = b'["vcard",[["version",{},"text","4.0"],["uid",{},"uri","urn:uuid:1"]]]'
    stored = card("UID:urn:uuid:1")
    assert acceptable(data, "Application/vCard+JSON; charset=utf-8") == (stored, "urn:uuid:1")
    with pytest.raises(UnsupportedAddressData):
        acceptable(stored, "application/json")


def test_an_old_card_is_a_jcard_too():
    old = b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:a\r\nBDAY:1985-04-12\r\nX-GENDER:Male\r\nEND:VCARD\r\n"
    assert json.loads(AddressData(jcard.CONTENT_TYPE, "4.0").render(old)) == [
        "vcard",
        [
            VERSION,
            ["fn", {}, "text", "a"],
            ["bday", {}, "date-and-or-time", "1985-04-12"],
            ["gender", {}, "text", "M"],
        ],
    ]


TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from('\n,;:\\"^'))
NAMES = st.sampled_from(["FN", "NOTE", "CATEGORIES", "N", "ORG", "ADR", "X-FOO"])


@given(st.lists(st.tuples(NAMES, st.none() | st.just("g1"), TEXT, st.lists(TEXT, min_size=1))))
def test_every_card_comes_back(found):
    lines = []
    for name, group, param, texts in found:
        joiner = "," if name == "CATEGORIES" else ";" if name in ("N", "ORG", "ADR") else "\\;"
        value = joiner.join(map(values.escape, texts))
        lines.append(content.write_line(group, name, (("X-P", (param,)),), value))
    data = b"".join([b"BEGIN:VCARD\r\nVERSION:4.0\r\n", *lines, b"END:VCARD\r\n"])
    assert jcard.to_vcard(jcard.from_vcard(data)) == data


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | TEXT,
        lambda x: st.lists(x) | st.dictionaries(TEXT, x),
    )
)
def test_whatever_json_is_sent_is_a_card_or_refused(value):
    for whole in (
        value,
        ["vcard", value],
        ["vcard", [value]],
        ["vcard", [["fn", {}, "text", value]]],
    ):
        try:
            stored, _ = acceptable(json.dumps(whole).encode(), jcard.CONTENT_TYPE)
        except InvalidAddressData:
            continue
        assert acceptable(stored) == (stored, None)
