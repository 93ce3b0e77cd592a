"""The headers that carry meaning (``dav/headers.py``)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarddav.dav.headers import Condition, depth, entity_tags

E = '"abc"'


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        ('"a"', ["a"]),
        ('W/"a"', ["a"]),
        ('"a", W/"b" ,"c"', ["a", "b", "c"]),
        ('"a,b", "c"', ["a,b", "c"]),
        ("abc", ["abc"]),
        ('\\"abc\\"', ["abc"]),
        ('"abc-gzip"', ["abc"]),
        ('"abc;gzip"', ["abc"]),
        ('""', [""]),
        ("", []),
    ],
)
def test_entity_tags_as_clients_and_proxies_write_them(header, tags):
    assert entity_tags(header) == tags


@pytest.mark.parametrize(
    ("if_match", "if_none_match", "etag", "holds"),
    [
        (None, None, E, True),
        (None, None, None, True),
        (E, None, E, True),
        (E, None, '"other"', False),
        (E, None, None, False),
        ("*", None, E, True),
        (" * ", None, E, True),
        ("*", None, None, False),
        (f'"x", {E}', None, E, True),
        (None, "*", E, False),
        (None, "*", None, True),
        (None, E, E, False),
        (None, E, '"other"', True),
        (None, E, None, True),
        (E, '"other"', E, True),
        (E, E, E, False),
    ],
)
def test_a_condition_holds_or_not(if_match, if_none_match, etag, holds):
    assert Condition(if_match, if_none_match).holds(etag) is holds


@given(st.text(max_size=200))
def test_any_header_is_read(text):
    assert isinstance(Condition(text, text).holds(E), bool)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0", "0"), ("1", "1"), ("infinity", "infinity"), (" Infinity ", "infinity"), (None, "1")],
)
def test_depth(value, expected):
    assert depth(value, "1") == expected


@pytest.mark.parametrize("value", ["2", "-1", "1, 0", "1,noroot", "x"])
def test_another_depth_is_an_error(value):
    with pytest.raises(ValueError, match="Depth"):
        depth(value, "1")
