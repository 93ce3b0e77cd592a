"""Two cards of a book must not have one UID (RFC 6352 §5.1): which of two files is served."""

from collections.abc import Mapping

from .members import Member
from .snapshot import Snapshot


def among(
    found: Mapping[str, Member | None], expected: Mapping[str, str | None], before: Snapshot
) -> dict[str, str]:
    """Who of *found* comes with the UID of another card: name -> the name of that card.

    Who had the UID before keeps it, and else the first in the order of names; what is *expected*
    (name -> etag) another process has decided already.
    """
    released = {old.uid for name in found if (old := before.members.get(name))}
    taken: dict[str, str] = {}
    held: dict[str, str] = {}
    for name in sorted(found, key=lambda name: (_is_news(name, found, before), name)):
        new = found[name]
        if new is None or new.uid is None:
            continue
        owner = taken.get(new.uid)
        if owner is None and new.uid not in released:
            owner = before.owner(new.uid)
        if owner in (None, name) or expected.get(name) == new.etag:
            taken[new.uid] = name
            continue
        held[name] = owner
        if (old := before.members.get(name)) and old.uid is not None:
            taken.setdefault(old.uid, name)  # it stays the card that it was
    return held


def _is_news(name: str, found: Mapping[str, Member | None], before: Snapshot) -> bool:
    new, old = found[name], before.members.get(name)
    return not (new and old and new.etag == old.etag)
