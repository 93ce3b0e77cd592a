"""Which cards are of one person, and one card with what all of them say."""

import json
import shlex

import pytest
from command import on_a_terminal
from conftest import ALICE, vcard
from contacts import cards, opened, put
from hypothesis import given
from hypothesis import strategies as st

from pycarddav.transfer import duplicates, merging, reuniting
from pycarddav.transfer.duplicates import Person
from pycarddav.vcard import content, validate


def person(text):
    """``Ada Lovelace, TEL:1`` with an N if there is a semicolon in the name."""
    name, *lines = text.split(", ")
    names = [f"N:{name};;;"] if ";" in name else []
    return vcard(text, name.replace(";", " "), *names, *lines)


def found(*texts):
    """The groups that are found among these, each as their numbers."""
    people = [Person(str(n), content.parse(person(text))) for n, text in enumerate(texts)]
    groups = duplicates.find(people)
    return sorted("".join(sorted(one.name for one in group.people)) for group in groups)


PHONE, SAME_PHONE, EMAIL = "TEL:+44 20 5551234", "TEL:(020) 555 1234", "EMAIL:a@b.org"
TOGETHER = {
    "number": ["Ada Lovelace, " + PHONE, "Ada Lovelace, " + SAME_PHONE],
    "address": ["Ada Lovelace, " + EMAIL, "Ada Lovelace, EMAIL:A@B.ORG"],
    "the other way round": ["Lovelace;Ada, " + EMAIL, "Ada Lovelace, " + EMAIL],
    "comma": ["Lovelace\\,Ada, " + EMAIL, "Ada Lovelace, " + EMAIL],
    "accents": ["Zoë Müller, " + EMAIL, "ZOE MULLER, " + EMAIL],
    "initial": ["A. Lovelace, " + EMAIL, "Ada Lovelace, " + EMAIL],
    "no family name": ["Ada, " + EMAIL, "Ada Lovelace, " + EMAIL],
    "married": ["King;Ada, " + EMAIL, "King Lovelace;Ada, " + EMAIL],
    "birthday": ["Ada Lovelace, BDAY:1815-12-10", "Ada Lovelace, BDAY:18151210"],
    "no year": ["Ada Lovelace, BDAY:1815-12-10", "Ada Lovelace, BDAY:--12-10"],
    "copy": ["Ada Lovelace, NOTE:x", "Ada Lovelace, NOTE:x"],
    "company": ["ACME, " + PHONE, "ACME, " + PHONE],
}
APART = {
    "the same name alone": ["Ada Lovelace, NOTE:x", "Ada Lovelace, NOTE:y"],
    "a family's number": ["Smith;Anna, " + PHONE, "Smith;Bob, " + PHONE],
    "initials of two": ["Smith;Anna, " + PHONE, "Smith;B., " + PHONE],
    "the family itself": ["Smith, " + PHONE, "Smith;Anna, " + PHONE],
    "junior": ["John Smith, " + PHONE, "John Smith Jr., " + PHONE],
    "another birthday": [
        f"Ada Smith, {EMAIL}, BDAY:1815-12-10", f"Ada Smith, {EMAIL}, BDAY:1990-01-01",
    ],
    "another year": ["Ada Smith, BDAY:1815-12-10", "Ada Smith, BDAY:1915-12-10"],
    "one word and a birthday": ["Ada, BDAY:1815-12-10, NOTE:x", "Ada, BDAY:1815-12-10"],
    "second names": ["Smith;John Paul, " + PHONE, "Smith;John Adam, " + PHONE],
    "a short number": ["Ada Lovelace, TEL:112", "Ada Lovelace, TEL:112, NOTE:x"],
    "groups": [f"Choir, KIND:group, {EMAIL}", f"Choir, KIND:group, {EMAIL}"],
    "nothing": ["Ada Lovelace", "Bob Hope"],
}  # fmt: skip


@pytest.mark.parametrize("texts", TOGETHER.values(), ids=TOGETHER)
def test_evidence_brings_two_cards_together(texts):
    assert found(*texts) == ["01"]
    assert found(*reversed(texts)) == ["01"]


@pytest.mark.parametrize("texts", APART.values(), ids=APART)
def test_two_people_are_not_taken_for_one(texts):
    assert found(*texts) == []
    assert found(*reversed(texts)) == []


def test_who_could_be_two_people_is_neither():
    ann, jim, a_smith = f"Smith;Ann, {PHONE}", f"Smith;Amy, {PHONE}", f"Smith;A., {PHONE}"
    assert found(ann, jim, a_smith) == []
    assert found(ann, a_smith) == ["01"]
    assert found(ann, jim, a_smith, f"Smith;Ann, {PHONE}, NOTE:x") == ["03"]


def test_a_chain_does_not_join_those_who_differ():
    first = f"Ada Smith, {EMAIL}, BDAY:1815-12-10"
    assert found(first, f"Ada Smith, {EMAIL}, {PHONE}", f"Ada Smith, {PHONE}, BDAY:1990-01-01") == [
        "01"
    ]


def test_a_number_that_a_whole_company_has_joins_only_copies():
    people = [
        Person(str(n), content.parse(person(f"Family{n};Given{n % 7}, {PHONE}, NOTE:x")))
        for n in range(3_000)
    ]
    assert duplicates.find(people) == []
    copies = [Person(str(n), content.parse(person(f"Ada Smith, {PHONE}"))) for n in range(2_000)]
    assert [len(group.people) for group in duplicates.find(copies)] == [2_000]


def lines(data):
    validate.validate(data)
    vcard = content.parse(data)
    return [content.unfold(item.line).decode() for item in vcard.properties[2:]]


BASE = vcard(
    "ada", "A. Lovelace", "N:Lovelace;A.;;;", "TEL:+44 20 5551234", "item1.EMAIL:a@b.org",
    "item1.X-ABLabel:School", "NOTE:Tall", "CATEGORIES:Friends", "BDAY:--12-10", "TITLE:Countess",
)  # fmt: skip
OTHERS = {
    "the same": (["FN:A. Lovelace", "TEL:(020) 5551234", "EMAIL:A@B.ORG", "NOTE:Tall"], [], []),
    "more": (
        ["FN:A. Lovelace", "TEL;TYPE=home:+1 555 0100", "ORG:Engines", "X-HAT:blue"],
        [],
        ["TEL;TYPE=home:+1 555 0100", "ORG:Engines", "X-HAT:blue"],
    ),
    "a kind": (
        ["FN:A. Lovelace", "TEL;TYPE=cell,pref:0205551234"],
        [("TEL:+44 20 5551234", "TEL;TYPE=cell:+44 20 5551234")],
        [],
    ),
    "a full name": (
        ["FN:Ada Lovelace", "N:Lovelace;Ada;;Dr.;"],
        [("FN:A. Lovelace", "FN:Ada Lovelace"), ("N:Lovelace;A.;;;", "N:Lovelace;Ada;;Dr.;")],
        [],
    ),
    "another name": (
        ["FN:Countess", "N:King;Ada;;;"],
        [],
        ["X-VCARD4-FN:Countess", "X-VCARD4-N:King;Ada;;;"],
    ),
    "notes and groups of people": (
        ["FN:A. Lovelace", r"NOTE:Thin\, too", "CATEGORIES:work,friends"],
        [
            ("NOTE:Tall", r"NOTE:Tall\n\nThin\, too"),
            ("CATEGORIES:Friends", "CATEGORIES:Friends,work"),
        ],
        [],
    ),
    "a year": (["FN:A. Lovelace", "BDAY:1815-12-10"], [("BDAY:--12-10", "BDAY:1815-12-10")], []),
    "a label": (
        ["FN:A. Lovelace", "item1.TEL:+1 555 0100", "item1.X-ABLabel:Boat", "item2.EMAIL:a@b.org"],
        [],
        ["item2.TEL:+1 555 0100", "item2.X-ABLABEL:Boat"],
    ),
    "a picture": (
        ["FN:A. Lovelace", "PHOTO;ENCODING=b;TYPE=JPEG:AAAA"],
        [],
        ["PHOTO;ENCODING=b;TYPE=JPEG:AAAA"],
    ),
}


@pytest.mark.parametrize(("other", "changed", "added"), OTHERS.values(), ids=OTHERS)
def test_the_card_that_stays_says_what_the_other_said(other, changed, added):
    text = "".join(f"{line}\r\n" for line in other)
    data = f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:x\r\nREV:1\r\n{text}END:VCARD\r\n".encode()
    expected = [dict(changed).get(line, line) for line in lines(BASE)] + added
    got = merging.merged(BASE, [data])
    assert lines(got) == [line for line in expected if line != "N:;;;;"]
    assert merging.merged(got, [data]) == got


ALIKE = [
    ("TEL:+1 212 555 1234", "TEL:+1 312 555 1234"),
    ("TEL:212 555 1234", "TEL:+1 212 555 1234"),
    ("TEL;VALUE=uri:tel:+1-212-555-1234;ext=5", "TEL;VALUE=uri:tel:+1-212-555-1234;ext=7"),
    ("X-SOCIALPROFILE;TYPE=instagram:x-apple:ada", "X-SOCIALPROFILE;TYPE=telegram:x-apple:ada"),
    ("IMPP;X-SERVICE-TYPE=Skype:x-apple:ada", "IMPP;X-SERVICE-TYPE=Signal:x-apple:ada"),
    ("RELATED;TYPE=spouse;VALUE=text:William", "RELATED;TYPE=emergency;VALUE=text:William"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_what_only_looks_alike_stays_beside_the_other(one, other):
    first, second = (vcard("x", "Ada", line, version="4.0") for line in (one, other))
    both = merging.merged(first, [second])
    assert lines(both)[-2:] == [one, other]
    assert merging.merged(both, [second]) == both


def test_two_names_in_one_part_stay_two():
    first = vcard("x", "Ada King", "N:King;Ada;Augusta,Byron;;")
    got = merging.merged(first, [vcard("y", "Ada King", r"N:King;A.;;Dr.\, M.A.;")])
    assert lines(got)[-1] == r"N:King;Ada;Augusta,Byron;Dr.\, M.A.;"


def test_another_version_is_merged_as_this_one():
    new = vcard("x", "Ada", "TEL;VALUE=uri:tel:+1-555-0100", "KIND:individual", version="4.0")
    assert b"TEL:+1-555-0100\r\n" in merging.merged(vcard("ada", "Ada"), [new])
    old = vcard("x", "Ada", "TEL;TYPE=pref:+1 555 0100")
    assert b"TEL;PREF=1:+1 555 0100\n" in merging.merged(
        vcard("ada", "Ada", version="4.0").replace(b"\r\n", b"\n"), [old]
    )


VALUES = st.lists(
    st.tuples(
        st.sampled_from(["TEL", "EMAIL", "NOTE", "NICKNAME", "item1.URL", "ORG", "X-A", "BDAY"]),
        st.sampled_from(["a", "b c", r"a\, b", "+44 20 5551234", "1815-12-10", "x;y", "1,2"]),
    ),
    max_size=6,
)


@given(VALUES, VALUES)
def test_no_value_is_ever_lost(one, other):
    first, second = (vcard("u", "Ada", *map(":".join, found)) for found in (one, other))
    both = merging.merged(first, [second])
    validate.validate(both)
    vcard_ = content.parse(both)
    everything = [item.text for item in vcard_.properties]
    for name, value in [*one, *other]:
        text = content.parse(vcard("u", "x", f"X:{value}")).first("X").text
        parts = text.split(",") if name == "NICKNAME" else [text]
        for part in parts:
            assert any(part in said or duplicates.number(part) for said in everything)


# The command


@pytest.fixture
def book(home, anna):
    """Ada twice, a homonym, and a group with the Ada who will go."""
    put(home, "1.vcf", vcard("ada", "Ada Lovelace", PHONE, "NOTE:x"), "ada")
    put(home, "2.vcf", vcard("ada2", "A. Lovelace", SAME_PHONE), "ada2")
    put(home, "3.vcf", vcard("ada3", "Ada Lovelace"), "ada3")
    members = ["MEMBER:urn:uuid:ada2", "MEMBER:urn:uuid:bob"]
    put(home, "g.vcf", vcard("g", "Friends", "KIND:group", *members, version="4.0"), "g")
    return home


def test_duplicates_are_listed_with_their_evidence_and_nothing_is_changed(cli, book):
    before = cards(book)
    code, out, err = cli("merge", "anna/contacts")
    why = "similar name, and the same +44 20 5551234"
    assert (code, out) == (
        0,
        f"1\t1.vcf\tAda Lovelace\t\t+44 20 5551234\t{why}\n"
        f"1\t2.vcf\tA. Lovelace\t\t(020) 555 1234\t{why}\n",
    )
    assert err == "--apply merges them; on a terminal it is asked for each\n"
    (one,) = json.loads(cli("merge", "anna/contacts", "--json")[1])["duplicates"]
    assert (one["evidence"], [card["card"] for card in one["cards"]]) == ([why], ["1.vcf", "2.vcf"])
    assert cards(book) == before


def test_merged_cards_are_one_and_it_can_be_taken_back(cli, book):
    before = cards(book)
    code, _, err = cli("merge", "anna/contacts", "--apply")
    said, undo = err.splitlines()
    assert (code, said) == (0, "anna/contacts: merged 2 cards into 1")
    after = cards(book)
    assert sorted(after) == ["1.vcf", "3.vcf", "g.vcf"]
    assert after["1.vcf"] == before["1.vcf"]
    assert b"MEMBER:urn:uuid:ada\r\nMEMBER:urn:uuid:bob\r\n" in after["g.vcf"]
    assert cli("merge", "anna/contacts", "--apply")[2] == "anna/contacts has no duplicates\n"
    assert cli(*shlex.split(undo.removeprefix("undo: pycarddav ")))[0] == 0
    assert cards(book) == before


def test_a_merge_is_not_taken_back_where_that_would_lose_what_the_other_said(cli, book):
    put(book, "1.vcf", vcard("ada", "Ada Lovelace", PHONE, "NOTE:x", "ROLE:y"), "ada")
    put(book, "2.vcf", vcard("ada2", "A. Lovelace", SAME_PHONE, "TITLE:Countess"), "ada2")
    undo = shlex.split(cli("merge", "anna/contacts", "--apply")[2].splitlines()[1])[2:]
    put(book, "new.vcf", vcard("ada2", "A."), "ada2")
    before = cards(book)
    code, _, err = cli(*undo)
    assert (code, cards(book)) == (5, before)
    assert "2.vcf stays: the UID is in use by /anna/contacts/new.vcf" in err
    assert "1.vcf stays: it may have what 2.vcf had" in err


def test_nothing_goes_whose_other_card_has_changed_meanwhile(book):
    store = opened(book)
    about = store.book("anna", "contacts")
    known = {card.name: card for card in store.cards(about)}
    plans = list(reuniting.plans(known, 10_000, pytest.fail))
    put(book, "1.vcf", vcard("ada", "Ada King", PHONE), "ada")
    before = cards(book)
    left = reuniting.carry_out(plans, known, lambda many: store.change(about, many, ALICE, "x 1"))
    store.close()
    assert list(left) == ["1.vcf"]
    assert cards(book) == before


def test_on_a_terminal_somebody_is_asked(book):
    before = cards(book)
    code, said = on_a_terminal(["merge", "anna/contacts"], "n")
    assert code == 0
    assert "similar name, and the same +44 20 5551234" in said
    assert cards(book) == before
    assert on_a_terminal(["merge", "anna/contacts"], "y")[0] == 0
    assert len(cards(book)) == len(before) - 1
