"""Which cards are of the same person, by evidence: the same name alone is never enough.

Two of a name are two people more often than one would think, and families share a telephone.  So it
takes a number or an address *and* a similar name, or a name *and* a birthday; and whatever speaks
against it (another birthday, junior and senior) outweighs that.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations, pairwise
from typing import NamedTuple

from ..store import bare_uid
from ..vcard import values
from ..vcard.content import VCard
from ..vcard.convert import dates
from . import people

_ASKED = 20
_MOST = 100  # cards with one number in common that are compared each with each
_WORD = re.compile(r"\w+")
_GENERATIONS = {"jr", "sr", "junior", "senior", "ii", "iii", "iv"}
_NOT_COMPARED = {"UID", "REV", "PRODID", "VERSION"}
_LONGEST = 200  # characters of a name that are compared
_SHORTEST = 6  # digits of a number that is somebody's own
_SUBSCRIBER = 9  # digits from the end, by which +44 20 555 1234 is 020 555 1234


@dataclass(frozen=True)
class Person:
    """What is compared of the card *name*."""

    name: str
    vcard: VCard = field(repr=False)

    @cached_property
    def parts(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The words of the given and of the family name."""
        item, full = self.vcard.first("N"), self.vcard.first("FN")
        text = item.escaped[:_LONGEST] if item else ""
        if not text.strip("; "):
            text = people.structured_name(full.text[:_LONGEST]) if full else ""
        family, given, *_ = [*values.components(text), "", ""]
        return _words(given), tuple(w for w in _words(family) if w not in _GENERATIONS)

    @cached_property
    def words(self) -> frozenset[str]:
        """Those of the name as it is shown."""
        full = self.vcard.first("FN")
        return frozenset(_words(full.text if full else ""))

    @cached_property
    def generation(self) -> frozenset[str]:
        """Junior or senior, where the name says so."""
        item = self.vcard.first("N")
        return (self.words | {*_words(item.text if item else "")}) & _GENERATIONS

    @cached_property
    def contacts(self) -> dict[str, str]:
        """Numbers and addresses, as they are compared and as they are written."""
        found = {number(item.text): item.text for item in self.vcard.get("TEL")}
        found |= {item.text.strip().lower(): item.text for item in self.vcard.get("EMAIL")}
        return {key: text for key, text in found.items() if key}

    @cached_property
    def birthday(self) -> dates.When | None:
        item = self.vcard.first("BDAY")
        when = dates.parse(item.text) if item else None
        if not when or not when.month or not when.day:
            return None
        no_year = when.year == "1604" or (item and item.param("X-APPLE-OMIT-YEAR"))
        return when._replace(year="", time="", zone="") if no_year else when

    @cached_property
    def says(self) -> frozenset[tuple[str, str]]:
        """All that the card says of the person."""
        found = self.vcard.properties
        return frozenset((item.name, item.text) for item in found if item.name not in _NOT_COMPARED)

    @property
    def is_group(self) -> bool:
        kinds = [*self.vcard.get("KIND"), *self.vcard.get("X-ADDRESSBOOKSERVER-KIND")]
        return any(item.text.lower() == "group" for item in kinds)


@dataclass(frozen=True)
class Duplicates:
    """Cards of one person, and what says so."""

    people: tuple[Person, ...]
    evidence: tuple[str, ...]


def number(text: str) -> str:
    """A telephone number as it is compared; empty where it is too short to be somebody's own."""
    digits = "".join(filter(str.isdecimal, text.partition(";")[0]))  # tel:+1-555;ext=5
    return digits[-_SUBSCRIBER:] if len(digits) >= _SHORTEST else ""


class Pair(NamedTuple):
    """Two cards, and what says that they are of one person; *rank* 0 is the best evidence."""

    rank: int
    one: Person
    other: Person
    reason: str


def find(found: Iterable[Person]) -> list[Duplicates]:
    """The cards of a book that belong together; those with the best evidence first."""
    people = [person for person in found if not person.is_group]
    pairs = sorted(_pairs(people), key=lambda pair: pair.rank)
    together: dict[str, list[Person]] = {}
    for pair in _unambiguous(pairs):
        first = together.setdefault(pair.one.name, [pair.one])
        second = together.setdefault(pair.other.name, [pair.other])
        if first is not second and _fit(first, second):
            first += second
            together |= dict.fromkeys((person.name for person in second), first)
    reasons: dict[int, list[str]] = {}
    for pair in pairs:
        group = together.get(pair.one.name)
        if group is not None and group is together.get(pair.other.name):
            reasons.setdefault(id(group), []).append(pair.reason)
    groups = {id(group): group for group in together.values() if len(group) > 1}
    return [
        Duplicates(tuple(group), tuple(dict.fromkeys(reasons[key])))
        for key, group in groups.items()
    ]


def _fit(first: list[Person], second: list[Person]) -> bool:
    """Whether nobody among them speaks against it; of very many copies some are asked."""
    return all(compatible(one, other) for one in first[:_ASKED] for other in second[:_ASKED])


def _pairs(people: list[Person]) -> Iterator[Pair]:
    """Those that have something in common, and evidence."""
    seen = set()
    for block in _blocks(people):
        for one, other in _compared(block):
            key = (one.name, other.name)
            if key not in seen:
                seen.add(key)
                if found := evidence(one, other):
                    yield Pair(found[0], one, other, found[1])


def _blocks(people: list[Person]) -> Iterable[list[Person]]:
    blocks: dict[object, list[Person]] = {}
    for person in people:
        keys: list[object] = [*person.contacts, person.says]
        if person.vcard.uid:
            keys.append(("UID", bare_uid(person.vcard.uid)))
        if person.birthday:
            keys.append(("BDAY", person.birthday[1:3], person.words))
        for key in keys:
            blocks.setdefault(key, []).append(person)
    return blocks.values()


def _compared(block: list[Person]) -> Iterator[tuple[Person, Person]]:
    """Each with each; of a company's number, each with its neighbours by name."""
    if len(block) <= _MOST:
        return combinations(block, 2)
    ordered = sorted(block, key=lambda person: person.parts)
    return pairwise(ordered)


def _unambiguous(pairs: list[Pair]) -> Iterator[Pair]:
    """Without those of a J. Smith who could be John as well as Jane."""
    partners: dict[str, list[Person]] = {}
    for pair in pairs:
        partners.setdefault(pair.one.name, []).append(pair.other)
        partners.setdefault(pair.other.name, []).append(pair.one)
    for pair in pairs:
        if not any(
            _is_initial(person) and not _agree(partners[person.name][:_MOST])
            for person in (pair.one, pair.other)
        ):
            yield pair


def _agree(several: list[Person]) -> bool:
    return all(compatible(one, other) for one, other in combinations(several, 2))


def evidence(one: Person, other: Person) -> tuple[int, str] | None:
    """What says that these are one person, and how much that is worth; None for nothing."""
    if not compatible(one, other):
        return None
    uid, same = one.vcard.uid, other.vcard.uid
    if uid and same and bare_uid(uid) == bare_uid(same):
        return 0, "the same UID"
    if one.says == other.says:
        return 1, "the same in everything"
    if common := one.contacts.keys() & other.contacts.keys():
        return 2, f"similar name, and the same {one.contacts[min(common)]}"
    if one.birthday and other.birthday and one.words == other.words and len(one.words) > 1:
        return 3, "the same name and birthday"
    return None


def compatible(one: Person, other: Person) -> bool:
    """Whether they could be one person: similar names, and nothing that speaks against it."""
    return similar(one, other) and one.generation == other.generation and _same_birthday(one, other)


def _same_birthday(one: Person, other: Person) -> bool:
    """Unless both have one, and they differ; a year may be missing."""
    if not one.birthday or not other.birthday:
        return True
    years = {one.birthday.year, other.birthday.year} - {""}
    return one.birthday[1:3] == other.birthday[1:3] and len(years) < 2


def similar(one: Person, other: Person) -> bool:
    """Whether two names can be of one person: in another order, shortened, or grown by marriage.

    A family without a given name is nobody of them: Smith is not John Smith.
    """
    if one.words == other.words:
        return True
    (given, family), (other_given, other_family) = one.parts, other.parts
    if not given or not other_given:
        return False
    if given[0] == other_given[0]:
        if given[1:] and other_given[1:] and given[1][0] != other_given[1][0]:
            return False  # John Paul is not John Peter
        return not family or not other_family or bool({*family} & {*other_family})
    initial = given[0][0] == other_given[0][0] and 1 in (len(given[0]), len(other_given[0]))
    return initial and bool(family) and family == other_family


def _is_initial(person: Person) -> bool:
    given, _ = person.parts
    return bool(given) and len(given[0]) == 1


def _words(text: str) -> tuple[str, ...]:
    """The words of a name, without case and accents."""
    plain = unicodedata.normalize("NFKD", text[:_LONGEST].casefold())
    return tuple(_WORD.findall("".join(c for c in plain if not unicodedata.combining(c))))
