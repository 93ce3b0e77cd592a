"""Rows of spreadsheets as cards."""

import io

import pytest

from pycarddav.transfer import columns, spreadsheets
from pycarddav.transfer.columns import Target, TargetRefused
from pycarddav.transfer.spreadsheets import Spreadsheets
from pycarddav.vcard import content, validate

GOOGLE = """First Name,Middle Name,Last Name,Nickname,Organization Name,Organization Title,\
Birthday,Notes,Photo,Labels,E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,\
Phone 2 - Label,Phone 2 - Value,Address 1 - Label,Address 1 - Formatted,Address 1 - Street,\
Address 1 - City,Address 1 - Postal Code,Address 1 - Country,Relation 1 - Label,Relation 1 - Value,\
Custom Field 1 - Label,Custom Field 1 - Value
Ada,,Lovelace,Countess,"Engines, Ltd",Programmer,--12-10,"Two
lines",https://example.org/p.jpg,* myContacts ::: Friends,* Work,a@example.org ::: a@home.example,\
Mobile,+44 20 1,Grandma's,+44 20 2,Home,,12 Elm St,London,NW1,UK,Brother,Max,Cat,Mia
"""
OLD_GOOGLE = """Name,Given Name,Family Name,Name Prefix,Group Membership,E-mail 1 - Type,\
E-mail 1 - Value,Phone 1 - Type,Phone 1 - Value,Address 1 - Formatted,Website 1 - Type,\
Website 1 - Value,Event 1 - Type,Event 1 - Value
Dr. Ada Lovelace,Ada,Lovelace,Dr.,* myContacts,*,ada@example.org,Work Fax,+44 20 1,"12 Elm St
London",Profile,https://example.org/,Anniversary,1835-07-08
"""
OUTLOOK = """"Title","First Name","Last Name","Suffix","Company","Department","Job Title",\
"Business Street","Business Street 2","Business City","Business Country/Region",\
"Home Postal Code","Business Fax","Business Phone","Business Phone 2","Mobile Phone",\
"Anniversary","Birthday","Categories","E-mail Address","E-mail Type","E-mail 2 Address",\
"Priority","Spouse","Telex","Web Page"
"Ms.","Ada","Lovelace","","Engines","Design","Programmer","12 Elm St","Floor 2","London","UK","N1",\
"+44 1","+44 2","+44 3","+44 4","0/0/00","12/10/1815","Friends;Work","a@example.org","SMTP",\
"b@example.org","Normal","William","44 5","https://example.org/"
"""
PLAIN = (
    "Name;Title;Email;Phone;Birthday\nAda King Lovelace;Countess;a@example.org;+44 1;10.12.1815\n"
)

CARDS = {
    "Google": (
        GOOGLE,
        "FN:Ada Lovelace", "N:Lovelace;Ada;;;", "NICKNAME:Countess", r"ORG:Engines\, Ltd",
        "TITLE:Programmer", "BDAY;X-APPLE-OMIT-YEAR=1604;VALUE=date:1604-12-10",
        "PHOTO;VALUE=uri:https://example.org/p.jpg", "CATEGORIES:Friends",
        "EMAIL;TYPE=work:a@example.org", "EMAIL;TYPE=work:a@home.example",
        "TEL;TYPE=cell:+44 20 1", "item1.TEL:+44 20 2", "item1.X-ABLABEL:Grandma's",
        "ADR;TYPE=home:;;12 Elm St;London;;NW1;UK", "item2.X-ABRELATEDNAMES:Max",
        "item2.X-ABLABEL:Brother", r"NOTE:Two\nlines\nCat: Mia",
    ),
    "Google until 2024": (
        OLD_GOOGLE,
        "FN:Dr. Ada Lovelace", "N:Lovelace;Ada;;Dr.;", "EMAIL:ada@example.org",
        "TEL;TYPE=work,fax:+44 20 1", r"ADR:;;12 Elm St\nLondon;;;;", "URL:https://example.org/",
        "X-ANNIVERSARY:1835-07-08", "item1.X-ABDATE:1835-07-08",
        "item1.X-ABLABEL:_$!<Anniversary>!$_",
    ),
    "Outlook": (
        OUTLOOK,
        "FN:Ms. Ada Lovelace", "N:Lovelace;Ada;;Ms.;", "ORG:Engines;Design", "TITLE:Programmer",
        r"ADR;TYPE=work:;;12 Elm St\nFloor 2;London;;;UK", "ADR;TYPE=home:;;;;;N1;",
        "TEL;TYPE=work,fax:+44 1", "TEL;TYPE=work:+44 2", "TEL;TYPE=work:+44 3",
        "TEL;TYPE=cell:+44 4", "BDAY:1815-12-10", "CATEGORIES:Friends,Work",
        "EMAIL:a@example.org", "EMAIL:b@example.org", "item1.X-ABRELATEDNAMES:William",
        "item1.X-ABLABEL:_$!<Spouse>!$_", "URL:https://example.org/", "NOTE:Telex: 44 5",
    ),
    "by hand": (
        PLAIN,
        "N:Lovelace;Ada King;;;", "FN:Ada King Lovelace", "TITLE:Countess", "EMAIL:a@example.org",
        "TEL:+44 1", "BDAY:1815-12-10",
    ),
}  # fmt: skip


def found(data, chosen=None):
    return list(Spreadsheets(chosen or {}).read("x.csv", io.BytesIO(data)))


def lines(card):
    """The card's lines, but for those that every card has."""
    validate.validate(card)
    return [content.unfold(line).decode() for line in content.logical_lines(card)][2:-2]


@pytest.mark.parametrize(("text", "expected"), [(t, e) for t, *e in CARDS.values()], ids=CARDS)
def test_a_row_is_a_card_with_every_value(text, expected):
    (only,) = found(text.encode())
    assert (only.line, only.problem) == (2, "")
    assert sorted(lines(only.data)) == sorted(expected)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace(";", "\t").encode(),
        lambda text: text.replace(";", ",").encode(),
        lambda text: ("\n\n" + text).encode(),
        lambda text: (text + ";;;;\n\n").encode(),
    ],
    ids=["UTF-16", "BOM", "CRLF", "tabs", "commas", "blank lines", "empty rows"],
)
def test_it_does_not_matter_how_a_spreadsheet_is_written(spoil):
    (same,) = found(PLAIN.encode())
    assert [item.data for item in found(spoil(PLAIN))] == [same.data]


def test_what_is_not_utf_8_is_what_windows_writes():
    (only,) = found("Name;Note\nÄda Löve;5 €\n".encode("cp1252"))
    assert lines(only.data) == ["N:Löve;Äda;;;", "FN:Äda Löve", "NOTE:5 €"]


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("Ada;ada@example.org\n", 1, "no column of 'Ada', 'ada@example.org' is known: --map FILE"),
        ("Name,Email\nAda,a@b,c@d\n", 2, "3 values for 2 columns"),
        ('Name\nAda\n"Bob\nEve\n', 3, "unexpected end of data, up to line 4"),
        ('Name\n"' + "x" * 2**20 + 'y"\n', 2, "field larger than field limit (1048576), up to"),
    ],
    ids=["no head", "too many values", "a quote without end", "too long"],
)
def test_what_cannot_be_understood_is_said_with_its_line(text, line, problem):
    *_, last = found(text.encode())
    assert last.line == line
    assert last.problem.startswith(problem)


def test_a_row_that_is_none_does_not_hide_the_others():
    said = found(b'Name,Note\nAda,1\n"Bob" Bobson,2\nEve,3\n')
    assert [(item.line, bool(item.problem)) for item in said] == [(2, False), (3, True), (4, False)]


def test_a_map_says_what_columns_are():
    chosen = spreadsheets.read_map('# mine\nWho,FN\n"E-Mail, private",EMAIL;TYPE=home\nX,-\n')
    (only,) = found(b'Who,"E-mail, Private",X,Y\nAda L,a@b,no,yes\n', chosen)
    assert lines(only.data) == ["N:L;Ada;;;", "FN:Ada L", "EMAIL;TYPE=home:a@b", "NOTE:Y: yes"]
    chosen = spreadsheets.read_map("1,N.given\n3,TEL\n")
    (only,) = found(b"Ada,x,1\n", chosen)
    assert lines(only.data) == ["FN:Ada", "N:;Ada;;;", "TEL:1", "NOTE:column 2: x"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it names no column"),
        ("A,TEL\nB\n", "line 2: a row has a column and what it is"),
        ("A,tel", "line 1: 'tel' is not of the form TEL;TYPE=cell or N.given"),
        ("A,N", "line 1: 'N': there is N.family, N.given, N.middle, N.prefix, N.suffix"),
        ("A,TEL.given", "line 1: 'TEL.given': there is TEL alone"),
    ],
)
def test_a_wrong_map_is_refused_with_its_line(text, message):
    with pytest.raises(TargetRefused, match=message.replace(".", r"\.")):
        spreadsheets.read_map(text)


def test_what_has_the_same_number_belongs_together():
    assert columns.known(["Phone 2 - Label", "Phone 2 - Value", "Home Street 2", "Shoe 2"]) == [
        Target("TEL", (), "label", "2"), Target("TEL", (), "", "2"),
        Target("ADR", ("home",), "street"), "Shoe 2",
    ]  # fmt: skip
