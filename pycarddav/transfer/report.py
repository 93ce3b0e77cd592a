"""What became of the cards that were to come in."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Fate(StrEnum):
    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"  # for what is here, which is to stay
    REFUSED = "refused"  # it cannot be kept, or could not be had


@dataclass(frozen=True)
class Outcome:
    """What became of one card; *card* says where it came from: a href, or FILE:LINE.

    *remark* is what somebody may want to look at: how it was repaired, why it was refused.
    """

    card: str
    fate: Fate
    remark: str = ""
    repaired: bool = False


@dataclass
class Report:
    """How many met which fate, and those there is something to say about."""

    counts: Counter[str] = field(default_factory=Counter)
    remarkable: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        self.counts[outcome.fate] += 1
        self.counts["repaired"] += outcome.repaired
        if outcome.remark:
            self.remarkable.append(outcome)

    @property
    def refused(self) -> int:
        return self.counts[Fate.REFUSED]

    def summary(self) -> str:
        """``3 added, 1 updated, 2 repaired``."""
        parts = [f"{self.counts[word]} {word}" for word in _WORDS if self.counts[word]]
        return ", ".join(parts) or "nothing to do"


_WORDS = (*Fate, "repaired")
