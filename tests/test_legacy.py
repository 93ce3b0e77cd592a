"""vCard 2.1, files of many cards, and cards that only an import takes."""

import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pycarddav.dav.errors import NoConversion
from pycarddav.vcard import content, files
from pycarddav.vcard.convert import convert, repaired
from pycarddav.vcard.validate import acceptable


def card(version: str, *lines: str | bytes) -> bytes:
    raw = [line.encode() if isinstance(line, str) else line for line in lines]
    return b"\r\n".join([b"BEGIN:VCARD", b"VERSION:" + version.encode(), *raw, b"END:VCARD", b""])


def lines(data: bytes) -> list[str]:
    found = [content.unfold(line).decode() for line in content.logical_lines(data)]
    return [line for line in found[2:-1] if line not in ("FN:x", "N:x;;;;")]


QP = "ENCODING=QUOTED-PRINTABLE"
OLD = {
    "types": (
        ["TEL;WORK;VOICE:1", "EMAIL;PREF;INTERNET:a@b"],
        ["TEL;TYPE=WORK,VOICE:1", "EMAIL;TYPE=PREF,INTERNET:a@b"],
    ),
    "quoted-printable": (
        [f"NOTE;{QP};CHARSET=UTF-8:f=C3=BCr=0D=0A=\r\nx; y, z"],
        ["NOTE:für\\nx\\; y\\, z"],
    ),
    "bare quoted-printable": (["NOTE;QUOTED-PRINTABLE:a=3Db"], ["NOTE:a=b"]),
    "charset": ([f"N;{QP};CHARSET=windows-1251:=C8=E2=E0=ED;=CF"], ["N:Иван;П"]),
    "wrong charset": ([f"NOTE;{QP};CHARSET=UTF-8:J=FCrgen =C3=A4"], ["NOTE:Jürgen ä"]),
    "no charset": ([f"NOTE;{QP};CHARSET=zip:=41"], ["NOTE:A"]),
    "control characters": ([f"NOTE;{QP}:a=00b"], ["NOTE:a\ufffdb"]),
    "eight bits": ([b"NOTE;CHARSET=windows-1251:\xc8\xe2\xe0\xed"], ["NOTE:Иван"]),
    "eight bits of no charset": ([b"NOTE:J\xfcrgen"], ["NOTE:Jürgen"]),
    "UTF-8": (["NOTE;CHARSET=UTF-8:für", "X-A:für"], ["NOTE:für", "X-A:für"]),
    "commas": (
        ["ORG:Company, The;Dept", "NOTE:a,b;c", "CATEGORIES:a,b"],
        ["ORG:Company\\, The;Dept", "NOTE:a\\,b\\;c", "CATEGORIES:a,b"],
    ),
    "escapes": (
        ["NOTE:a\\;b\\,c\\nd\\e\\:f", "ADR:;;a\\;b;c;;;"],
        ["NOTE:a\\;b\\,c\\nd\\\\e:f", "ADR:;;a\\;b;c;;;"],
    ),
    "unknown": (["X-ANDROID-CUSTOM:vnd.a/b;Jo;1,2;"], ["X-ANDROID-CUSTOM:vnd.a/b;Jo;1,2;"]),
    "photo": (
        ["PHOTO;JPEG;ENCODING=BASE64:", "  AAAA", "  BBBB", "", "TEL:1"],
        ["PHOTO;TYPE=JPEG;ENCODING=b:AAAABBBB", "TEL:1"],
    ),
    "photo, not indented": (
        ["PHOTO;BASE64;JPEG:AAAA", "BBBB", "", "TEL:1"],
        ["PHOTO;ENCODING=b;TYPE=JPEG:AAAABBBB", "TEL:1"],
    ),
    "photo by URL": (["PHOTO;VALUE=URL;GIF:http://a"], ["PHOTO;VALUE=uri;TYPE=GIF:http://a"]),
    "place": (["GEO:37.24,-17.87"], ["GEO:37.24;-17.87"]),
    "encodings": (["NOTE;ENCODING=8BIT:a"], ["NOTE:a"]),
    "agent": (
        ["AGENT:", "BEGIN:VCARD", "VERSION:2.1", "FN:Bob, B", "END:VCARD"],
        ["AGENT:BEGIN:VCARD\\nVERSION:2.1\\nFN:Bob\\, B\\nEND:VCARD"],
    ),
}


@pytest.mark.parametrize(("old", "new"), OLD.values(), ids=OLD)
def test_an_old_property_is_one_of_3_0(old, new):
    names = [] if any(str(line).startswith("N;") for line in old) else ["N:x;;;;"]
    assert lines(convert(card("2.1", "FN:x", *names, *old), "3.0")) == new


def test_an_old_card_can_be_had_in_4_0():
    new = convert(card("2.1", "N:x;;;;", "TEL;PREF;CELL:1", "PHOTO;GIF;BASE64:R0lG"), "4.0")
    assert lines(new) == ["TEL;TYPE=CELL;PREF=1:1", "PHOTO:data:image/gif;base64,R0lG"]


def test_an_old_card_gets_a_name():
    assert b"FN:Doe\r\n" in convert(card("2.1", "N:Doe;;;;"), "3.0")


BROKEN = {
    "control characters": (b"BEGIN:VCARD\nVERSION:3.0\nNOTE:a\0b\nEND:VCARD\n", ["NOTE:a\ufffdb"]),
    "latin-1": (card("4.0", b"NOTE:J\xfcrgen"), ["NOTE:Jürgen"]),
    "real line breaks": (card("3.0", "ADR:;;a", "b", "TEL:1"), ["ADR:;;a\\nb", "TEL:1"]),
    "no end": (b"BEGIN:VCARD\nVERSION:3.0\nTEL:1", ["TEL:1"]),
    "no version": (b"BEGIN:VCARD\nTEL:1\nEND:VCARD", ["TEL:1"]),
    "2.1": (card("2.1", "FN:x", "N:x;;;;", "TEL;HOME:1"), ["TEL;TYPE=HOME:1"]),
    "a card inside": (
        card("3.0", b"X:\0", "BEGIN:VCARD", b"FN:J\xfc", "END:VCARD"),
        ["X:\ufffd", "AGENT:BEGIN:VCARD\\nFN:Jü\\nEND:VCARD"],
    ),
    "two cards": (card("3.0", "TEL:1") + card("3.0", "TEL:2"), ["TEL:1"]),
}


@pytest.mark.parametrize(("data", "expected"), BROKEN.values(), ids=BROKEN)
def test_a_broken_card_can_be_repaired(data, expected):
    fixed = repaired(data)
    assert lines(fixed) == expected
    assert acceptable(fixed) == (fixed, None)


@pytest.mark.parametrize("data", [b"", b"hello", card("5.0", "FN:x")])
def test_what_is_no_card_cannot_be_repaired(data):
    with pytest.raises(NoConversion):
        repaired(data)


def split(data: bytes) -> list[bytes]:
    return list(files.split(io.BytesIO(data)))


ADA, BOB = card("3.0", "FN:Ada"), card("2.1", "FN:Bob")
FILES = {
    "nothing": (b"", []),
    "no card": (b"hello\r\n", []),
    "one": (ADA, [ADA]),
    "two": (ADA + BOB, [ADA, BOB]),
    "something between": (b"\r\n" + ADA + b"\r\nhello\r\n" + BOB + b"\r\n", [ADA, BOB]),
    "LF": (ADA.replace(b"\r\n", b"\n") * 2, [ADA.replace(b"\r\n", b"\n")] * 2),
    "CR": (ADA.replace(b"\r\n", b"\r") * 2, [ADA.replace(b"\r\n", b"\r")] * 2),
    "BOM": (content.BOM + ADA, [content.BOM + ADA]),
    "lower case": (ADA.lower(), [ADA.lower()]),
    "no last line end": (ADA.strip(), [ADA.strip()]),
    "no END": (ADA[:-11] + BOB, [ADA[:-11], BOB]),
    "no END at all": (ADA[:-11], [ADA[:-11]]),
    "folded BEGIN": (
        card("3.0", "NOTE:x", " BEGIN:VCARD"),
        [card("3.0", "NOTE:x", " BEGIN:VCARD")],
    ),
    "an agent": (
        card("2.1", "AGENT:", BOB.strip(), "FN:x"),
        [card("2.1", "AGENT:", BOB.strip(), "FN:x")],
    ),
    "UTF-16": ((ADA + BOB).decode().encode("utf-16"), [ADA, BOB]),
    "UTF-16, half a character": ((ADA + BOB).decode().encode("utf-16") + b"B", [ADA, BOB]),
}


@pytest.mark.parametrize(("data", "cards"), FILES.values(), ids=FILES)
def test_a_file_is_split_into_its_cards(data, cards):
    assert split(data) == cards


@pytest.mark.parametrize("data", [b"\xff\xfe", b"\xff\xfeB", b"\xfe\xff\0"])
def test_half_a_character_of_utf_16_is_a_file_without_cards(data):
    assert split(data) == []


@given(
    st.lists(st.sampled_from([b"BEGIN:VCARD", b"END:VCARD", b"\r", b"\n", b"AGENT:", b"x"])),
    st.integers(1, 9),
)
@example([b"BEGIN:VCARD", b"\n", b"END:VCARD", b"\r", b"\n"], 1)
def test_it_does_not_matter_how_a_file_is_read(parts, size):
    class Slow(io.BytesIO):
        def read(self, _=-1):
            return super().read(size)

    data = b"".join(parts)
    assert list(files.split(Slow(data))) == split(data)


class Endless(io.RawIOBase):
    """A file that begins like a card, and does not end."""

    def __init__(self, piece: bytes) -> None:
        self.pieces = [piece] * 20
        self.pieces[:0] = [b"BEGIN:VCARD\r\n"]

    def read(self, _=-1):
        return self.pieces.pop(0)  # IndexError if somebody reads on


@pytest.mark.parametrize("piece", [b"x" * 10_000, b"x\r\n" * 3_000])
def test_an_endless_card_is_not_read_into_memory(monkeypatch, piece):
    monkeypatch.setattr(files, "MAX_CARD", 100_000)
    with pytest.raises(content.Unreadable):
        list(files.split(Endless(piece)))
