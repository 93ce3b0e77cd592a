"""Finding and reading contacts at a terminal."""

import json

import pytest
from command import on_a_terminal
from conftest import vcard
from contacts import put

ADA = vcard(
    "ada", "Ada Lovelace", "N:Lovelace;Ada;;;", "TEL;TYPE=cell,pref:+44 (20) 555-1234",
    "item1.EMAIL:ada@example.org", "item1.X-ABLabel:_$!<School>!$_", r"NOTE:Two\nlines",
    "ADR;TYPE=home:;;12 Elm St;London;;NW1;UK", "CATEGORIES:Friends,Work", "X-HAT:blue",
    "PHOTO;ENCODING=b;TYPE=JPEG:" + "A" * 400,
)  # fmt: skip
BOB = vcard("bob", "Bøb", "NOTE:knows Ada", version="4.0")


@pytest.fixture
def two(home, anna):
    put(home, "1.vcf", ADA, "ada")
    put(home, "2.vcf", BOB, "bob")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["ada"], ["1", "2"]),
        (["ADA", "lovelace"], ["1"]),
        (["ada lovelace"], ["1"]),
        (["bØB"], ["2"]),
        (["elm st", "friends"], ["1"]),
        (["0205551234"], ["1"]),
        (["020/555"], ["1"]),
        (["+44"], ["1"]),
        (["555-1234"], ["1"]),
        (["@example.org", "--in", "anna"], ["1"]),
        (["school"], []),
        (["ada", "--in", "anna/other"], []),
        (["00"], []),
    ],
)
@pytest.mark.usefixtures("two")
def test_contacts_are_found_by_all_words(cli, words, found):
    cli("book", "create", "anna/other")
    code, out, err = cli("find", *words)
    assert [line.split("\t")[0] for line in out.splitlines()] == [
        f"anna/contacts/{name}.vcf" for name in found
    ]
    assert (code, err) == ((0, "") if found else (1, "nothing matches\n"))


@pytest.mark.usefixtures("two")
def test_what_is_found_is_a_row_or_an_object(cli):
    row = "anna/contacts/1.vcf\tAda Lovelace\tada@example.org\t+44 (20) 555-1234\n"
    assert cli("find", "lovelace") == (0, row, "")
    assert json.loads(cli("find", "lovelace", "--json")[1]) == {
        "schema": 1,
        "cards": [
            {
                "card": "anna/contacts/1.vcf",
                "name": "Ada Lovelace",
                "emails": ["ada@example.org"],
                "phones": ["+44 (20) 555-1234"],
            }
        ],
    }


FIELDS = [
    ("name", "", "Ada Lovelace"),
    ("sorted by", "", "Lovelace, Ada"),
    ("phone", "cell", "+44 (20) 555-1234"),
    ("email", "School", "ada@example.org"),
    ("address", "home", "12 Elm St, London, NW1, UK"),
    ("groups", "", "Friends, Work"),
    ("note", "", r"Two\nlines"),
    ("photo", "", "about 300 octets"),
    ("X-HAT", "", "blue"),
    ("vCard", "", "3.0"),
    ("UID", "", "ada"),
]


@pytest.mark.parametrize("reference", ["anna/contacts/1.vcf", "/anna/contacts/1"])
@pytest.mark.usefixtures("two")
def test_a_card_is_shown_as_people_read_it(cli, reference):
    code, out, err = cli("show", reference)
    assert (code, err) == (0, "")
    assert [tuple(line.split("\t")) for line in out.splitlines()] == FIELDS
    shown = json.loads(cli("show", reference, "--json")[1])
    assert [(field["name"], ", ".join(field["kinds"])) for field in shown["fields"]] == [
        field[:2] for field in FIELDS
    ]


@pytest.mark.usefixtures("two")
def test_a_long_note_is_lines_on_a_terminal():
    code, said = on_a_terminal(["show", "anna/contacts/1.vcf"])
    assert code == 0
    assert "note               Two\r\n                   lines\r\n" in said


@pytest.mark.parametrize(
    ("reference", "code", "message"),
    [
        ("anna/contacts/3.vcf", 3, "there is no card anna/contacts/3.vcf\nhint: pycarddav find"),
        ("anna/none/1.vcf", 3, "there is no address book anna/none"),
        ("anna/contacts", 2, "anna/contacts is not of the form USER/BOOK/CARD"),
    ],
)
@pytest.mark.usefixtures("two")
def test_a_card_that_is_not_there_is_said(cli, reference, code, message):
    found, out, err = cli("show", reference)
    assert (found, out) == (code, "")
    assert err.startswith(f"pycarddav: error: {message}")
