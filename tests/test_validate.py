"""What PUT accepts: everything that can be kept safely, byte for byte."""

import pytest

from pycarddav.dav.errors import InvalidAddressData, UnsupportedAddressData
from pycarddav.vcard import content
from pycarddav.vcard.validate import acceptable


def card(*lines: bytes) -> bytes:
    return b"\r\n".join([b"BEGIN:VCARD", *lines, b"END:VCARD", b""])


GOOD = {
    "3.0": card(b"VERSION:3.0", b"UID:1", b"FN:Ada", b"N:;;;;"),
    "4.0": card(b"VERSION:4.0", b"UID:1", b"FN:Ada"),
    "lower case": card(b"version:3.0", b"uid:1").lower(),
    "without FN and N": card(b"VERSION:3.0", b"UID:1"),
    "VERSION late": card(b"UID:1", b"FN:Ada", b"VERSION:4.0"),
    "VERSION twice": card(b"VERSION:3.0", b"UID:1", b"VERSION:4.0"),
    "REV twice": card(b"VERSION:3.0", b"UID:1", b"REV:x", b"REV:x"),
    "no date": card(b"VERSION:3.0", b"UID:1", b"BDAY:circa 1800"),
    "unknown properties": card(b"VERSION:3.0", b"UID:1", b"X-FOO_BAR;a=b:c", b"a.b.FOO:c"),
    "bare parameters": card(b"VERSION:3.0", b"UID:1", b"TEL;CELL;PREF:1"),
    "bad base64": card(b"VERSION:3.0", b"UID:1", b"PHOTO;ENCODING=b:AAA"),
    "a nested card": card(b"VERSION:3.0", b"UID:1", b"AGENT:", card(b"FN:Bob").strip()),
    "blank lines": card(b"VERSION:3.0", b"", b"UID:1", b"", b""),
    "blanks after the end": card(b"VERSION:3.0", b"UID:1") + b"\r\n  \r\n",
    "LF": card(b"VERSION:3.0", b"UID:1").replace(b"\r\n", b"\n"),
    "CR": card(b"VERSION:3.0", b"UID:1").replace(b"\r\n", b"\r"),
    "no last line end": card(b"VERSION:3.0", b"UID:1").strip(),
    "quoted-printable": card(
        b"VERSION:3.0", b"UID:1", b"NOTE;ENCODING=QUOTED-PRINTABLE:a=", b"=C3=A4"
    ),
    "a character split by a fold": card(b"VERSION:3.0", b"UID:1", b"FN:J\xc3\r\n \xbcrgen"),
    "long lines": card(b"VERSION:3.0", b"UID:1", b"NOTE:" + b"x" * 1_000_000),
    "text that looks like line ends": card(
        b"VERSION:3.0", b"UID:1", "NOTE:\u2028\x85\x7f".encode()
    ),
}


@pytest.mark.parametrize("data", GOOD.values(), ids=GOOD)
def test_a_card_is_stored_as_it_came(data):
    stored, uid = acceptable(data)
    assert stored is data
    assert uid == "1"


def test_a_card_without_uid_is_stored_as_it_came():
    data = card(b"VERSION:3.0", b"FN:Ada")
    assert acceptable(data) == (data, None)


def test_a_byte_order_mark_is_not_stored():
    data = card(b"VERSION:3.0", b"UID:1")
    assert acceptable(content.BOM + data) == (data, "1")


NO_LINE = "this is no content line: a name, at most 1000 parameters, a colon, a value"
MORE = "there is more than one card, or something after it"

BAD = {
    "nothing": (b"", "END:VCARD is missing"),
    "something else": (b"hello", f"line 1: {NO_LINE}"),
    "a calendar": (
        b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
        "line 1: BEGIN:VCARD is missing before this",
    ),
    "half of END": (
        card(b"VERSION:3.0", b"UID:1")[:-7],
        "line 4: this does not end what has begun: END:VCARD is cut off",
    ),
    "no END": (card(b"VERSION:3.0", b"UID:1")[:-11], "END:VCARD is missing"),
    "no VERSION": (card(b"UID:1"), "the card has no VERSION"),
    "two cards": (card(b"VERSION:3.0") * 2, f"line 4: {MORE}"),
    "text after it": (card(b"VERSION:3.0") + b"FN:x", f"line 4: {MORE}"),
    "NUL": (card(b"VERSION:3.0", b"FN:a", b"NOTE:x\0"), "line 4: U+0000 is a control character"),
    "escape": (card(b"VERSION:3.0", b"NOTE:\x1b"), "line 3: U+001B is a control character"),
    "U+FFFE": (
        card(b"VERSION:3.0", "NOTE:\ufffe".encode()),
        "line 3: U+FFFE is a control character",
    ),
    "U+FFFE, folded": (
        card(b"VERSION:3.0", b"NOTE:\xef\xbf\r\n \xbe"),
        "line 3: U+FFFE is a control character",
    ),
    "latin-1": (
        card(b"VERSION:3.0", b"NOTE:a\r\n b", b"FN:J\xfcrgen"),
        "line 5: this is not UTF-8",
    ),
    "a lone surrogate": (card(b"VERSION:3.0", b"FN:\xed\xa0\x80"), "line 3: this is not UTF-8"),
    "UTF-16": (card(b"VERSION:3.0").decode().encode("utf-16"), "line 1: this is not UTF-8"),
    "a real newline": (card(b"VERSION:3.0", b"ADR:;;a", b"b"), f"line 4: {NO_LINE}"),
    "too many parameters": (
        card(b"VERSION:3.0", b"TEL" + b";a=b" * 1001 + b":"),
        f"line 3: {NO_LINE}",
    ),
    "too many in all": (
        card(b"VERSION:3.0", *[b"TEL" + b";a=b" * 999 + b":"] * 11),
        "line 13: the card has more than 10000 parameters up to here",
    ),
    "nested too deep": (
        card(b"VERSION:3.0", *[b"BEGIN:X"] * 8),
        "line 10: components are nested more than 8 deep",
    ),
    "too many lines": (card(b"VERSION:3.0", *[b"A:"] * 10_000), "more than 10000 lines"),
}


@pytest.mark.parametrize(("data", "message"), BAD.values(), ids=BAD)
def test_what_cannot_be_kept_is_refused_with_its_line(data, message):
    with pytest.raises(InvalidAddressData) as refused:
        acceptable(data)
    assert str(refused.value) == message


@pytest.mark.parametrize("version", [b"2.1", b"5.0", b"x"])
def test_another_version_is_refused(version):
    with pytest.raises(UnsupportedAddressData):
        acceptable(card(b"VERSION:" + version, b"UID:1"))


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/vcard",
        "TEXT/VCARD;CHARSET=UTF-8",
        "text/vcard; charset=utf-8; charset=utf-8",
        'text/vcard; version="4.0" ; charset="utf-8"',
        "text/x-vcard",
        "text/directory;profile=vcard",
        "application/vcard",
        "application/octet-stream",
    ],
)
def test_clients_spell_the_content_type_in_many_ways(content_type):
    data = GOOD["3.0"]
    assert acceptable(data, content_type) == (data, "1")


@pytest.mark.parametrize(
    "content_type", ["text/calendar", "text/html", "text/vcard;charset=latin-1"]
)
def test_another_content_type_is_refused(content_type):
    with pytest.raises(UnsupportedAddressData):
        acceptable(GOOD["3.0"], content_type)
