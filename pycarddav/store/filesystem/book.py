"""One book: a folder of cards, as it is known, kept true to the disk.

Readers take no lock: they see the snapshot that a writer has replaced as a whole.  What is noticed
to be different on disk becomes a change like any other, under the lock, in the journal.
"""

import logging
import os
import time
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from ...dav.errors import (
    Conflict,
    InvalidSyncToken,
    NotFound,
    PreconditionFailed,
    UidConflict,
    Unavailable,
)
from ...dav.headers import Condition
from ...model import AddressBook, Changes, encode
from .. import etag, same_uid
from . import files, member, names, token
from .journal import Change, Journal, Replaced
from .lock import Lock
from .member import Broken
from .snapshot import Member, Snapshot, moved
from .token import EMPTY, NOTHING, Part

log = logging.getLogger(__name__)


class Book:
    """*folder* holds the cards, *state* what the server needs beside them."""

    def __init__(self, about: AddressBook, folder: str, state: str) -> None:
        self._about, self._folder = about, folder
        self.lock = Lock(os.path.join(state, "lock"))
        self._journal = Journal(os.path.join(state, "journal"))
        self.snapshot = Snapshot()
        self.broken: dict[str, Broken] = {}  # name -> why its file is not served as it is
        with self.lock, files.trouble(f"{about.path}"):
            self._load()

    # What is there

    def fresh(self) -> Snapshot:
        """What is on disk now."""
        if suspects := self._suspects():
            with self.lock, files.trouble(self._about.path):
                self._reconcile(suspects)
        return self.snapshot

    def content(self, name: str) -> tuple[Member, bytes] | None:
        """A card and its content, each being the other's; None when there is no such card.

        Unavailable when its file is broken, and no good version is kept.
        """
        for _ in range(3):  # a file may change between look and read
            if (found := self.snapshot.members.get(name)) is None:
                return None
            try:
                data, _ = files.read(self._path(name), member.LARGEST)
            except (OSError, ValueError):
                data = b""
            if etag(data) == found.etag:
                return found, data
            with self.lock, files.trouble(self._about.path):
                self._reconcile({name})
        raise Unavailable(f"{self._about.path}{encode(name)}: {self.broken.get(name)}")

    def changes(self, since: str | None, limit: int | None) -> Changes:
        """As the Store says."""
        try:
            parts = token.parse(since) if since is not None else NOTHING
        except ValueError as error:
            raise InvalidSyncToken("this server never gave out such a token") from error
        snapshot = self.snapshot
        touched = self._touched(snapshot, parts)
        sent = touched if limit is None else touched[:limit]
        more = len(sent) < len(touched)
        has = _partly(parts, sent, snapshot) if more else (snapshot.part,)
        return Changes(
            tuple(name for name in sent if name in snapshot.members),
            tuple(name for name in sent if name not in snapshot.members),
            token.write(has),
            more,
        )

    def _touched(self, snapshot: Snapshot, parts: tuple[Part, ...]) -> list[str]:
        """The names, in order, that a client which has *parts* has to be told."""
        touched: list[str] = []
        above = ""
        for part in parts:
            changed = self._journal.since(part.seq, part.state) if parts is not NOTHING else None
            if changed is not None:
                touched += sorted({name for name in changed if part.holds(name, above)})
            elif part.state == EMPTY:  # it has nothing there: no journal is needed to say what is
                last = part.last
                end = len(snapshot.names) if last is None else bisect_right(snapshot.names, last)
                touched += snapshot.names[bisect_right(snapshot.names, above) : end]
            elif part.state != snapshot.state:
                raise InvalidSyncToken("this book was never in that state")
            above = part.last or above
        return touched

    # What changes

    def put(
        self, name: str, data: bytes, uid: str | None, condition: Condition
    ) -> tuple[Member, bool]:
        """As the Store says."""
        path = self._path(name)
        with files.trouble(self._about.path), self._temporary(data) as temporary:
            with self.lock:
                old = self._current(name)
                check(condition, old)
                self._check_uid(name, uid, old)
                if old is None or old.etag != etag(data) or name in self.broken:
                    self._place(temporary.path, name, path)
                    self._commit({name: member.of(data, uid, os.lstat(path), time.time_ns())})
                new = self.snapshot.members[name]
            if old and old.etag == new.etag:
                files.sync_file(path)  # somebody else may have written it, and not synced
            files.sync_folder(self._folder)
        return new, old is None

    def delete(self, name: str, condition: Condition) -> None:
        """As the Store says."""
        with files.trouble(self._about.path):
            with self.lock:
                if (old := self._current(name)) is None:
                    raise NotFound("no such card")
                check(condition, old)
                os.unlink(self._path(name))
                self._commit({name: None})
            files.sync_folder(self._folder)

    def take(
        self, source: "Book", old_name: str, name: str, condition: Condition, there: Condition
    ) -> tuple[Member, bool]:
        """Move a card of *source*, which may be this book, here: as the Store's move()."""
        path = self._path(name)
        with files.trouble(self._about.path):
            with locked(self, source):
                if (card := source._current(old_name)) is None:
                    raise NotFound("no such card")
                check(condition, card)
                old = self._current(name)
                check(there, old)
                self._check_uid(name, card.uid, old, old_name if source is self else None)
                if old_name in source.broken:
                    raise Unavailable(f"{old_name} {source.broken[old_name]}")
                self._place(source._path(old_name), name, path)
                new = card._replace(ctime=0)  # the file is the same, but its times have moved
                self._commit({name: new} | ({old_name: None} if source is self else {}))
                if source is not self:
                    source._commit({old_name: None})
            files.sync_folder(self._folder)
            files.sync_folder(source._folder)
        return new, old is None

    # How it is kept true

    def _load(self) -> None:
        """Begin anew with what the journal says, and compare that with the folder."""
        known = self._journal.open()
        before = self.snapshot.members
        believed: dict[str, Member | None] = {
            name: was if (was := before.get(name)) and was.etag == etag else Member(etag)
            for name, etag in known.items()
        }
        self.snapshot = Snapshot().changed(believed, self._journal.seq, self._journal.state)
        self._reconcile({*known, *(name for name, _ in self._scan())})
        if not self._journal.exists:
            self._begin()

    def _suspects(self) -> set[str]:
        """The names whose files are not what the snapshot says."""
        members, suspects, there = self.snapshot.members, set(), set()
        with files.trouble(self._about.path):
            for name, status in self._scan():
                there.add(name)
                if not member.known(members.get(name), status):
                    suspects.add(name)
        suspects.update(name for name in members if name not in there)
        return {name for name in suspects if not self._still_broken(name)}

    def _scan(self) -> Iterator[tuple[str, os.stat_result]]:
        try:
            with os.scandir(self._folder) as items:
                for item in items:
                    if (name := names.name_of(item.name)) is not None:
                        yield name, item.stat(follow_symlinks=False)
        except FileNotFoundError as error:
            raise NotFound("no such book") from error

    def _still_broken(self, name: str) -> bool:
        return name in self.broken and self.broken[name].stamp == member.stamp_of(self._path(name))

    def _reconcile(self, suspects: Iterable[str]) -> None:
        """Look at these files again, and at what other processes have changed."""
        try:
            expected = self._journal.appended()
        except Replaced:
            self._load()
            return
        found: dict[str, Member | None] = {}
        for name in {*suspects, *expected, *self._waiting()}:
            try:
                found[name] = self._look(name)
                self.broken.pop(name, None)
            except Broken as broken:
                self._hold(name, broken)
        self._part_twins(found, expected)
        for name in expected.keys() - found.keys():  # the other process saw it whole
            found[name] = Member(now) if (now := expected[name]) else None
        self._commit(found, expected)

    def _look(self, name: str) -> Member | None:
        path, was = self._path(name), self.snapshot.members.get(name)
        return was if was and was[2:] == member.stamp_of(path) else member.look(path)

    def _waiting(self) -> list[str]:
        """The files that are held back for a reason that lies in another file."""
        return [name for name, broken in self.broken.items() if isinstance(broken, _Twin)]

    def _hold(self, name: str, broken: Broken) -> None:
        if str(self.broken.get(name)) != str(broken):
            log.warning("%s%s: %s", self._about.path, name, broken)
        self.broken[name] = broken

    def _part_twins(
        self, found: dict[str, Member | None], expected: Mapping[str, str | None]
    ) -> None:
        """Hold back whoever comes with a UID that another card of the book has already."""
        was = self.snapshot.members
        free = {old.uid for name in found if (old := was.get(name))}
        taken: dict[str, str] = {}

        def is_new(name: str) -> bool:
            new, old = found[name], was.get(name)
            return not (new and old and new.etag == old.etag)

        for name in sorted(found, key=lambda name: (is_new(name), name)):
            new = found[name]
            if new is None or new.uid is None:
                continue
            owner = taken.get(new.uid) or (None if new.uid in free else self._owner(new.uid))
            if owner in (None, name) or expected.get(name) == new.etag:
                taken[new.uid] = name
            else:
                self._hold(name, _Twin(f"has the UID of {owner}", new[2:]))
                del found[name]

    def _owner(self, uid: str) -> str | None:
        return self.snapshot.uids.get(uid)

    def _commit(
        self, found: Mapping[str, Member | None], expected: Mapping[str, str | None] | None = None
    ) -> None:
        """Make these members known: to the journal what is news to it, to readers everything."""
        state, changes = self._journal.state, []
        for name, new in found.items():
            old = self.snapshot.members.get(name)
            was = expected[name] if expected and name in expected else (old and old.etag)
            now = new.etag if new else None
            if was != now:
                state = moved(state, name, was, now)
                changes.append(Change(name, now, state))
        if changes and self._journal.exists:
            self._journal.append(changes)
        seq = self._journal.seq
        self.snapshot = self.snapshot.changed(found, seq, state)

    def _begin(self) -> None:
        now = self.snapshot
        etags = {name: now.members[name].etag for name in now.names}
        self._journal.begin(etags, now.seq, now.state)

    # Steps of a change, under the lock

    def _temporary(self, data: bytes) -> files.Temporary:
        try:
            return files.Temporary(self._folder, data)
        except FileNotFoundError:
            raise NotFound("no such book") from None

    def _current(self, name: str) -> Member | None:
        """The card as it is on disk this moment."""
        self._reconcile({name})
        return self.snapshot.members.get(name)

    def _check_uid(
        self, name: str, uid: str | None, old: Member | None, leaving: str | None = None
    ) -> None:
        """UidConflict when no card with *uid* may come to *name*, while *leaving* goes."""
        if old and not same_uid(uid, old.uid):
            raise UidConflict(self._about.path + encode(name))
        owner = self._owner(uid) if uid is not None else None
        if owner is not None and owner not in (name, leaving):
            raise UidConflict(self._about.path + encode(owner))

    def _place(self, source: str, name: str, path: str) -> None:
        try:
            known = name in self.snapshot.members or name in self.broken
            if known and member.exists(path):
                os.rename(source, path)
            else:
                files.rename_new(source, path)
        except FileExistsError as error:
            raise Conflict(f"something else is at {name!r}, or differs only in case") from error

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, names.file_of(name))


class _Twin(Broken):
    """Held back because of another file."""


def _partly(parts: tuple[Part, ...], sent: list[str], snapshot: Snapshot) -> tuple[Part, ...]:
    """What a client has that had *parts*, and was sent the first of what it lacks."""
    if not sent:
        return parts
    behind = [part for part in parts if part.last is None or part.last > sent[-1]]
    return replace(snapshot.part, last=sent[-1]), *behind


def check(condition: Condition, current: Member | None) -> None:
    """As the Store's check(), of what is on disk."""
    etag, modified = (current.etag, current.mtime / 1e9) if current else (None, None)
    if not condition.holds(etag, modified):
        raise PreconditionFailed("the card is not as you think", etag)


@contextmanager
def locked(*books: Book) -> Iterator[None]:
    """Hold the locks of these books, taken in an order that is the same for everybody."""
    with ExitStack() as stack:
        for _, lock in sorted({book._folder: book.lock for book in books}.items()):
            stack.enter_context(lock)
        yield
