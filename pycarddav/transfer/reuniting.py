"""Putting the cards of one person together in a book: what is planned, and doing it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from ..dav.errors import Error
from ..dav.headers import Condition
from ..model import Card
from ..store import bare_uid
from ..store.filesystem.book import Wanted
from ..vcard import content, validate
from . import duplicates, merging
from .duplicates import Person
from .importing import Change


@dataclass(frozen=True)
class Plan:
    """*base* is to become *data*, and the *others* are to go."""

    base: Card
    others: tuple[Card, ...]
    data: bytes
    evidence: tuple[str, ...]

    @property
    def cards(self) -> tuple[Card, ...]:
        """The one that stays first."""
        return self.base, *self.others

    @cached_property
    def uids(self) -> dict[str, str]:
        """What replaces the UID of each card that goes."""
        uid = content.parse(self.data).uid
        gone = (content.parse(card.data).uid for card in self.others)
        return {bare_uid(old): bare_uid(uid) for old in gone if old and uid}


def plans(
    cards: Mapping[str, Card], largest: int, complain: Callable[[str], None]
) -> Iterator[Plan]:
    """What is to be put together of a book's *cards*, by name; *largest* octets of one card."""
    for group in duplicates.find(_people(cards)):
        found = [cards[person.name] for person in group.people]
        base = found.pop(merging.fullest([(card.modified, card.data) for card in found]))
        try:
            data = merging.merged(base.data, [card.data for card in found])
            validate.validate(data)
        except (Error, content.Unreadable) as error:
            complain(f"{base.name} stays as it is: {error}")
            continue
        if len(data) > largest:
            complain(f"{base.name} stays as it is: it would have {len(data)} octets")
            continue
        yield Plan(base, tuple(found), data, group.evidence)


def carry_out(plans: list[Plan], cards: Mapping[str, Card], change: Change) -> dict[str, Error]:
    """Put cards together: why some were left as they are, by name.

    Nothing goes before all of it is in the card that stays, and lasts.
    """
    put = [_put(plan.base, plan.data) for plan in plans]
    left = _failed(put, change)
    done = [plan for plan in plans if plan.base.name not in left]
    bases = {plan.base.name for plan in done}
    gone = [_delete(card) for plan in done for card in plan.others]
    names = bases | {item.name for item in gone}
    uids = {old: new for plan in done for old, new in plan.uids.items()}
    others = [card for name, card in cards.items() if name not in names]
    return left | _failed([*gone, *_redirected(others, uids)], change)


def _people(cards: Mapping[str, Card]) -> Iterator[Person]:
    for name, card in cards.items():
        try:
            yield Person(name, content.parse(card.data))
        except content.Unreadable:
            continue


def _redirected(cards: list[Card], uids: Mapping[str, str]) -> Iterator[Wanted]:
    """Groups that had one of those who went as a member."""
    for card in cards:
        if uids and b"MEMBER" in card.data.upper():
            data = merging.redirected(card.data, uids)
            if data != card.data:
                yield _put(card, data)


def _put(card: Card, data: bytes) -> Wanted:
    return Wanted(card.name, data, content.parse(data).uid, Condition(if_match=card.etag))


def _delete(card: Card) -> Wanted:
    return Wanted(card.name, None, None, Condition(if_match=card.etag))


def _failed(many: list[Wanted], change: Change) -> dict[str, Error]:
    errors = change(many) if many else []
    return {item.name: error for item, error in zip(many, errors, strict=True) if error}
