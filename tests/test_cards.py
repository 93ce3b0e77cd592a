"""The cards of tests/cards, through the front door and through everything that reads cards."""

import json
import re
from pathlib import Path

import pytest
from conftest import BOOK, Client, anyone

from pycarddav.dav.errors import Error
from pycarddav.protocol.app import App
from pycarddav.protocol.context import Limits
from pycarddav.vcard import content, edit
from pycarddav.vcard.address_data import SUPPORTED, AddressData
from pycarddav.vcard.convert import repaired
from pycarddav.vcard.index import Index
from pycarddav.vcard.query import Filter, PropFilter, TextMatch
from pycarddav.vcard.validate import acceptable

FOLDER = Path(__file__).parent / "cards"
NAMES = sorted(path.stem for path in FOLDER.glob("*.vcf"))
_REPEATED = re.compile(rb"<<(.*?)\*(\d+)>>", re.DOTALL)


def load(name: str) -> tuple[bytes, dict]:
    """A card of the corpus, and what has to become of it."""

    def repeat(match):
        text = match[1].replace(rb"\r\n", b"\r\n").replace(rb"\\", b"\\")
        return text * int(match[2])

    data = _REPEATED.sub(repeat, (FOLDER / f"{name}.vcf").read_bytes())
    return data, json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


@pytest.fixture
def client(store) -> Client:
    """One who may send cards of any size."""
    return Client(App(store, anyone, Limits()))


@pytest.mark.parametrize("name", NAMES)
def test_put_keeps_every_byte_or_says_what_is_wrong(client, name):
    data, expected = load(name)
    response = client.put("x.vcf", data)
    if expected["put"] == "stored":
        assert response.status == 201
        assert ("ETag" in response.headers) is not expected.get("altered", False)
        stored = data.removeprefix(content.BOM)
        assert client("GET", BOOK + "x.vcf").body == stored
        assert acceptable(data) == (stored, expected["uid"])
    else:
        assert response.status == 403
        assert f"<C:{expected['put']}/>".encode() in response.body
        assert expected["message"] in response.body.decode()
        assert client("GET", BOOK + "x.vcf").status == 404


@pytest.mark.parametrize("name", NAMES)
def test_what_lies_on_the_disk_is_read_as_far_as_possible(name):
    data, expected = load(name)
    if expected["read"] is None:
        with pytest.raises(content.Unreadable):
            content.parse(data)
    else:
        vcard = content.parse(data)
        found = {key: [item.text for item in vcard.get(key)] for key in expected["read"]}
        assert found == expected["read"]
        assert vcard.data() == data


@pytest.mark.parametrize("name", NAMES)
def test_nothing_but_our_own_errors_comes_of_it(name):
    data, _ = load(name)
    forms = [AddressData(*form) for form in SUPPORTED]
    attempts = [form.text for form in forms] + [repaired, lambda data: edit.add(data, "NOTE", "x")]
    for attempt in attempts:
        try:
            result = attempt(data)
        except (Error, content.Unreadable):
            continue
        text = result if isinstance(result, str) else result.decode(errors="replace")
        assert text.startswith(("BEGIN:VCARD", "begin:vcard", '["vcard"', content.BOM.decode()))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_converted_is_acceptable(name):
    data, expected = load(name)
    if expected["put"] == "stored":
        stored, uid = acceptable(data)
        for version in ("3.0", "4.0"):
            converted = AddressData(version=version).render(stored)
            assert acceptable(converted) == (converted, uid)


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_searched(client, name):
    data, expected = load(name)
    client.put("x.vcf", data)
    text_match = '<C:prop-filter name="FN"><C:text-match>a</C:text-match></C:prop-filter>'
    found = client.query(f"<C:filter>{text_match}</C:filter>")
    wanted = Filter(props=(PropFilter("FN", texts=(TextMatch("a"),)),))
    matches = expected["read"] is not None and wanted.matches(content.parse(data))
    assert (BOOK + "x.vcf" in found) is (expected["put"] == "stored" and matches)
    if expected["read"] is not None:
        candidates = Index([("x", content.parse(data))]).candidates(wanted)
        assert candidates == ({"x"} if matches else set())


def test_every_card_of_the_corpus_says_why_it_is_there():
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == NAMES
    assert all(load(name)[1]["why"] for name in NAMES)
