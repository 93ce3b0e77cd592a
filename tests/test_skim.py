"""The quick way to a card's UID answers as the thorough one, or not at all."""

from hypothesis import example, given
from hypothesis import strategies as st

from pycarddav.dav.errors import Error
from pycarddav.vcard import content, skim, validate

LINES = [
    b"BEGIN:VCARD",
    b"begin:vcard",
    b"END:VCARD",
    b"VERSION:3.0",
    b"VERSION:4.0",
    b"VERSION:2.1",
    b"UID:one",
    b"uid:two",
    b"UID;VALUE=text: three ",
    b"item1.UID:four",
    b"UID:",
    b"UID:a\\,b",
    b"X-UID:five",
    b"NOTE:UID:six",
    b" folded",
    b"\tfolded",
    b"FN:Ada\xc3\xa9",
    b"FN:\xc3",
    b" \xa9",
    b"FN:\xef\xbf\xbe",
    b"FN:\x0b",
    b"FN\x00:x",
    b'X;A="b:c":d',
    b"X;A=b;C=d,e:f",
    b"X;" + b"A;" * 1200 + b":",
    b"NOTE;QUOTED-PRINTABLE:a=",
    b"AGENT:",
    b"BEGIN:VEVENT",
    b"END:VEVENT",
    b"<<<<<<< HEAD",
    b"",
    b" ",
    b"\xef\xbb\xbf",
    b"\x85\xe2\x80\xa8:x",
]
PLAIN = b"BEGIN:VCARD\r\nVERSION:4.0\r\nUID;X=y:one\r\nNOTE:a\r\n b\r\nEND:VCARD\r\n"
ENDS = [b"\r\n", b"\n", b"\r", b""]


def cards():
    """A plain card into which a few lines of any kind have come, with any ends."""
    odd = st.builds(bytes.__add__, st.sampled_from(LINES), st.sampled_from([*ENDS[:2] * 5, *ENDS]))
    plain = st.sampled_from([b"FN:Ada\r\n", b"NOTE:a\r\n b\r\n", b"X;A=b,c:d\n", b"\n", b""])
    begin = st.sampled_from([b"BEGIN:VCARD\r\nVERSION:4.0\r\n", b"Begin:vCard\nversion:3.0\n", b""])
    parts = [begin, plain, st.just(b"UID:one\r\n"), odd, plain, odd, st.just(b"END:VCARD\r\n")]
    return st.tuples(*parts).map(b"".join)


@given(cards())
@example(b"BEGIN:VCARD\nVERSION:3.0\nUID:" + b"x\n :" * content.MAX_LINES + b"END:VCARD\n")
def test_what_is_skimmed_is_what_validation_finds(data):
    if (uid := skim.uid(data)) is not None:
        assert validate.validate(data) == uid


TYPES = ["text/vcard", "text/vcard; charset=latin-1", "application/vcard+json", "image/png", None]


@given(cards(), st.sampled_from(TYPES))
@example(PLAIN, "application/vcard+json")
def test_what_is_skimmed_is_accepted_and_refused_as_ever(data, content_type):
    def said(acceptable):
        try:
            return acceptable(data, content_type)
        except Error as error:
            return type(error), str(error)

    assert said(skim.skimming(validate.acceptable)) == said(validate.acceptable)


def test_a_plain_card_is_skimmed():
    assert skim.uid(PLAIN) == "one"


def test_skimming_a_hostile_card_takes_time_in_proportion_to_its_size():
    for line in (b"a.", b"a;", b"a;b=", b"UID;", b"\n ", b'a;"', b"UID:\n"):
        assert skim.uid(b"BEGIN:VCARD\n" + line * 300_000 + b"\nEND:VCARD\n") is None
