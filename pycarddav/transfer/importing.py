"""Putting cards into a book, so that doing it twice changes nothing, and it can be taken back."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal

from ..dav.errors import Error, InsufficientStorage, Unavailable
from ..dav.headers import NEW, Condition
from ..store import bare_uid, etag
from ..store.filesystem import names
from ..store.filesystem.book import Wanted
from ..store.filesystem.members import Member
from . import cards
from .cards import Ready
from .report import Fate
from .sources import Found

_CARDS = 500  # that are written for one sync of the disk
_OCTETS = 8 * 2**20  # of cards that wait for it

OnDuplicate = Literal["skip", "replace", "keep"]


@dataclass(frozen=True)
class Outcome:
    """*name* is that of the card in the book, if there is one; *why* it was skipped or refused."""

    found: Found
    fate: Fate
    name: str = ""
    repaired: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Rules:
    """How cards are taken: *largest* octets of one, *room* octets for all (None: any)."""

    on_duplicate: OnDuplicate = "skip"
    largest: int = 10 * 2**20
    room: int | None = None


class Stopped(Exception):
    """The storage takes no more; what was reported before is done."""


Change = Callable[[Sequence[Wanted]], Sequence[Error | None]]  # as FilesystemStore.change()


class Import:
    """One import into a book of these *members*, by *change*; without that it only says what."""

    def __init__(self, members: Mapping[str, Member], rules: Rules, change: Change | None) -> None:
        self._rules, self._change = rules, change
        # What is there, and what this import will have put there.
        self._etags = {name: member.etag for name, member in members.items()}
        self._by_uid = {bare_uid(known.uid): name for name, known in members.items() if known.uid}
        self._by_etag = {known.etag: name for name, known in members.items()}
        self._sizes = {name: member.size for name, member in members.items()}
        self._came: dict[str, str] = {}  # name -> where this import has found it
        self._room = rules.room

    def run(self, found: Iterable[Found], stopped: Callable[[], bool]) -> Iterator[Outcome]:
        """What becomes of each, in their order; each said when it is done and durable.

        Stopped where the storage takes no more.
        """
        batch: list[tuple[Outcome, Wanted | None]] = []
        octets = 0
        for item in found:
            batch.append(self._plan(item))
            octets += len(item.data)
            if len(batch) >= _CARDS or octets >= _OCTETS:
                yield from self._done(batch)
                batch, octets = [], 0
            if stopped():
                break
        yield from self._done(batch)

    def _plan(self, found: Found) -> tuple[Outcome, Wanted | None]:
        """What is to become of a card, and what is to be done for that."""
        if found.problem:
            return Outcome(found, Fate.REFUSED, why=found.problem), None
        tag = etag(found.data)
        name = self._by_etag.get(tag)
        if name and self._etags[name] == tag:  # unless this import has replaced it
            self._came.setdefault(name, found.where)
            return Outcome(found, Fate.UNCHANGED, name), None
        try:
            card = cards.ready(found.data, found.line)
        except Error as error:
            why = cards.in_file(str(error), found.line)
            return Outcome(found, Fate.REFUSED, why=why), None
        card = replace(card, repaired=(*found.notes, *card.repaired))
        return self._placed(found, card)

    def _placed(self, found: Found, card: Ready) -> tuple[Outcome, Wanted | None]:
        if len(card.data) > self._rules.largest:
            why = f"a card has at most {self._rules.largest} octets"
            return Outcome(found, Fate.REFUSED, why=why), None
        name = self._by_uid.get(bare_uid(card.uid))
        if not name:
            return self._wanted(found, card, None)
        before = self._came.get(name)
        self._came.setdefault(name, found.where)
        if self._etags[name] == etag(card.data):
            return Outcome(found, Fate.UNCHANGED, name, card.repaired), None
        if self._rules.on_duplicate == "keep":
            return self._beside(found, card, name)
        if before:
            why = f"{before} has the same UID; --on-duplicate keep takes both"
            return Outcome(found, Fate.REFUSED, why=why), None
        if self._rules.on_duplicate == "skip":
            return Outcome(found, Fate.SKIPPED, name, why="the book has another version"), None
        return self._wanted(found, card, name)

    def _beside(self, found: Found, card: Ready, other: str) -> tuple[Outcome, Wanted | None]:
        """Keep a card whose UID is that of another, under a UID of its own."""
        data, uid = cards.with_uid(card.data)
        how = (*card.repaired, f"a UID of its own: {other} has the one it had")
        if name := self._by_uid.get(uid):
            return Outcome(found, Fate.UNCHANGED, name, how), None
        return self._wanted(found, Ready(data, uid, how), None)

    def _wanted(self, found: Found, card: Ready, name: str | None) -> tuple[Outcome, Wanted | None]:
        more = len(card.data) - (self._sizes.get(name, 0) if name else 0)
        if self._room is not None and more > self._room:
            why = "no more octets for the contacts of this user: [storage] quota"
            return Outcome(found, Fate.REFUSED, why=why), None
        if self._room is not None:
            self._room -= more
        fate = Fate.UPDATED if name else Fate.ADDED
        condition = Condition(if_match=self._etags[name]) if name else NEW
        name = name or self._new_name(found, card.uid)
        self._etags[name] = tag = etag(card.data)
        self._by_etag[tag] = self._by_uid[bare_uid(card.uid)] = name
        self._came[name] = found.where
        outcome = Outcome(found, fate, name, card.repaired)
        return outcome, Wanted(name, card.data, card.uid, condition)

    def _new_name(self, found: Found, uid: str) -> str:
        own = names.name_of(found.name) if found.name else None
        wished = [own] if own and own.isprintable() else []
        return next(
            name
            for name in chain(wished, cards.names_of(uid))
            if name not in self._etags and names.can_be_file(name)
        )

    def _done(self, batch: list[tuple[Outcome, Wanted | None]]) -> Iterator[Outcome]:
        wanted = [item for _, item in batch if item]
        errors = iter(self._changed(wanted))
        failure = None
        for outcome, item in batch:
            error = next(errors) if item else None
            yield replace(outcome, fate=Fate.REFUSED, why=str(error)) if error else outcome
            failure = error if isinstance(error, InsufficientStorage | Unavailable) else failure
        if failure:
            raise Stopped(str(failure)) from failure

    def _changed(self, wanted: list[Wanted]) -> Sequence[Error | None]:
        if not wanted or self._change is None:
            return [None] * len(wanted)
        try:
            return self._change(wanted)
        except Error as error:
            return [error] * len(wanted)
