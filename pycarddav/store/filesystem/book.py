"""One book: reading it, changing it, and saying what has changed."""

import logging
import os
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import NamedTuple

from ... import haste
from ...dav.errors import (
    CardUnavailable,
    Conflict,
    Error,
    InvalidSyncToken,
    NotFound,
    PreconditionFailed,
    UidConflict,
    Unavailable,
)
from ...dav.headers import Condition
from ...model import Author, Changes, encode
from .. import etag, same_uid
from . import derived, files, member, token
from .folder import Folder
from .forms import Forms
from .history import BROKEN, History
from .journal import Cause, Past, now
from .members import Member
from .mirror import Mirror
from .snapshot import Snapshot
from .token import EMPTY, Part
from .watch import Watches

log = logging.getLogger(__name__)


class Wanted(NamedTuple):
    """A put() or, without *data*, a delete() among many."""

    name: str
    data: bytes | None
    uid: str | None
    condition: Condition


class Book:
    """*path* is its URL's, *folder* holds the cards, *state* what the server needs beside them."""

    def __init__(self, path: str, folder: Folder, state: str, watches: Watches) -> None:
        self.path, self.folder, self.places = path, folder, (folder.path, state)
        self.mirror = Mirror(folder, state, watches)
        self.forms = Forms(self.mirror, state)
        self.history = History(os.path.join(state, "history"))
        self._trouble: Error | None = None

    def fresh(self) -> Snapshot:
        """What is there now; the last that was seen while the folder cannot be trusted.

        NotFound; Unavailable when nothing is known at all.
        """
        try:
            found = self.mirror.fresh()
        except Unavailable as error:
            self._trouble = error
            if not self.mirror.snapshot.members:
                raise
            return self.mirror.snapshot
        self._trouble = None
        return found

    def trusted(self) -> Snapshot:
        """What fresh() has found.  Unavailable where that was not the folder as it is."""
        if not self.mirror.recalled:  # it was opened anew since the request began
            self.fresh()
        if self._trouble:
            raise self._trouble
        return self.mirror.snapshot

    def content(self, name: str) -> tuple[Member, bytes] | None:
        """A card and its content, each being the other's; None when there is no such card.

        CardUnavailable when its file is broken, and this version is not kept.
        """
        for _ in range(3):  # a file may change between look and read
            if (found := self.trusted().members.get(name)) is None:
                return None
            if (data := self.folder.read(name)) is not None and etag(data) == found.etag:
                if name in self.mirror.missed or name in self.mirror.broken:
                    self._tell(name)  # it can be read again; of its file more may be known now
                    again = self.mirror.snapshot.members.get(name)
                    found = again if again and again.etag == found.etag else found
                return found, data
            if name in self.mirror.broken and (data := self.history.get(found.etag)) is not None:
                return found, data
            if self.mirror.is_still_broken(name) or not self._tell(name):
                break
        self.mirror.miss(name)
        raise CardUnavailable(self._problem(name))

    def _tell(self, name: str) -> bool:
        """Make known what is in this file now; False where that has to wait."""
        try:
            with files.trouble(self.path), self.mirror.lock.within():
                self.mirror.reconcile({name})
        except Error as error:
            log.warning("%s%s: not looked at again: %s", self.path, name, error)
            return False
        return True

    def _problem(self, name: str) -> str:
        broken = self.mirror.broken.get(name, "cannot be read")
        return f"{self.path}{encode(name)}: its file {broken}"

    def derived(self, what: str) -> str:
        """The path of what somebody has derived from the book."""
        return derived.path(self.places[1], what)

    def past(self) -> Past:
        """All that the journal knows."""
        try:
            with files.trouble(self.path):
                return self.mirror.journal.read()
        except ValueError as error:
            raise Unavailable(f"the journal of {self.path} is damaged: {error}") from error

    def locked(self) -> AbstractContextManager[None]:
        """Hold the lock of the book."""
        return self.mirror.lock.within()

    # What changes

    def fill(self, cause: Cause) -> None:
        """Take what is in the folder, which is new, for the work of *cause*."""
        with files.trouble(self.path), self.locked():
            self.mirror.fill(cause)

    def put(
        self,
        name: str,
        data: bytes,
        uid: str | None,
        condition: Condition,
        author: Author,
        reason: str = "put",
    ) -> tuple[Member, bool]:
        """As the Store says; *reason* is what the history will say."""
        self.trusted()
        wanted = Wanted(name, data, uid, condition)
        with files.trouble(self.path), self._temporary(data) as temporary:
            with self.mirror.lock.within():
                new, old = self._put(wanted, data, temporary.path, Cause(now(), reason, author))
            if new is old:  # somebody else may have written it, and not synced
                files.sync_file(self.folder.file(name))
            files.sync_folder(self.folder.path)
        return new, old is None

    def delete(
        self, name: str, condition: Condition, author: Author, reason: str = "delete"
    ) -> None:
        """As the Store says."""
        self.trusted()
        with files.trouble(self.path):
            with self.mirror.lock.within():
                self._delete(name, condition, Cause(now(), reason, author))
            files.sync_folder(self.folder.path)

    def change(self, many: Sequence[Wanted], author: Author, reason: str) -> list[Error | None]:
        """Many puts and deletions for one sync of the disk: why each was not done, if it was not.

        What is raised has changed nothing, or cannot be told to last.
        """
        self.trusted()
        with files.trouble(self.path), ExitStack() as stack:
            beside = [stack.enter_context(self._beside(wanted.data, sync=False)) for wanted in many]
            files.sync_disk(self.folder.path)
            with self.mirror.lock.within():
                done = [
                    self._change(wanted, temporary, Cause(now(), reason, author))
                    for wanted, temporary in zip(many, beside, strict=True)
                ]
            files.sync_folder(self.folder.path)
        return done

    def take(
        self,
        source: "Book",
        old_name: str,
        name: str,
        condition: Condition,
        there: Condition,
        author: Author,
    ) -> tuple[Member, bool]:
        """Move a card of *source*, which may be this book, here: as the Store's move()."""
        self.trusted()
        source.trusted()
        with files.trouble(self.path):
            with locked(self, source):
                if (card := source._current(old_name)) is None:
                    raise NotFound("no such card")
                _check(condition, card)
                old = self._current(name)
                _check(there, old)
                self._check_uid(name, card.uid, old, old_name if source is self else None)
                if old_name in source.mirror.broken:
                    raise CardUnavailable(source._problem(old_name))
                self._move(source, old_name, name, card, old, Cause(now(), "move", author))
            files.sync_folder(self.folder.path)
            files.sync_folder(source.folder.path)
        return card, old is None

    def _move(
        self,
        source: "Book",
        old_name: str,
        name: str,
        card: Member,
        old: Member | None,
        cause: Cause,
    ) -> None:
        path = source.folder.file(old_name)
        source.history.keep(path, card.etag)
        with files.brought(path, self.folder.path) as brought:
            self._place(brought, name, old)
        self.mirror.broken.pop(name, None)
        here = {name: card._replace(ctime=0)}  # the file is the same, but its times have moved
        self.mirror.commit(here | ({old_name: None} if source is self else {}), cause)
        if source is not self:
            source.mirror.commit({old_name: None}, cause)

    def mend(self, name: str, good: bytes) -> None:
        """Give a broken or damaged file its last good content; what was in it is kept."""
        path = self.folder.file(name)
        with files.trouble(self.path), self._temporary(good) as temporary:
            with self.locked():
                known = self.mirror.snapshot.members[name]
                if member.exists(path):
                    self.history.keep(path, f"{BROKEN}{time.time_ns()}")
                os.rename(temporary.path, path)
                new = member.of(good, known.uid, os.lstat(path), member.now())
                self.mirror.broken.pop(name, None)
                self.mirror.commit({name: new}, Cause(now(), "repair"))
            files.sync_folder(self.folder.path)

    # Steps of a change, under the lock

    def _temporary(self, data: bytes, sync: bool = True) -> files.Temporary:
        try:
            return files.Temporary(self.folder.path, data, sync)
        except FileNotFoundError:
            raise NotFound("no such book") from None

    def _beside(
        self, data: bytes | None, sync: bool
    ) -> AbstractContextManager[files.Temporary | None]:
        return nullcontext() if data is None else self._temporary(data, sync)

    def _change(
        self, wanted: Wanted, temporary: files.Temporary | None, cause: Cause
    ) -> Error | None:
        try:
            with files.trouble(self.path):
                if wanted.data is None or temporary is None:
                    self._delete(wanted.name, wanted.condition, cause)
                else:
                    self._put(wanted, wanted.data, temporary.path, cause)
        except Error as error:
            return error
        return None

    def _put(
        self, wanted: Wanted, data: bytes, source: str, cause: Cause
    ) -> tuple[Member, Member | None]:
        """Place the file *source*: what the card is now, and what it was."""
        name, _, uid, condition = wanted
        path = self.folder.file(name)
        old = self._current(name)
        _check(condition, old)
        self._check_uid(name, uid, old)
        if old and old.etag == etag(data) and name not in self.mirror.broken:
            return old, old
        self._place(source, name, old)
        new = member.of(data, uid, os.lstat(path), member.now())
        self.mirror.broken.pop(name, None)
        self.mirror.commit({name: new}, cause)
        return new, old

    def _delete(self, name: str, condition: Condition, cause: Cause) -> None:
        if (old := self._current(name)) is None:
            raise NotFound("no such card")
        _check(condition, old)
        self._remove(name, old)
        self.mirror.broken.pop(name, None)
        self.mirror.commit({name: None}, cause)

    def _current(self, name: str) -> Member | None:
        """The card as it is on disk this moment."""
        if self.folder.is_another(len(self.mirror.snapshot.members)):
            raise Unavailable("the folder was replaced a moment ago")
        self.mirror.reconcile({name})
        return self.mirror.snapshot.members.get(name)

    def _check_uid(
        self, name: str, uid: str | None, old: Member | None, leaving: str | None = None
    ) -> None:
        """UidConflict when no card with *uid* may come to *name*, while *leaving* goes."""
        if old and not same_uid(uid, old.uid):
            raise UidConflict(self.path + encode(name))
        owner = self.mirror.snapshot.owner(uid) if uid is not None else None
        if owner is not None and owner not in (name, leaving):
            raise UidConflict(self.path + encode(owner))

    def _place(self, source: str, name: str, old: Member | None) -> None:
        path = self.folder.file(name)
        try:
            if member.exists(path) and (old or self.folder.has(name)):
                self.history.keep(path, self._version(name, old))
                files.rename_over(source, path)
            else:
                files.rename_new(source, path)
        except FileExistsError as error:
            raise Conflict(f"something else is at {name!r}, or differs only in case") from error

    def _remove(self, name: str, old: Member) -> None:
        path = self.folder.file(name)
        try:
            if member.exists(path):
                self.history.take(path, self._version(name, old))
        except FileExistsError as error:
            raise Conflict(f"there is no file at {name!r}, but something else") from error

    def _version(self, name: str, known: Member | None) -> str:
        """Under which name the history keeps what is in the file."""
        broken = known is None or name in self.mirror.broken
        return f"{BROKEN}{time.time_ns()}" if broken or not known else known.etag

    # What has changed

    def changes(self, since: str | None, limit: int | None) -> Changes:
        """As the Store says."""
        snapshot = self.trusted()
        parts: tuple[Part, ...] = (Part(snapshot.point._replace(state=EMPTY)),)
        if since is not None:
            try:
                parts = token.parse(since)
            except ValueError as error:
                raise InvalidSyncToken("this server never gave out such a token") from error
        touched = self._touched(snapshot, parts)
        sent = touched if limit is None else touched[:limit]
        more = len(sent) < len(touched)
        has = _partly(parts, sent, snapshot) if more else (Part(snapshot.point),)
        there = snapshot.members.among(sent)
        gone = set(sent).difference(there)
        return Changes(tuple(there), tuple(sorted(gone)), token.write(has), more)

    def _touched(self, snapshot: Snapshot, parts: tuple[Part, ...]) -> list[str]:
        """The names, in order, that a client which has *parts* has to be told."""
        touched: list[str] = []
        above = ""
        for part in parts:
            names = {name for name in self._changed(snapshot, part) if part.holds(name, above)}
            there: list[str] = []
            if part.point.state == EMPTY:  # it has nothing there, but what it has put meanwhile
                end = bisect_right(snapshot.names, part.last) if part.last else None
                there = snapshot.names[bisect_right(snapshot.names, above) : end]
            touched += sorted(names.union(there)) if names else there
            above = part.last or above
        return touched

    def _changed(self, snapshot: Snapshot, part: Part) -> list[str]:
        point, journal = part.point, self.mirror.journal
        if point.state == EMPTY or snapshot.point.seq - point.seq > haste.MANY:
            haste.wait()
        if point.state == EMPTY:
            return journal.after(point)
        changed = journal.since(point)
        if changed is None and (journal.exists or point.state != snapshot.point.state):
            raise InvalidSyncToken("this book was never in that state")
        return changed or []


def _partly(parts: tuple[Part, ...], sent: list[str], snapshot: Snapshot) -> tuple[Part, ...]:
    """What a client has that had *parts*, and was sent the first of what it lacks."""
    if not sent:
        return parts
    behind = [part for part in parts if part.last is None or part.last > sent[-1]]
    # The newest is first: where there are too many, some names are told again, never one too few.
    return Part(snapshot.point, last=sent[-1]), *behind[-token.MOST + 1 :]


def _check(condition: Condition, current: Member | None) -> None:
    """As the Store's check(), of what is on disk."""
    etag, modified = (current.etag, current.mtime / 1e9) if current else (None, None)
    if not condition.holds(etag, modified):
        raise PreconditionFailed("the card is not as you think", etag)


@contextmanager
def locked(*books: Book) -> Iterator[None]:
    """Hold the locks of these books, taken in an order that is the same for everybody."""
    with ExitStack() as stack:
        for _, book in sorted({book.folder.path: book for book in books}.items()):
            stack.enter_context(book.mirror.lock.within())
        yield
