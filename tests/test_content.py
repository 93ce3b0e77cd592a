"""Reading content lines: lenient, linear, and without losing a byte."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pycarddav.vcard import content, values
from pycarddav.vcard.content import Property, VCard


def card(*lines: str | bytes, end: bytes = b"\r\n") -> bytes:
    raw = [line.encode() if isinstance(line, str) else line for line in lines]
    return end.join([b"BEGIN:VCARD", b"VERSION:3.0", *raw, b"END:VCARD", b""])


def properties(data: bytes) -> list[tuple[str | None, str, content.Params, str]]:
    found = content.parse(data).properties
    return [(p.group, p.name, p.params, p.value) for p in found if p.name != "VERSION"]


LINES = {
    "plain": (b"FN:Ada", (None, "FN", (), "Ada")),
    "lower case": (b"fn:Ada", (None, "FN", (), "Ada")),
    "empty value": (b"NOTE:", (None, "NOTE", (), "")),
    "colons in the value": (b"URL:http://a:8/", (None, "URL", (), "http://a:8/")),
    "group": (b"item1.EMAIL:a@b", ("item1", "EMAIL", (), "a@b")),
    "group in a group": (b"a.b.EMAIL:a@b", ("a.b", "EMAIL", (), "a@b")),
    "underscore": (b"X-A_B:c", (None, "X-A_B", (), "c")),
    "parameter": (b"TEL;TYPE=home:1", (None, "TEL", (("TYPE", ("home",)),), "1")),
    "list": (b"TEL;TYPE=home,cell:1", (None, "TEL", (("TYPE", ("home", "cell")),), "1")),
    "repeated": (
        b"TEL;type=A;X=1;TYPE=b:1",
        (None, "TEL", (("TYPE", ("A", "b")), ("X", ("1",))), "1"),
    ),
    "bare types (2.1)": (b"TEL;CELL;PREF:1", (None, "TEL", (("TYPE", ("CELL", "PREF")),), "1")),
    "bare encoding (2.1)": (
        b"KEY;X509;BASE64:AA",
        (None, "KEY", (("TYPE", ("X509",)), ("ENCODING", ("BASE64",))), "AA"),
    ),
    "quoted list": (b'TEL;TYPE="CELL,VOICE":1', (None, "TEL", (("TYPE", ("CELL", "VOICE")),), "1")),
    "quoted text with commas": (
        b'N;SORT-AS="a,b c":x',
        (None, "N", (("SORT-AS", ("a,b c",)),), "x"),
    ),
    "quoted separators": (b'A;X="a;b:c,d",e:f', (None, "A", (("X", ("a;b:c,d", "e")),), "f")),
    "empty parameter": (b"TEL;TYPE=:1", (None, "TEL", (("TYPE", ("",)),), "1")),
    "empty items": (b"TEL;TYPE=a,,b,:1", (None, "TEL", (("TYPE", ("a", "", "b", "")),), "1")),
    "space before a parameter": (b"TEL; TYPE=home:1", (None, "TEL", (("TYPE", ("home",)),), "1")),
    "stray semicolons": (b"TEL;;TYPE=a;:1", (None, "TEL", (("TYPE", ("a",)),), "1")),
    "RFC 6868": (b"A;X=a^nb^^^'c^d:e", (None, "A", (("X", ('a\nb^"c^d',)),), "e")),
    "an equals sign in a value": (b"A;X=a=b==:c", (None, "A", (("X", ("a=b==",)),), "c")),
    "an open quote": (b'A;X="a:b', (None, "A", (("X", ("a",)),), "b")),
    "a quote in the middle": (b'A;X=5":b"c', (None, "A", (("X", ("5",)),), 'b"c')),
    "text that looks like line ends": (
        "NOTE:a\u2028b\x85c\x0bd\x0ce".encode(),
        (None, "NOTE", (), "a\u2028b\x85c\x0bd\x0ce"),
    ),
    "latin-1": (b"FN:J\xfcrgen", (None, "FN", (), "J\xfcrgen")),
}


@pytest.mark.parametrize(("line", "expected"), LINES.values(), ids=LINES)
def test_a_line_is_read(line, expected):
    assert properties(card(line)) == [expected]


FOLDS = {
    "space": b"NOTE:ab\r\n cd",
    "tab": b"NOTE:ab\r\n\tcd",
    "LF": b"NOTE:ab\n cd",
    "CR CR LF": b"NOTE:ab\r\r\n cd",
    "in the name": b"NO\r\n TE:abcd",
    "twice, with nothing between": b"NOTE:ab\r\n \r\n cd",
    "mixed": b"NOTE:a\r\n b\n\tc\n d",
}


@pytest.mark.parametrize("line", FOLDS.values(), ids=FOLDS)
def test_a_folded_line_is_one_line(line):
    assert properties(card(line)) == [(None, "NOTE", (), "abcd")]


def test_only_one_space_of_a_fold_goes():
    assert properties(card(b"NOTE:ab\r\n  cd")) == [(None, "NOTE", (), "ab cd")]


def test_a_fold_may_split_a_character():
    assert properties(card(b"FN:J\xc3\r\n \xbcrgen")) == [(None, "FN", (), "Jürgen")]


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r", b"\r\r\n", b"\r\n\r\n"])
def test_any_line_end_will_do(end):
    data = card("FN:Ada", "NOTE:x" + end.decode() + " y", end=end)
    if end != b"\r\n\r\n":
        assert properties(data) == [(None, "FN", (), "Ada"), (None, "NOTE", (), "xy")]
    assert content.parse(data).data() == data


def test_a_line_that_is_none_belongs_to_the_one_before():
    data = card("ADR:;;Main Street", "second floor", "", "FN:Ada")
    assert properties(data) == [
        (None, "ADR", (), ";;Main Street\\nsecond floor"),
        (None, "FN", (), "Ada"),
    ]
    assert content.parse(data).get("ADR")[0].line == b"ADR:;;Main Street\r\nsecond floor\r\n\r\n"


def test_a_nested_card_is_one_property():
    agent = b"BEGIN:VCARD\r\nBEGIN:X\r\nEND:X\r\nFN:Bob\r\nEND:VCARD\r\n"
    vcard = content.parse(card("FN:Ada", agent.strip(), "NOTE:x"))
    assert [(p.name, p.value) for p in vcard.properties] == [
        ("VERSION", "3.0"),
        ("FN", "Ada"),
        ("BEGIN", "VCARD"),
        ("NOTE", "x"),
    ]
    assert vcard.get("BEGIN")[0].line == agent


def test_what_surrounds_the_card_is_kept_apart():
    data = content.BOM + b"\r\njunk\r\n" + card("FN:Ada") + b"\r\nBEGIN:VCARD\r\nFN:Bob\r\n"
    vcard = content.parse(data)
    assert vcard.begin == content.BOM + b"\r\njunk\r\nBEGIN:VCARD\r\n"
    assert vcard.end == b"END:VCARD\r\n\r\nBEGIN:VCARD\r\nFN:Bob\r\n"
    assert properties(data) == [(None, "FN", (), "Ada")]


def test_a_truncated_card_shows_what_there_is():
    assert properties(b"BEGIN:VCARD\nFN:Ada\nNOTE:x") == [
        (None, "FN", (), "Ada"),
        (None, "NOTE", (), "x"),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"hello",
        b"BEGIN:VCALENDAR\nEND:VCALENDAR",
        card("FN:Ada").decode().encode("utf-16"),
        b"BEGIN:VCARD\n" + b"A:\n" * content.MAX_LINES,
        b"\n" * 20_000,
    ],
    ids=["empty", "blank", "text", "calendar", "UTF-16", "too many lines", "blank lines"],
)
def test_no_card_is_unreadable(data):
    with pytest.raises(content.Unreadable):
        content.parse(data)


QUOTED_PRINTABLE = {
    "UTF-8": (b"NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:=C3=A4=\r\n=C3=B6b", "äöb"),
    "bare": (b"NOTE;QUOTED-PRINTABLE:a=3Db", "a=b"),
    "latin-1": (b"NOTE;CHARSET=ISO-8859-1;ENCODING=quoted-printable:J=FCrgen", "Jürgen"),
    "no charset, not UTF-8": (b"NOTE;ENCODING=QUOTED-PRINTABLE:J=FCrgen", "Jürgen"),
    "a codec that is no charset": (b"NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=zip:=41", "A"),
    "a line break": (b"NOTE;ENCODING=QUOTED-PRINTABLE:a=0D=0Ab=\r\n=0D=0A=\r\nc", "a\nb\nc"),
    "a space after the break": (b"NOTE;ENCODING=QUOTED-PRINTABLE:a=\r\n b", "a b"),
    "the last line": (b"NOTE;ENCODING=QUOTED-PRINTABLE:a=", "a"),
    "not at all": (b"NOTE:a=\r\n b=3D", "a=b=3D"),
}


@pytest.mark.parametrize(("line", "text"), QUOTED_PRINTABLE.values(), ids=QUOTED_PRINTABLE)
def test_quoted_printable_is_decoded(line, text):
    data = b"BEGIN:VCARD\r\n" + line + b"\r\n" + (b"" if text == "a" else b"FN:x\r\n")
    assert content.parse(data).get("NOTE")[0].text == text


def test_properties_are_found_by_name_and_group():
    vcard = content.parse(card("a.TEL:1", "TEL:2", "A.TEL:3"))
    assert [p.value for p in vcard.get("TEL")] == ["1", "2", "3"]
    assert [p.value for p in vcard.get("TEL", "a")] == ["1", "3"]
    assert vcard.get("FN") == []


@pytest.mark.parametrize(
    ("lines", "uid"),
    [
        (["UID:a\\,b"], "a,b"),
        (["UID: a "], "a"),
        (["UID:", "UID:b", "UID:c"], "b"),
        (["UID:"], None),
        ([], None),
    ],
)
def test_the_uid_is_a_text(lines, uid):
    assert content.parse(card(*lines)).uid == uid


@pytest.mark.parametrize(
    ("data", "version"),
    [
        (b"BEGIN:VCARD\r\nVERSION:4.0\r\nVERSION:3.0\r\nEND:VCARD", "4.0"),
        (b"begin:vcard\nversion:3.0 \nEND:VCARD", "3.0"),
        (b"BEGIN:VCARD\r\nFN:Ada\r\nVERSION;X=y: 4.0\r\nEND:VCARD", "4.0"),
        (b"BEGIN:VCARD\nBEGIN:VCARD\nVERSION:2.1\nEND:VCARD\nVERSION:3.0\nEND:VCARD", "3.0"),
        (b"BEGIN:VCARD\nNOTE:x\n VERSION:4.0\nEND:VCARD", ""),
    ],
)
def test_the_version_is_known_without_reading_the_card(data, version):
    assert content.version(data) == content.parse(data).version == version


ANYTHING = st.lists(
    st.sampled_from(
        [
            b"BEGIN:VCARD",
            b"END:VCARD",
            b"BEGIN:X",
            b"END",
            b"FN",
            b":",
            b";",
            b"=",
            b'"',
            b",",
            b"^n",
            b"\r",
            b"\n",
            b" ",
            b"\t",
            b"TYPE",
            b"ENCODING=QUOTED-PRINTABLE",
            b"=C3",
            b"\\",
            b".",
            b"\xc3",
            b"\xbc",
            b"\0",
            b"x",
            content.BOM,
        ]
    )
    | st.binary(max_size=4)
).map(b"".join)


@given(ANYTHING)
@example(b"BEGIN:VCARD\r\nA;ENCODING=QUOTED-PRINTABLE:=\r\n=\r\n")
def test_every_byte_is_kept(data):
    assert b"".join(content.logical_lines(data)) == data
    try:
        vcard = content.parse(data)
    except content.Unreadable:
        return
    assert vcard.data() == data
    assert all(item.params is not None and item.text is not None for item in vcard.properties)


@given(ANYTHING, st.sets(st.sampled_from(["FN", "TYPE", "X", "BEGIN", "END"])))
@example(b"a\nFN:b\nTEL:c\njunk\n", {"FN"})
@example(b"a\nFN:b\njunk;junk\n", {"FN"})
@example(b"a\nFN:b\njunk.:junk\n", {"FN"})
def test_reading_only_some_properties_reads_those_the_same(data, names):
    data = b"BEGIN:VCARD\nX:" + data
    found, wanted = content.parse(data), content.parse(data, names)
    assert [wanted.get(name) for name in names] == [found.get(name) for name in names]


TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\n,;:\\\"^'="))


@given(TEXT)
def test_escaping_is_undone_by_unescaping(text):
    assert values.unescape(values.escape(text)) == text


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        ('a\\:b\\"', 'a:b"'),
        ("a\\Nb\\nc", "a\nb\nc"),
        ("\\\\n", "\\n"),
        ("a\\", "a\\"),
        ("\\", "\\"),
    ],
)
def test_unescaping_is_lenient(escaped, text):
    assert values.unescape(escaped) == text


@given(st.lists(TEXT, min_size=1), st.sampled_from(",;"))
def test_splitting_is_undone_by_joining(texts, separator):
    joined = separator.join(map(values.escape, texts))
    assert [values.unescape(piece) for piece in values.split(joined, separator)] == texts


@given(st.text("\\;,ab"))
def test_splitting_loses_nothing(value):
    assert ";".join(values.split(value, ";")) == value


@given(
    st.none() | st.from_regex(r"[a-zA-Z0-9-]+", fullmatch=True),
    st.lists(st.lists(TEXT, min_size=1, max_size=3).map(tuple), max_size=3),
    TEXT,
)
def test_a_written_line_is_read_again(group, lists, text):
    params = tuple((f"X-{n}", found) for n, found in enumerate(lists))
    line = content.write_line(group, "NOTE", params, values.escape(text))
    item = content.read_line(line)
    assert (item.group, item.name, item.params, item.text) == (group, "NOTE", params, text)
    physical = line.removesuffix(b"\r\n").split(b"\r\n ")
    assert all(len(piece) <= 75 and piece.decode() is not None for piece in physical)


def test_a_line_is_folded_at_75_octets():
    assert content.fold("x" * 75) == b"x" * 75 + b"\r\n"
    assert content.fold("x" * 76) == b"x" * 75 + b"\r\n x\r\n"
    assert content.fold("x" * 74 + "ä" * 37) == b"x" * 74 + b"\r\n " + "ä".encode() * 37 + b"\r\n"


def test_a_card_is_a_value():
    one, other = content.parse(card("FN:Ada")), content.parse(card("FN:Ada"))
    assert one == other
    assert isinstance(one, VCard)
    assert one.first("FN") == Property(None, "FN", "", "Ada", b"FN:Ada\r\n")
