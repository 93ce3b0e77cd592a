"""Taking contacts out, and in again elsewhere."""

import csv
import io
import json
import os
import subprocess
import sys
import zipfile

import pytest
from conftest import vcard
from contacts import cards, opened, put

from pycarddav.vcard import content

ADA = vcard(
    "ada", "Ada Lovelace", "N:Lovelace;Ada;;;", "TEL;TYPE=cell:+44 20 1", "EMAIL;TYPE=work:a@b.org",
    "item1.TEL:+44 20 2", "item1.X-ABLabel:Grandma", "ADR;TYPE=home:;;12 Elm St;London;;NW1;UK",
    "BDAY:1815-12-10", r"NOTE:Two\nlines and a comma\, here", "CATEGORIES:Friends,Work",
    "ORG:Engines;Design", "X-OTHER:kept",
)  # fmt: skip
BOB = vcard("bob", "Bob", "KIND:individual", version="4.0")


@pytest.fixture
def two(here, home):
    """Where anna has two cards, in two versions, one without a line end at its end."""
    put(home, "a.vcf", ADA, "ada")
    put(home, "b", BOB.strip(), "bob")
    return here


def exported(cli, here, *words):
    code, out, err = cli("export", *words, "-o", "out")
    assert (code, out, err) == (0, "", "exported 2 cards to out\n")
    return (here / "out").read_bytes()


def test_cards_are_exported_as_they_are_stored(cli, two):
    assert exported(cli, two, "anna/contacts") == ADA + BOB
    assert os.stat(two / "out").st_mode & 0o777 == 0o600
    assert exported(cli, two, "anna") == ADA + BOB
    code, out, err = cli("export", "anna/contacts")
    assert (code, out.encode(), err) == (0, ADA + BOB, "exported 2 cards\n")


@pytest.mark.parametrize("version", ["3.0", "4.0"])
def test_cards_are_exported_in_one_version(cli, two, version):
    data = exported(cli, two, "anna/contacts", "--format", f"vcf{version[0]}")
    assert data.count(f"VERSION:{version}\r\n".encode()) == data.count(b"VERSION:") == 2


def test_jcards_are_a_json_list(cli, two, bring):
    found = json.loads(exported(cli, two, "anna/contacts", "--format", "jcard"))
    assert [card[1][1][3] for card in found] == ["ada", "bob"]
    (two / "out.json").write_bytes((two / "out").read_bytes())
    assert bring("out.json", to="anna/new")[:2] == (0, {"added": 2})
    assert bring("out.json", to="anna/new")[:2] == (0, {"unchanged": 2})


def test_a_spreadsheet_has_the_columns_that_are_needed_and_can_be_imported(cli, two, home, bring):
    text = exported(cli, two, "anna/contacts", "--format", "csv").decode("utf-8-sig")
    ada, bob = csv.DictReader(io.StringIO(text))
    assert {column: value for column, value in ada.items() if value} == {
        "Name": "Ada Lovelace", "First Name": "Ada", "Last Name": "Lovelace",
        "Organization Name": "Engines", "Organization Department": "Design",
        "Birthday": "1815-12-10", "Notes": "Two\nlines and a comma, here",
        "Labels": "Friends ::: Work", "E-mail 1 - Label": "Work", "E-mail 1 - Value": "a@b.org",
        "Phone 1 - Label": "Mobile", "Phone 1 - Value": "+44 20 1", "Phone 2 - Label": "Grandma",
        "Phone 2 - Value": "+44 20 2", "Address 1 - Label": "Home",
        "Address 1 - Street": "12 Elm St", "Address 1 - City": "London",
        "Address 1 - Postal Code": "NW1", "Address 1 - Country": "UK",
    }  # fmt: skip
    assert bob["Name"] == "Bob"
    (two / "out.csv").write_bytes((two / "out").read_bytes())
    assert bring("out.csv", to="anna/new")[:2] == (0, {"added": 2})
    (back,) = (data for data in cards(home, "new").values() if b"Ada" in data)
    assert values(back) == values(ADA) - {("X-OTHER", "kept")}


def values(data):
    """(name, value) of all but the UID."""
    found = content.parse(data).properties
    return {(item.name, item.value) for item in found if item.name != "UID"}


def test_an_archive_brings_back_names_bytes_and_properties(cli, two, home, bring):
    described(home, "Friends & more", "of mine")
    for name, when in ("a.vcf", 0), ("b.noext.vcf", 8e9):  # of no time that an archive could have
        os.utime(home / ".local/share/pycarddav/anna/contacts" / name, (when, when))
    exported(cli, two, "anna/contacts", "--format", "zip")
    with zipfile.ZipFile(two / "out") as archive:
        assert archive.namelist() == [
            "contacts/.properties.json", "contacts/a.vcf", "contacts/b.noext.vcf",
        ]  # fmt: skip
    assert bring("out", to="anna/new")[:2] == (0, {"added": 2})
    assert cards(home, "new") == cards(home)
    assert described(home, book="new") == ("Friends & more", "of mine")


def described(home, *values, book="contacts"):
    """Set the name and description of a book, or say them."""
    store = opened(home)
    found = store.book("anna", book)
    if values:
        name, description = values
        store.save_book(found.__class__("anna", book, displayname=name, description=description))
    store.close()
    return found.displayname, found.description


def test_what_cannot_be_had_in_this_form_is_left_out_and_said(cli, two, home):
    put(home, "c.vcf", vcard("c", "C", "BEGIN:X", "END:X"), "c")
    code, out, err = cli("export", "anna/contacts", "--format", "jcard")
    assert (code, len(json.loads(out))) == (5, 2)
    assert err == (
        "pycarddav: warning: anna/contacts/c.vcf is left out: jCard has no cards inside cards\n"
        "exported 2 cards\n"
    )


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["zoe"], 3, "zoe has no address books"),
        (["anna/zoe"], 3, "there is no address book anna/zoe"),
        (["anna/contacts/a.vcf"], 3, "anna/contacts/a.vcf has no address books"),
        (["anna", "-o", "none/out.vcf"], 1, "none is no folder"),
    ],
)
def test_what_cannot_be_exported_is_one_line_and_leaves_no_file(cli, two, words, code, message):
    (two / "out").write_text("before")
    found, out, err = cli("export", "-o", "out", *words)
    assert (found, out) == (code, "")
    assert err.startswith(f"pycarddav: error: {message}")
    assert os.listdir(two) == ["out"]
    assert (two / "out").read_text() == "before"


def test_a_file_that_cannot_be_written_whole_is_not_there(two, home):
    put(home, "c.vcf", vcard("c", "C", "NOTE:" + "x" * 100_000), "c")
    command = f"ulimit -f 50; {sys.executable} -m pycarddav export anna -o out.vcf"
    run = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60
    )
    assert (run.returncode, "File too large" in run.stderr) == (1, True)
    assert os.listdir(two) == []
