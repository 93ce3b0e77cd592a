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
    if _are_strangers(found, before):
        return {}
    olds = {name: before.members.get(name) for name in found}
    released = {old.uid for old in olds.values() if old}
    taken: dict[str, str] = {}
    held: dict[str, str] = {}
    for name in sorted(found, key=lambda name: (_is_news(found[name], olds[name]), name)):
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
        if (old := olds[name]) and old.uid is not None:
            taken.setdefault(old.uid, name)  # it stays the card that it was
    return held


def _are_strangers(found: Mapping[str, Member | None], before: Snapshot) -> bool:
    """Whether no two of these, nor of those before, have one UID: mostly, and soon seen."""
    uids = {name: new.uid for name, new in found.items() if new and new.uid is not None}
    owners = all(before.owner(uid) in (None, name) for name, uid in uids.items())
    return owners and len({*uids.values()}) == len(uids)


def _is_news(new: Member | None, old: Member | None) -> bool:
    return not (new and old and new.etag == old.etag)
