"""The resources' paths (``model.py``)."""

from hypothesis import given
from hypothesis import strategies as st

from pycarddav.model import encode
from pycarddav.protocol.urls import segments

NAMES = st.text(st.characters(codec="utf-8"), min_size=1)


@given(NAMES)
def test_a_name_is_encoded_as_its_characters_are(name):
    """A plain one takes another way through the code than one that needs care."""
    assert encode(name) == "".join(map(encode, name))


@given(NAMES.filter(lambda name: name not in (".", "..")))
def test_a_name_is_found_again_in_its_path(name):
    assert segments(f"/{encode(name)}") == [name]
