"""What is to become of each card of another server, decided before anything is written."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from ..client import ClientError
from ..dav.errors import CardTooLarge, Error, Forbidden, QuotaExceeded
from ..dav.headers import NEW, Condition
from ..model import encode
from ..protocol import urls
from ..store import bare_uid, etag
from ..store.filesystem import names
from ..store.filesystem.book import Wanted
from . import cards
from .cards import Storable
from .memory import Memory, Taken
from .report import Fate, Outcome
from .servers import Fetched, Listed, SourceUnreadable

_CARDS = 100  # that are written for one sync of the disk
_OCTETS = 8 * 2**20  # of cards that wait for it


@dataclass(frozen=True)
class Draft:
    """What is to become of a card, if the storage has nothing against it."""

    item: Listed
    outcome: Outcome
    wanted: Wanted | None = None
    taken: Taken | None = None


def batches(drafts: Iterator[Draft], stopped: Callable[[], bool]) -> Iterator[list[Draft]]:
    """Some at a time; what came before an error is not lost for it."""
    batch: list[Draft] = []
    octets, failure = 0, None
    try:
        for draft in drafts:
            batch.append(draft)
            octets += len(draft.wanted.data or b"") if draft.wanted else 0
            if len(batch) >= _CARDS or octets >= _OCTETS:
                yield batch
                batch, octets = [], 0
            if stopped():
                break
    except (ClientError, SourceUnreadable, QuotaExceeded) as error:
        failure = error
    yield batch
    if failure:
        raise failure


@dataclass
class Here:
    """A book here, as it will be: its cards' etags by name, their names by UID, and the room left.

    *memory* knows what came before.
    """

    etags: dict[str, str]
    uids: dict[str, str]
    memory: Memory
    room: int | None

    def settled(self, item: Listed) -> Outcome | None:
        """What can be said without looking at the card."""
        if item.problem:
            return Outcome(item.href, Fate.REFUSED, item.problem)
        name = name_of(item)
        if (taken := self.memory.get(name)) is None:
            return None
        same = bool(item.version) and item.version == taken.version
        if name not in self.etags:
            return Outcome(item.href, Fate.SKIPPED, "it was deleted here") if same else None
        if same:
            return Outcome(item.href, Fate.UNCHANGED)
        if not self.is_as_taken(name):
            return Outcome(item.href, Fate.SKIPPED, "it was changed there, but here as well")
        return None

    def draft(self, fetched: Fetched, largest: int) -> Draft:
        """What is to be done with a card that has come; QuotaExceeded."""
        item, data = fetched.listed, fetched.data
        if fetched.problem:
            return Draft(item, Outcome(item.href, Fate.REFUSED, fetched.problem))
        try:
            if len(data) > largest:
                raise CardTooLarge(f"it has {len(data)} octets, more than {largest}")
            card = cards.storable(data)
            if card.data != data and not card.repaired:
                card = replace(card, repaired=("a byte order mark was taken off",))
            card = self._with_free_uid(name_of(item), card)
        except Error as error:
            return Draft(item, Outcome(item.href, Fate.REFUSED, str(error)))
        return self._placed(item, card)

    def _with_free_uid(self, name: str, card: Storable) -> Storable:
        """Many servers let two cards have one UID; RFC 6352 §5.1 does not, and both are kept."""
        owner = self.uids.get(bare_uid(card.uid)) if card.uid else None
        if owner in (None, name):
            return card
        data, uid = cards.with_uid(card.data, f"{name} {card.uid}")
        return Storable(
            data, uid, (*card.repaired, f"a UID of its own: {owner} has the one it had")
        )

    def _placed(self, item: Listed, card: Storable) -> Draft:
        name = name_of(item)
        new, old = etag(card.data), self.etags.get(name)
        renamed = [] if name == item.name else [f"here its name is {name}"]
        repaired = [f"repaired: {'; '.join(card.repaired)}"] if card.repaired else []
        remark = "; ".join(repaired + renamed)
        taken = Taken(item.version, new)
        if old == new:
            return Draft(item, Outcome(item.href, Fate.UNCHANGED, remark), taken=taken)
        if old and not self.is_as_taken(name):
            why = "another card has this name here"
            return Draft(item, Outcome(item.href, Fate.SKIPPED, why))
        self._reserve(len(card.data))
        self.etags[name] = new
        if card.uid:
            self.uids[bare_uid(card.uid)] = name
        wanted = Wanted(name, card.data, card.uid, Condition(if_match=old) if old else NEW)
        fate = Fate.UPDATED if old else Fate.ADDED
        return Draft(item, Outcome(item.href, fate, remark, bool(card.repaired)), wanted, taken)

    def is_as_taken(self, name: str) -> bool:
        taken = self.memory.get(name)
        return taken is not None and taken.etag == self.etags.get(name)

    def _reserve(self, size: int) -> None:
        """QuotaExceeded."""
        if self.room is None:
            return
        if size > self.room:
            raise QuotaExceeded("there is no more room for the contacts of this user: its quota")
        self.room -= size


def name_of(item: Listed) -> str:
    """The name of a card: the one it had, wherever it can have that here."""
    with suppress(Forbidden):
        if urls.place(f"/-/-/{encode(item.name)}", "") and names.file_of(item.name):
            return item.name
    return f"{hashlib.sha256(item.name.encode(errors='replace')).hexdigest()[:32]}.vcf"
