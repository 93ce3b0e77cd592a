"""What is known of the cards of a book, kept small: both ways answer the same."""

import random

import pytest

from pycarddav.store.filesystem import twins
from pycarddav.store.filesystem.members import Layered, Member, Members, pack, unpack
from pycarddav.store.filesystem.snapshot import Snapshot
from pycarddav.store.filesystem.token import START

ETAG = '"0123456789abcdef0123456789abcdef"'
STAMP = (600, 1_700_000_000_000_000_001, 1_700_000_000_000_000_002, 2**64 - 1)

SMALL = {
    "as the name says": ("u.vcf", Member(ETAG, "u", *STAMP)),
    "a UID of its own": ("a.vcf", Member(ETAG, "ürn:x", *STAMP)),
    "no UID": ("a.vcf", Member(ETAG)),
    "no UID, and a name that is none": (".vcf", Member(ETAG)),
    "an empty UID": (".vcf", Member(ETAG, "")),
    "the UID is the whole name": ("a.vcf", Member(ETAG, "a.vcf", *STAMP)),
    "times that prove nothing": ("a.vcf", Member(ETAG, "a", 1, 1, 0, 1)),
    "before 1970": ("a.vcf", Member(ETAG, "a", 1, -1, -1, 1)),
}
LARGE = {
    "an etag of capitals": Member(ETAG.upper()),
    "an etag with blanks": Member('"01 23"'),
    "an etag that is short": Member('"01"'),
    "an etag that is long": Member(f'"{"0" * 34}"'),
    "an etag without quotes": Member("0" * 34),
    "no etag": Member(""),
    "an etag of anything": Member('"é"'),
    "a UID that is half a character": Member(ETAG, "\ud800"),
    "too large": Member(ETAG, "a", 2**32),
    "after the year 2262": Member(ETAG, "a", 1, 2**63),
    "less than nothing": Member(ETAG, "a", -1),
}


@pytest.mark.parametrize(("name", "member"), SMALL.values(), ids=SMALL)
def test_a_member_fits_into_a_row(name, member):
    row = pack(name, member)
    assert isinstance(row, bytes)
    assert unpack(name, row) == member


@pytest.mark.parametrize("member", LARGE.values(), ids=LARGE)
def test_what_has_no_room_in_a_row_stays_as_it_is(member):
    assert pack("a.vcf", member) is member
    assert Members.of({"a.vcf": member})["a.vcf"] == member


@pytest.mark.parametrize("member", [*LARGE.values(), *(member for _, member in SMALL.values())])
def test_a_stamp_is_compared_as_it_is(member):
    members = Members.of({"a.vcf": member})
    assert members.has("a.vcf", member[2:])
    assert not members.has("a.vcf", (member.size + 1, *member[3:]))
    assert not members.has("b.vcf", member[2:])


@pytest.mark.parametrize("most", [1, 3, Layered._MOST])
def test_a_changed_copy_is_what_a_dict_would_be(most, monkeypatch):
    monkeypatch.setattr(Layered, "_MOST", most)
    chance, plain, layered = random.Random(1), {}, Layered({})
    for _ in range(400):
        changes = {str(chance.randrange(20)): chance.choice([None, 0, 1, 2]) for _ in range(2)}
        before, was = layered, dict(plain)
        layered = layered.changed(changes)
        for key, value in changes.items():
            plain.pop(key, None)
            if value is not None:
                plain[key] = value
        assert (dict(layered), len(layered), set(layered)) == (plain, len(plain), set(plain))
        assert all((key in layered) == (key in plain) for key in map(str, range(20)))
        assert dict(before) == was


def test_a_uid_leads_to_its_card_whatever_that_is_called():
    names = {"u.vcf": "u", "v.vcf": "w", "w.vcf": "x", "n.vcf": None}
    members = {name: Member(ETAG, uid) for name, uid in names.items()}
    snapshot = Snapshot.of(Members.of(members), START)
    owners = {uid: snapshot.owner(uid) for uid in ["u", "v", "w", "x", "n", ""]}
    expected = {"u": "u.vcf", "v": None, "w": "v.vcf", "x": "w.vcf", "n": None, "": None}
    assert owners == expected
    grown = Snapshot()
    for name, member in members.items():
        grown = grown.changed({name: member}, START)
    assert {uid: grown.owner(uid) for uid in owners} == expected
    gone = grown.changed({"v.vcf": None, "u.vcf": Member(ETAG, "w")}, START)
    assert [gone.owner(uid) for uid in ("u", "w")] == [None, "u.vcf"]


def test_strangers_are_told_apart_from_twins(monkeypatch):
    """Two ways to the same answer, for books of up to four cards, and as many that come."""
    chance = random.Random(2)

    def some():
        names = chance.sample(["u.vcf", "v.vcf", "w.vcf", "x.vcf"], chance.randrange(5))
        return {
            name: Member(chance.choice([ETAG, "other"]), chance.choice([None, *"uvwxyz"]))
            for name in names
        }

    cases = []
    for _ in range(3000):
        found = some() | dict.fromkeys(chance.sample(["u.vcf", "v.vcf"], chance.randrange(2)))
        expected = {name: ETAG for name in found if chance.random() < 0.2}
        cases.append((found, expected, Snapshot.of(Members.of(some()), START)))
    quick = [twins.among(*case) for case in cases]
    assert 100 < sum(map(bool, quick)) < 2900
    monkeypatch.setattr(twins, "_are_strangers", lambda *_: False)
    assert [twins.among(*case) for case in cases] == quick
