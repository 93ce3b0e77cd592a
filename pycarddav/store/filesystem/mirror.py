"""What is known of a book's folder, kept true to it.

Readers take no lock: they see a snapshot that a writer replaces as a whole.  What is found to be
different on disk becomes a change like any other, under the lock, in the journal.  A file that is
broken changes nothing: its card stays what it was.
"""

import logging
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress

from ... import haste
from ...dav.errors import Error, Unavailable
from .. import etag as etag_of
from . import files, index, member, names, twins
from .folder import Folder
from .index import Index
from .journal import Cause, Change, Journal, Replaced, now
from .lock import Lock
from .member import Broken
from .members import Member, Members
from .snapshot import Snapshot, moved, total
from .watch import EVERYTHING, Heard, Watches

log = logging.getLogger(__name__)

_PATIENCE = 1.0  # seconds that a reader waits for the lock, to see what has changed


class Mirror:
    """The snapshot, journal and lock of one book; *state* is where it keeps them.

    *broken* says of each file that is not served as it is, by the name of its card, why; *missed*
    are the cards that somebody could not be given meanwhile.  *new* are those whose version the
    history may not have yet.
    """

    def __init__(self, folder: Folder, state: str, watches: Watches) -> None:
        self.folder = folder
        self.lock = Lock(os.path.join(state, "lock"))
        self.journal = Journal(os.path.join(state, "journal"))
        self.snapshot = Snapshot()
        self.broken: dict[str, Broken] = {}
        self.missed: set[str] = set()
        self.new: set[str] = set()
        self.index = os.path.join(state, "index")
        self._unsaved = 0  # members that the index does not know
        self._no_journal = ""  # why, as it was said last
        self._watch = watches.of(folder.path)
        self.recalled = self._seen = False  # before that, the snapshot means nothing

    def fresh(self) -> Snapshot:
        """What is in the folder now.  NotFound; Unavailable, and the last snapshot stays."""
        with files.trouble(self.folder.path):
            if not self.recalled:
                with self.lock.within(_PATIENCE, looking=True):
                    self._recall()
            if self._is_another_folder():
                haste.wait()
                self.folder.accept()
                self._watch.begin()
            heard = self._watch.heard()
            suspects = self._suspects(heard)
            # What another process saw may be gone again: then only the journal tells of it.
            if (suspects or not self.journal.is_read()) and not self._told(suspects):
                return self.snapshot
            self._watch.done(heard)
            self._seen = True
        return self.snapshot

    def _is_another_folder(self) -> bool:
        try:
            return self.folder.is_another(len(self.snapshot.members))
        except Unavailable:
            if self.journal.is_as_known():
                raise
        with self.lock.within(_PATIENCE, looking=True):
            self._recall()  # cards and journal were both replaced: by a restore
        return self.folder.is_another(len(self.snapshot.members))

    def _told(self, suspects: set[str]) -> bool:
        """Reconcile; False where that has to wait, and readers are shown what was before."""
        try:
            with self.lock.within(_PATIENCE, looking=True):
                self.reconcile(suspects)
        except (Error, OSError) as error:
            if not self._seen:
                raise
            log.warning("%s: changes are not seen for now: %s", self.folder.path, error)
            return False
        self.save_index(at_least=500 + len(self.snapshot.members) // 8)
        return True

    def close(self, save: bool = True) -> None:
        """Stop listening; *save* what is known."""
        self._watch.end()
        if save:
            self.save_index()

    def save_index(self, at_least: int = 1) -> None:
        """Write the index if it lacks *at_least* so many members."""
        if self._unsaved < at_least:
            return
        self._unsaved = 0
        try:
            index.save(self.index, self._remembered())
        except OSError as error:
            log.warning("%s: %s", self.index, error)

    def _remembered(self) -> Index:
        """The members, with times that prove something where these do by now."""
        snapshot, at = self.snapshot, None
        with suppress(Error), self.lock.within(_PATIENCE, looking=True):  # for both of one moment
            snapshot, place = self.snapshot, self.journal.place
            at = place if place and place.point == snapshot.point else None
        settled: dict[str, Member | None] = {}
        for name in snapshot.members.unsettled():
            known = snapshot.members[name]
            with suppress(Broken):
                found = member.look(self.folder.file(name), known)
                settled[name] = found if found and found.etag == known.etag else known
        return Index(snapshot.members.changed(settled), at and self.journal.proven(at))

    # Under the lock

    def _recall(self) -> None:
        """Begin anew with what the journal says, as far as possible with what was known of it."""
        saved = Index(self.snapshot.members) if self.recalled else index.load(self.index)
        if saved.at and (changes := self.journal.resume(saved.at)) is not None:
            first = Snapshot.of(saved.members, saved.at.point)
            since = {
                name: None if etag is None else _promised(name, etag, saved.members)
                for name, etag in changes.items()
            }
            self.snapshot = first.changed(since, self.journal.point)
        else:
            self.snapshot = self._replayed(saved.members)
        self.recalled = True

    def _replayed(self, rows: Members) -> Snapshot:
        """What the whole journal says; of its members, what is known in *rows*."""
        known = self.journal.open()
        point = self.journal.point
        if not self.journal.exists:  # of a card whose file is broken now, the index may know
            known = {name: rows[name].etag for name in rows}
            point = point._replace(state=total(known))
        members = {name: _promised(name, etag, rows) for name, etag in known.items()}
        return Snapshot.of(Members.of(members), point)

    def fill(self, cause: Cause) -> None:
        """Take what is in a folder that is new for the work of *cause*."""
        self._recall()
        if not self.journal.exists:
            self.begin_anew()
            self.reconcile(self._differing(), cause)

    def reconcile(self, suspects: Iterable[str], cause: Cause | None = None) -> None:
        """Look at these files again, and at what other processes have changed."""
        try:
            expected = self.journal.appended()
        except Replaced:
            self._recall()
            expected, suspects = {}, self._differing()
        found: dict[str, Member | None] = {}
        waiting = [name for name, broken in self.broken.items() if broken.waits]
        for name in {*suspects, *expected, *waiting}:
            try:
                found[name] = self._look(name)
                self.broken.pop(name, None)
            except Broken as broken:
                self._hold(name, broken)
        for name, owner in twins.among(found, expected, self.snapshot).items():
            del found[name]
            stamp = member.stamp_of(self.folder.file(name))
            self._hold(name, Broken(f"has the UID of {owner}", stamp, waits=True))
        for name in expected.keys() - found.keys():  # the other process saw it whole
            found[name] = Member(etag) if (etag := expected[name]) else None
        self.commit(found, cause or Cause(now(), "found"), expected)

    def commit(
        self,
        found: Mapping[str, Member | None],
        cause: Cause,
        expected: Mapping[str, str | None] | None = None,
    ) -> None:
        """Make these members known: to the journal what is news to it, to readers everything.

        *expected* is what the journal has heard of already.  A card that somebody has missed is
        news even if it is what it was: they would not ask for it again.
        """
        expected, before = expected or {}, {name: self.snapshot.members.get(name) for name in found}
        news = {
            name: new for name, new in found.items() if new != before[name] or name in self.missed
        }
        point = self.journal.point if self.journal.exists else self.snapshot.point
        state, changes = point.state, []
        for name, new in found.items():
            was = expected[name] if name in expected else _etag(before[name])
            if was != (etag := _etag(new)) or (etag and name in self.missed):
                state = moved(state, name, was, etag)
                changes.append(Change(name, etag, state))
        if self.journal.exists and changes:
            self.journal.append(changes, cause)
            point = self.journal.point
        point = point._replace(state=state)
        self.snapshot = self.snapshot.changed(news, point) if news else self.snapshot.at(point)
        if not self.journal.exists:
            self.begin_anew()
        self.missed.difference_update(news)
        self.new.update(news)
        self._unsaved += len(news)

    def begin_anew(self) -> None:
        """Start a journal with what is there: of the states before, none is known any more."""
        first = self.snapshot
        try:
            etags = {name: first.members[name].etag for name in first.names}
            self.journal.begin(etags, first.point.seq, first.point.state)
        except OSError as error:  # it is tried again; until then only this process knows
            if str(error.strerror) != self._no_journal:
                log.warning("%s: there is no journal: %s", self.folder.path, error)
            self._no_journal = str(error.strerror)
        else:
            self._no_journal = ""
            self.snapshot = first.at(self.journal.point)

    def _look(self, name: str) -> Member | None:
        path, known = self.folder.file(name), self.snapshot.members.get(name)
        if self._watch.is_being_written(os.path.basename(path)):
            raise Broken("is being written")
        if known and known.ctime and known[2:] == member.stamp_of(path):
            return known
        return member.look(path, known)

    def miss(self, name: str) -> None:
        """Take note that somebody has asked for a card, and could not be given it."""
        if name not in self.missed:
            log.warning("%s/%s: no version is kept that could be served", self.folder.path, name)
        self.missed.add(name)

    def _hold(self, name: str, broken: Broken) -> None:
        if str(self.broken.get(name)) != str(broken):
            log.warning("%s/%s: %s", self.folder.path, name, broken)
        self.broken[name] = broken

    # Without it

    def _suspects(self, heard: Heard) -> set[str]:
        """The names whose files are not what the snapshot says."""
        if EVERYTHING in heard:
            return self._differing()
        named = {names.name_of(file) for file in heard} - {None}
        return {name for name in named if name and not self._is_as_known(name)}

    def _differing(self) -> set[str]:
        members, suspects, there = self.snapshot.members, set(), set()
        for name, status in self.folder.scan():
            there.add(name)
            if not members.has(name, member.stamp(status)) or name in self.broken:
                suspects.add(name)
        suspects.update(name for name in members if name not in there)
        return {name for name in suspects if not self.is_still_broken(name)}

    def _is_as_known(self, name: str) -> bool:
        """Whether something happened to this file that changes nothing: our own writing of it."""
        if name in self.broken:
            return self.is_still_broken(name)
        known, path = self.snapshot.members.get(name), self.folder.file(name)
        if known and self._watch.was_only_placed(os.path.basename(path)):
            return member.is_one(member.stamp_of(path), known)
        try:
            data, status = files.read(path, member.LARGEST)
        except FileNotFoundError:
            return known is None
        except (OSError, ValueError):
            return False
        return known is not None and (known.etag, known.mtime) == (
            etag_of(data),
            status.st_mtime_ns,
        )

    def is_still_broken(self, name: str) -> bool:
        """Whether this file is broken, and nobody has touched it since that was seen."""
        if not (broken := self.broken.get(name)):
            return False
        return broken.stamp == member.stamp_of(self.folder.file(name))


def _promised(name: str, etag: str, known: Members) -> Member:
    """The member of which the journal says no more, as far as it is what is *known*."""
    found = known.get(name)
    return found if found and found.etag == etag else Member(etag)


def _etag(member: Member | None) -> str | None:
    return member.etag if member else None
