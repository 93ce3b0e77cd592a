"""How long the history keeps what was replaced."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from .journal import Past, written


@dataclass(frozen=True)
class Retention:
    """A version is kept for *days* after it was replaced, and longer among the last *versions* of
    a card that still exists; but of each book not more than *size* octets, the newest.
    """

    days: int = 180
    versions: int = 10
    size: int = 2**30

    def kept(self, past: Past, size: Callable[[str], int], now: datetime) -> set[str]:
        """The etags of replaced versions that are to be kept; *size* is that of one, in octets."""
        oldest = written(now - timedelta(days=self.days))
        exist = past.now()
        kept: set[str] = set()
        seen: Counter[str] = Counter()
        room = self.size
        for time, name, etag in reversed(replacements(past)):
            seen[name] += 1
            if time <= oldest and (name not in exist or seen[name] > self.versions):
                continue
            room -= 0 if etag in kept else size(etag)
            if room < 0:
                break
            kept.add(etag)
        return kept


def replacements(past: Past) -> list[tuple[str, str, str]]:
    """When each version ceased to be its card's: (time, name, etag), the oldest first."""
    members, found = dict(past.members), []
    for event in past.events:
        name, etag, _ = event.change
        if (old := members.pop(name, None)) is not None:
            found.append((event.cause.time, name, old))
        if etag is not None:
            members[name] = etag
    return found
