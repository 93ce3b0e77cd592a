"""vobject, as an independent reader, finds in what we write and convert what was put in.

It is not given what a client sends: its line pattern takes exponential time.  What we write does
not provoke that.
"""

import warnings
from base64 import b64encode

from hypothesis import given, settings
from hypothesis import strategies as st

from pycarddav.vcard import values
from pycarddav.vcard.content import write_line
from pycarddav.vcard.convert import convert

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its own dependencies
    import vobject

TEXT = st.text(st.sampled_from("aZ9 äß王\u2028,;:\\\n\"'^=+%") | st.characters(categories=("L",)))
WORDS = TEXT.filter(str.strip).map(str.strip)


@st.composite
def people(draw):
    """What is known about somebody."""
    return {
        "FN": [draw(WORDS)],
        "N": draw(st.tuples(*[WORDS] * 5)),
        "EMAIL": draw(st.lists(WORDS, max_size=3)),
        "TEL": draw(st.lists(WORDS, max_size=3)),
        "NOTE": draw(st.lists(TEXT, max_size=1)),
        "PHOTO": draw(st.lists(st.binary(min_size=1, max_size=3000), max_size=1)),
    }


def card(version: str, person: dict) -> bytes:
    lines = [write_line(None, "N", (), ";".join(map(values.escape, person["N"])))]
    for name in ("FN", "EMAIL", "TEL", "NOTE"):
        lines += [write_line(None, name, (), values.escape(text)) for text in person[name]]
    for picture in person["PHOTO"]:
        data = b64encode(picture).decode()
        if version == "3.0":
            params = (("ENCODING", ("b",)), ("TYPE", ("JPEG",)))
            lines.append(write_line(None, "PHOTO", params, data))
        else:
            lines.append(write_line(None, "PHOTO", (), f"data:image/jpeg;base64,{data}"))
    head = f"BEGIN:VCARD\r\nVERSION:{version}\r\n".encode()
    return b"".join([head, *lines, b"END:VCARD\r\n"])


def said(data: bytes) -> dict:
    """The same of a card of 3.0, by vobject; of 4.0 without the picture, which it cuts off."""
    card = vobject.readOne(data.decode())
    names = ("family", "given", "additional", "prefix", "suffix")
    found = {name.upper(): [item.value for item in items] for name, items in card.contents.items()}
    return {
        "FN": found["FN"],
        "N": tuple(getattr(card.n.value, name) for name in names),
        **{name: found.get(name, []) for name in ("EMAIL", "TEL", "NOTE", "PHOTO")},
    }


@settings(max_examples=30)
@given(people())
def test_vobject_reads_the_same_of_what_we_convert_to_3_0(person):
    assert said(convert(card("4.0", person), "3.0")) == person
    assert said(convert(convert(card("3.0", person), "4.0"), "3.0")) == person


@settings(max_examples=30)
@given(people())
def test_vobject_reads_the_same_of_what_we_convert_to_4_0(person):
    read = said(convert(card("3.0", person), "4.0"))
    assert read.pop("PHOTO") == ["data:image/jpeg;base64"] * len(person["PHOTO"])
    assert read == {name: value for name, value in person.items() if name != "PHOTO"}
