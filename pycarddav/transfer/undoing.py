"""Taking back what one command has done to a book, by what the history says of it.

All changes of one import or merge have one reason in the journal: what the command is, and an ID.
What somebody has changed after it stays.
"""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ..dav.errors import NotFound
from ..dav.headers import NEW, Condition
from ..model import AddressBook, Author
from ..store.filesystem import FilesystemStore
from ..store.filesystem.book import Book, Wanted
from ..store.filesystem.journal import Past
from ..vcard import content

_CARDS = 500  # that are changed for one sync of the disk


@dataclass(frozen=True)
class Undone:
    """What was taken back, by name.  *left* is what was not: name -> why."""

    reason: str
    restored: tuple[str, ...]
    removed: tuple[str, ...]
    left: dict[str, str]


@dataclass(frozen=True)
class _Deed:
    """The etags of the cards that a command has changed: what they were, and became."""

    before: dict[str, str | None] = field(default_factory=dict)
    after: dict[str, str | None] = field(default_factory=dict)

    def stands(self, now: dict[str, str | None]) -> bool:
        """Whether something is still as the command has left it."""
        return any(now.get(name) == etag != self.before[name] for name, etag in self.after.items())


def new_reason(command: str) -> str:
    """Another reason for the journal: the *command* and an ID."""
    return f"{command} {datetime.now(UTC):%Y%m%d}-{secrets.token_hex(3)}"


def undo(
    store: FilesystemStore, about: AddressBook, command: str, id: str | None, author: Author
) -> Undone:
    """Make the cards that a command has changed what they were: the last one's without an *id*.

    NotFound when there is no such thing, or nothing of it is left to be taken back.
    """
    book = store.opened(about)
    deeds, now = _deeds(book.past(), command)
    standing = [reason for reason, deed in deeds.items() if deed.stands(now)]
    reason = f"{command} {id}" if id else next(reversed(standing), None)
    if reason not in standing:
        what = f"nothing of {command} {id}" if id else f"no {command}"
        raise NotFound(f"there is {what} to be taken back")
    deed = deeds[reason]
    wanted, left = _wanted(book, deed, now)
    back: list[Wanted] = []
    rest: list[Wanted] = []
    for item in wanted:
        (back if item.data is None or deed.after[item.name] is None else rest).append(item)
    left |= _change(store, about, back, author, f"undo {reason}")
    if missing := sorted(name for name in left if deed.after[name] is None):
        # What they said may be nowhere but in the card that they were merged into.
        left |= {item.name: f"it may have what {missing[0]} had" for item in rest}
    else:
        left |= _change(store, about, rest, author, f"undo {reason}")
    done = [item for item in wanted if item.name not in left]
    return Undone(
        reason,
        tuple(item.name for item in done if item.data is not None),
        tuple(item.name for item in done if item.data is None),
        left,
    )


def _change(
    store: FilesystemStore, about: AddressBook, many: list[Wanted], author: Author, reason: str
) -> dict[str, str]:
    """Do these, and say why some were left, by name."""
    left: dict[str, str] = {}
    for start in range(0, len(many), _CARDS):
        some = many[start : start + _CARDS]
        errors = store.change(about, some, author, reason)
        left |= {item.name: str(error) for item, error in zip(some, errors, strict=True) if error}
    return left


def _deeds(past: Past, command: str) -> tuple[dict[str, _Deed], dict[str, str | None]]:
    """What each command of this kind did, by its reason; and what the cards are now."""
    now: dict[str, str | None] = dict(past.members)
    deeds: dict[str, _Deed] = {}
    for event in past.events:
        name, etag, _ = event.change
        if event.cause.reason.startswith(f"{command} "):
            deed = deeds.setdefault(event.cause.reason, _Deed())
            deed.before.setdefault(name, now.get(name))
            deed.after[name] = etag
        now[name] = etag
    return deeds, now


def _wanted(
    book: Book, deed: _Deed, now: dict[str, str | None]
) -> tuple[list[Wanted], dict[str, str]]:
    """What is to be changed back, deletions first: they free the UIDs; and what cannot be."""
    wanted, left = [], {}
    for name, before in deed.before.items():
        current = now.get(name)
        if current == before:
            continue
        condition = Condition(if_match=current) if current else NEW
        if current != deed.after[name]:
            left[name] = "it was changed since"
        elif before is None:
            wanted.append(Wanted(name, None, None, condition))
        elif (data := book.history.get(before)) is None:
            left[name] = "the version before is not kept"
        else:
            wanted.append(Wanted(name, data, content.parse(data).uid, condition))
    return sorted(wanted, key=lambda item: item.data is not None), left
