"""Changing one property leaves every other line as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarddav.vcard import content, edit

CARD = b"""\
BEGIN:VCARD\r
VERSION:3.0\r
fn:Ada\r
item1.EMAIL;type=home:ada@\r
  home.org\r
\r
item1.X-ABLabel:x\r
EMAIL:ada@work.org\r
END:VCARD\r
\r
"""
HEAD, TAIL = CARD[: CARD.index(b"fn:")], b"END:VCARD\r\n\r\n"
FN, FIRST = b"fn:Ada\r\n", b"item1.EMAIL;type=home:ada@\r\n  home.org\r\n\r\n"
LABEL, SECOND = b"item1.X-ABLabel:x\r\n", b"EMAIL:ada@work.org\r\n"


def test_the_card_is_made_of_these():
    assert HEAD + FN + FIRST + LABEL + SECOND + TAIL == CARD


def test_a_property_is_added_before_the_end():
    new = b"g.NOTE;X-A=b:c\\, d\r\n"
    expected = HEAD + FN + FIRST + LABEL + SECOND + new + TAIL
    assert edit.add(CARD, "NOTE", "c\\, d", (("X-A", ("b",)),), "g") == expected


def test_a_property_is_replaced_where_it_was():
    expected = HEAD + b"FN:Eve\r\n" + FIRST + LABEL + SECOND + TAIL
    assert edit.replace(CARD, "FN", "Eve") == expected


def test_a_replaced_property_keeps_its_group_and_parameters_and_is_the_only_one():
    expected = HEAD + FN + b"item1.EMAIL;TYPE=home:e@f\r\n" + LABEL + TAIL
    assert edit.replace(CARD, "EMAIL", "e@f") == expected
    assert edit.replace(CARD, "EMAIL", "e@f", ()) == expected.replace(b";TYPE=home", b"")


def test_a_property_that_is_not_there_is_added():
    assert edit.replace(CARD, "UID", "1") == edit.add(CARD, "UID", "1")


def test_properties_are_removed_as_wanted():
    assert edit.remove(CARD, lambda item: item.group == "item1") == HEAD + FN + SECOND + TAIL
    assert edit.remove(CARD, lambda item: item.name == "NOTE") == CARD


@pytest.mark.parametrize("eol", [b"\r\n", b"\n", b"\r"])
def test_new_lines_end_as_the_others_do(eol):
    data = CARD.replace(b"\r\n", eol)
    note = "x" * 80
    assert edit.add(data, "NOTE", note) == edit.add(CARD, "NOTE", note).replace(b"\r\n", eol)


@pytest.mark.parametrize("data", [b"hello", b"BEGIN:VCARD\nFN:a", CARD[:-15]])
def test_what_is_no_whole_card_is_not_edited(data):
    with pytest.raises(content.Unreadable):
        edit.add(data, "UID", "1")


LINE = st.sampled_from(["FN:a", "g.TEL:1", "TEL;X=y:2", "junk", "", "NOTE:a", " b", "UID:1"])


@given(st.lists(LINE), st.sampled_from(["FN", "TEL", "NOTE", "UID", "X"]))
def test_all_other_properties_stay(lines, name):
    data = "\n".join(["BEGIN:VCARD", "VERSION:3.0", *lines, "END:VCARD", ""]).encode()
    others = [item for item in content.parse(data).properties if item.name != name]
    changed = content.parse(edit.replace(data, name, "new"))
    assert [item for item in changed.properties if item.name != name] == others
    assert [item.value for item in changed.get(name)] == ["new"]
