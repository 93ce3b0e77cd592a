"""CARDDAV:address-data: types, versions, and a choice of properties."""

import hashlib
from contextlib import suppress
from itertools import product
from pathlib import Path

import pytest

from pycarddav.dav import xml
from pycarddav.dav.errors import BadRequest, NoConversion, UnsupportedAddressData
from pycarddav.vcard import address_data, partial
from pycarddav.vcard.address_data import REVISION, AddressData
from pycarddav.vcard.partial import Choice

CARD = b"""\
BEGIN:VCARD\r
VERSION:3.0\r
UID:1\r
FN:Ada\r
N:Lovelace;Ada;;;\r
item1.EMAIL;type=home:ada@\r
 home.org\r
EMAIL:ada@work.org\r
NOTE:J\xc3\r
 \xbcrgen\r
END:VCARD\r
"""


def element(attributes: str = "", inner: str = ""):
    tag = 'C:address-data xmlns:C="urn:ietf:params:xml:ns:carddav"'
    return xml.parse(f"<{tag} {attributes}>{inner}</C:address-data>".encode())


FORMS = [
    ("", AddressData("text/vcard", "3.0")),
    ('content-type="text/vcard"', AddressData("text/vcard", "3.0")),
    ('version="4.0"', AddressData("text/vcard", "4.0")),
    ('content-type="TEXT/vCard; charset=utf-8" version="4.0"', AddressData("text/vcard", "4.0")),
    ('Content-Type="x" version="3.0"', AddressData("text/vcard", "3.0")),  # vdirsyncer
]


@pytest.mark.parametrize(("attributes", "form"), FORMS)
def test_without_attributes_it_is_3_0(attributes, form):
    assert address_data.parse(element(attributes)) == form


@pytest.mark.parametrize(
    "attributes",
    [
        'version="2.1"',
        'version="5"',
        'content-type="text/calendar"',
        'content-type="text/html" version="3.0"',
    ],
)
def test_another_form_is_not_supported(attributes):
    with pytest.raises(UnsupportedAddressData):
        address_data.parse(element(attributes))


def test_every_form_that_is_listed_can_be_had():
    for content_type, version in address_data.SUPPORTED:
        form = address_data.parse(element(f'content-type="{content_type}" version="{version}"'))
        assert (
            form == address_data.find(content_type, version) == AddressData(content_type, version)
        )
        assert form.render(CARD)
    assert address_data.find("text/vcard", None) == AddressData("text/vcard", "3.0")
    assert address_data.find("text/html", None) is None


def test_a_card_in_its_own_version_is_the_same_bytes():
    assert AddressData().render(CARD) is CARD


def test_in_xml_lines_end_with_lf_and_characters_are_whole():
    text = AddressData().text(CARD)
    assert text.startswith("BEGIN:VCARD\nVERSION:3.0\n")
    assert text.endswith("\nNOTE:Jürgen\nEND:VCARD\n")


@pytest.mark.parametrize(
    "data",
    [b"", b"BEGIN:VCARD\r\nVERSION:5.0\r\nEND:VCARD\r\n", b"BEGIN:VCARD\n" + b"A:\n" * 10_001],
)
def test_what_is_no_card_cannot_be_converted(data):
    with pytest.raises(NoConversion):
        AddressData(version="4.0").render(data)


HEAD = b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\nFN:Ada\r\n"
EMAIL = b"item1.EMAIL;type=home:ada@\r\n home.org\r\n"
CHOICES = [
    ('<C:prop name="UID"/>', HEAD),
    ('<C:prop name="email"/>', HEAD + EMAIL + b"EMAIL:ada@work.org\r\n"),
    ('<C:prop name="ITEM1.email"/>', HEAD + EMAIL),
    ('<C:prop name="item2.email"/>', HEAD),
    ('<C:prop name="X-NONE"/>', HEAD),
    ('<C:prop name="VERSION" novalue="yes"/>', HEAD),
    ('<C:prop name="email" novalue="yes"/>', HEAD + b"item1.EMAIL;TYPE=home:\r\nEMAIL:\r\n"),
    ('<C:prop name="FN" novalue="yes"/><C:prop name="FN" novalue="no"/>', HEAD),
    ('<C:prop name="FN" novalue="yes"/>', HEAD.replace(b"Ada", b"")),
]


@pytest.mark.parametrize(("inner", "expected"), CHOICES)
def test_only_the_chosen_properties_are_sent(inner, expected):
    form = address_data.parse(element(inner=inner))
    assert form.render(CARD) == expected + b"END:VCARD\r\n"


@pytest.mark.parametrize("inner", ["", "<C:allprop/>", '<C:allprop/><C:prop name="FN"/>'])
def test_without_a_choice_the_whole_card_is_sent(inner):
    assert address_data.parse(element(inner=inner)) == AddressData()


def test_a_choice_is_made_of_the_converted_card():
    data = CARD.replace(b"NOTE", b"X-GENDER:Male\r\nNOTE")
    form = AddressData(version="4.0", choice=Choice(((None, "GENDER", False),)))
    expected = HEAD.replace(b"3.0", b"4.0").replace(b"UID:", b"UID;VALUE=text:")
    assert form.render(data) == expected + b"GENDER:M\r\nEND:VCARD\r\n"


def test_a_choice_needs_names():
    with pytest.raises(BadRequest):
        partial.parse(element(inner="<C:prop/>"))


def test_a_form_is_a_key():
    assert len({address_data.parse(element(inner='<C:prop name="FN"/>')) for _ in range(2)}) == 1


NEW = CARD.replace(b"3.0", b"4.0")
OLD_TYPE, NEW_TYPE = "text/vcard; charset=utf-8", "text/vcard; charset=utf-8; version=4.0"
ACCEPTS = [
    (None, OLD_TYPE, NEW_TYPE),
    ("*/*", OLD_TYPE, NEW_TYPE),
    ("text/vcard", OLD_TYPE, NEW_TYPE),
    ("text/html", OLD_TYPE, NEW_TYPE),
    ("text/vcard;version=3.0", OLD_TYPE, OLD_TYPE),
    ("text/vcard; version=4.0", NEW_TYPE, NEW_TYPE),
    ('TEXT/vcard;charset=utf-8;q=0.9;VERSION="4.0"', NEW_TYPE, NEW_TYPE),
    ("text/vcard;version=4.0, */*", NEW_TYPE, NEW_TYPE),
    ("text/vcard;version=4.0;q=0.8, text/vcard", OLD_TYPE, NEW_TYPE),
    ("text/vcard;version=4.0, text/vcard;q=0.5", NEW_TYPE, NEW_TYPE),
    ("text/vcard;version=4.0, text/vcard;version=3.0", OLD_TYPE, NEW_TYPE),
    ("text/vcard;version=4.0;q=0, */*", OLD_TYPE, NEW_TYPE),
    ("text/vcard;version=2.1", OLD_TYPE, NEW_TYPE),
    ("text/vcard;version=4.0;q=x", NEW_TYPE, NEW_TYPE),
    (",;,", OLD_TYPE, NEW_TYPE),
]


@pytest.mark.parametrize(("accept", "of_old", "of_new"), ACCEPTS)
def test_get_answers_what_is_stored_unless_another_form_is_preferred(accept, of_old, of_new):
    for data, stored, expected in [(CARD, OLD_TYPE, of_old), (NEW, NEW_TYPE, of_new)]:
        content_type, answer = address_data.negotiate(data, accept)
        assert content_type == expected
        assert (answer is data) is (expected == stored)


@pytest.mark.parametrize("data", [b"", b"BEGIN:VCARD\r\nVERSION:5.0\r\nX:\0\r\nEND:VCARD\r\n"])
def test_what_cannot_be_converted_is_answered_as_it_is(data):
    assert address_data.negotiate(data, "text/vcard;version=4.0") == (OLD_TYPE, data)


def test_what_becomes_of_a_card_changes_only_with_the_revision():
    """Stores keep what became of it: raise address_data.REVISION with this digest."""
    digest = hashlib.sha256()
    for path, version in product(sorted((Path(__file__).parent / "cards").glob("*.vcf")), "34"):
        with suppress(NoConversion):
            digest.update(AddressData(version=f"{version}.0").ready(path.read_bytes()))
    assert (REVISION, digest.hexdigest()[:16]) == (1, "e7b2db92c82918d5")
