"""What the columns of spreadsheets are called, and what they are in a card.

A target is a property with its types, and a part of it where it has parts: ``TEL;TYPE=cell``,
``N.given``, ``ADR;TYPE=home.street``.  The part ``label`` says of what kind the value is.  ``#`` is
a number: what has the same one belongs together.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

NOTHING = "-"  # the target of a column that is left out

# Google has had two forms, of which the newer one is from 2024; Outlook's is that of its Export
# Wizard, which Fastmail and others write as well; the rest is what people call columns.
_KNOWN = """
FN                        name, full name, display name, formatted name
N.given                   first name, given name, firstname
N.middle                  middle name, additional name, middlename
N.family                  last name, family name, surname, lastname
N.prefix                  name prefix, prefix
N.suffix                  name suffix, suffix
NICKNAME                  nickname, nick name
X-PHONETIC-FIRST-NAME     phonetic first name, given name yomi
X-PHONETIC-MIDDLE-NAME    phonetic middle name, additional name yomi
X-PHONETIC-LAST-NAME      phonetic last name, family name yomi
EMAIL                     email, email #, email address, email # address, email # - value
EMAIL                     primary email, secondary email
EMAIL.label               email # - label, email # - type
EMAIL;TYPE=home           home email, personal email
EMAIL;TYPE=work           work email, business email
TEL                       phone, phone #, phone number, telephone, tel, phone # - value
TEL                       primary phone, other phone
TEL.label                 phone # - label, phone # - type
TEL;TYPE=cell             mobile phone, mobile phone #, mobile, mobile number, cell phone, cell
TEL;TYPE=home             home phone, home phone #
TEL;TYPE=work             business phone, business phone #, work phone, work phone #
TEL;TYPE=work             company main phone
TEL;TYPE=home;TYPE=fax    home fax
TEL;TYPE=work;TYPE=fax    business fax, work fax
TEL;TYPE=fax              fax, other fax, fax number
TEL;TYPE=pager            pager
TEL;TYPE=car              car phone
ADR.label                 address # - label, address # - type
ADR.formatted             address # - formatted
ORG.name                  company, company name, organization, organisation
ORG.name                  organization name, organization # - name
ORG.department            department, organization department, organization # - department
TITLE                     job title, position, organization title, organization # - title
ROLE                      profession
BDAY                      birthday, birth date, date of birth
ANNIVERSARY               anniversary
URL                       web page, website, url, homepage, website # - value
URL.label                 website # - label, website # - type
URL;TYPE=home             personal web page
URL;TYPE=work             business web page
IMPP                      im # - value
IMPP.label                im # - service
RELATED                   relation # - value
RELATED.label             relation # - label, relation # - type
RELATED;TYPE=spouse       spouse
RELATED;TYPE=child        children
X-MANAGER                 manager's name
X-ASSISTANT               assistant's name
X-ABDATE                  event # - value
X-ABDATE.label            event # - label, event # - type
CATEGORIES                categories, category, labels, group membership, groups, group, tags
GENDER                    gender
PHOTO                     photo
NOTE                      notes, note, comments, comment, custom field # - value
NOTE.label                custom field # - label, custom field # - type
-                         file as, initials, sensitivity, priority, private, email type
-                         email display name, email # type, email # display name, im # - type
-                         name yomi
"""
_PLACES = {"home ": ";TYPE=home", "business ": ";TYPE=work", "work ": ";TYPE=work"}
_PLACES |= {"": "", "other ": "", "address # - ": ""}
_ADDRESS = """
pobox       po box, address po box
extended    extended address
street      street, street #, address, street address
city        city, locality
region      state, region, province
code        postal code, zip, zip code
country     country, country/region
"""

PARTS = {
    "N": ("family", "given", "middle", "prefix", "suffix"),
    "ADR": ("pobox", "extended", "street", "city", "region", "code", "country"),
    "ORG": ("name", "department"),
}
_MORE_PARTS = ("label", "formatted")
_NUMBER = re.compile(r"\d+")
_TARGET = re.compile(r"([A-Z][A-Z0-9-]*)((?:;TYPE=[A-Za-z0-9-]+)*)(?:\.([a-z]+))?")


class Target(NamedTuple):
    """Where a column's values go: of the property with this *number*, to this *part*."""

    name: str
    types: tuple[str, ...] = ()
    part: str = ""
    number: str = ""


Place = Target | str | None  # a text is the name of a column that has no target


class TargetRefused(ValueError):
    """What is no target; says why."""


def target(text: str) -> Target | None:
    """The target that *text* spells; None for NOTHING.  TargetRefused."""
    if text.strip() == NOTHING:
        return None
    match = _TARGET.fullmatch(text.strip())
    if not match:
        raise TargetRefused(f"{text!r} is not of the form TEL;TYPE=cell or N.given")
    name, types, part = match[1], tuple(match[2].split(";TYPE=")[1:]), match[3] or ""
    parts = PARTS.get(name, ())
    if part not in (*parts, *_MORE_PARTS, *([] if parts else [""])):
        choice = ", ".join(f"{name}.{part}" for part in parts) or f"{name} alone"
        raise TargetRefused(f"{text!r}: there is {choice}")
    return Target(name, types, part)


def normal(column: str) -> str:
    """A column's name as the table has it."""
    words = column.casefold().replace("_", " ").replace("’", "'").replace("e-mail", "email")
    return " ".join(words.split()).removesuffix(":")


def known(columns: list[str]) -> list[Place]:
    """The target of each column, None where it is left out; its name where nothing is known."""
    found = [_known(column) for column in columns]
    if {"job title", "suffix"} & set(map(normal, columns)):  # then it is that of Mr. and Dr.
        title = Target("N", part="prefix")
    else:
        title = Target("TITLE")
    return [
        title if normal(column) == "title" else item
        for column, item in zip(columns, found, strict=True)
    ]


def _known(column: str) -> Place:
    name = normal(column)
    if name in TARGETS:
        return TARGETS[name]
    numbers = _NUMBER.findall(name)
    pattern = _NUMBER.sub("#", name)
    if len(numbers) != 1 or pattern not in TARGETS:
        return column
    found = TARGETS[pattern]
    if not found or pattern.endswith("street #"):  # another line of the same address
        return found
    return found._replace(number=numbers[0])


def _targets() -> Iterator[tuple[str, Target | None]]:
    for line in _KNOWN.strip().splitlines():
        text, _, names = line.partition(" ")
        yield from ((name.strip(), target(text)) for name in names.split(","))
    for line in _ADDRESS.strip().splitlines():
        part, _, names = line.partition(" ")
        for name in names.split(","):
            for place, types in _PLACES.items():
                yield place + name.strip(), target(f"ADR{types}.{part}")


TARGETS: dict[str, Target | None] = dict(_targets())
