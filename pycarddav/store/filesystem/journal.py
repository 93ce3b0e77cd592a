"""What happened to a book: a line a change, in a file that any number of processes append to.

    pycarddav-journal 1 SEQ STATE COUNT TIME
                                            what the book was when the file was begun, and
    ETAG  NAME                              its members, COUNT lines
    SEQ  STATE  ETAG  TIME  REASON  USER  AGENT  NAME
                                            a change: the state after it, the new etag (``-``
                                            where the card went), and who made it, why

Fields are separated by tabs, and JSON where they hold what cannot stand on a line.  The file is
not synced: what a power cut takes from its end is found again as a difference to the folder.  A
tail that is no line is cut off; what is damaged beyond that is kept as ``journal.damaged-TIME``.
What changes or goes on with the file needs the book's lock.
"""

import hashlib
import json
import logging
import os
import time
from array import array
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple

from ... import haste
from ...model import Author
from . import files
from .snapshot import total
from .token import EMPTY, START, UNMARKED, Point, mark

log = logging.getLogger(__name__)

_HEADER = "pycarddav-journal 1"

KEPT = 100_000  # changes that a compaction leaves; it waits for as many more
_END = 256  # octets that are compared
_AGENT = 120  # characters of a User-Agent


class Change(NamedTuple):
    """A card's new etag (None: it went), and the state of the book after that."""

    name: str
    etag: str | None
    state: int


class Cause(NamedTuple):
    """Why something changed.  *time* as ISO 8601 in UTC; found on disk, it has no author."""

    time: str
    reason: str
    author: Author = Author("")


class Event(NamedTuple):
    """A change as it is written down."""

    seq: int
    change: Change
    cause: Cause


def now() -> str:
    """The time, as a Cause has it."""
    return written(datetime.now(UTC))


def written(moment: datetime) -> str:
    """A time as a Cause has it: as texts, these are in the order of time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Position(NamedTuple):
    """A place in a journal that counts from *first*: so many octets, which have this *digest*."""

    point: Point
    first: int
    offset: int
    digest: str = ""


class Replaced(Exception):
    """The file is not the one that was read: a restore, a deletion, a compaction elsewhere."""


class Journal:
    """*point* is that after the last change read or written."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._begin_at(START)
        self._shown = self._past

    def _begin_at(self, point: Point, before: "_Before | None" = None) -> None:
        self.point = point
        # Readers are shown it when it is whole, as one object: else they would miss changes, or
        # see the states of one past with the names of another.
        self._past = _Past(point, before)
        self._offset = 0  # where the known part of the file ends
        self._end = b""  # its last octets: whether a file goes on from there
        self._unwritten = b""  # what a full disk did not take

    @property
    def exists(self) -> bool:
        """Whether there is a file that this object knows."""
        return self._offset > 0

    @property
    def length(self) -> int:
        """How many changes the file holds."""
        return len(self._past)

    def open(self) -> dict[str, str]:
        """Read everything: the members that the journal ends with, as name -> etag."""
        self._begin_at(START)
        try:
            with open(self.path, "rb") as file:
                data = file.read()
            members = self._replay(data)
        except FileNotFoundError:
            return {}
        except ValueError as error:
            kept = self._damaged()
            log.warning("%s: %s; a new one is begun, it is kept as %s", self.path, error, kept)
            self._begin_at(START)
            os.rename(self.path, kept)
            return {}
        finally:
            self._shown = self._past
        self._cut(len(data))
        return members

    @property
    def place(self) -> Position | None:
        """Where the file ends, if it holds everything; not yet proven()."""
        if not self.exists or self._unwritten:
            return None
        return Position(self.point, self.point.seq - self.length, self._offset)

    def proven(self, place: Position) -> Position | None:
        """The place by which resume() knows the file again; without the book's lock."""
        try:
            with open(self.path, "rb") as file:
                return place._replace(digest=_digest(file.read(place.offset)))
        except OSError:
            return None

    def resume(self, at: Position) -> dict[str, str | None] | None:
        """Go on from there: what happened since; None where it is not the file that it was.

        What happened before is read when somebody asks for it.
        """
        self._begin_at(at.point, _Before(self.path, at))
        try:
            with open(self.path, "rb") as file:
                data = file.read()[: at.offset]
            if (len(data), _digest(data)) != at[2:] or not _ends_at(at, data):
                return None
            self._know(data)
            return self.appended()
        except (OSError, ValueError, Replaced):
            return None
        finally:
            self._shown = self._past

    def is_read(self) -> bool:
        """Whether there is a file, and it ends where what is known of it does: at one call."""
        try:
            return self.exists and os.lstat(self.path).st_size == self._offset
        except OSError:
            return False

    def is_as_known(self) -> bool:
        """Whether nobody has replaced the file, or removed it."""
        try:
            self._tail()
        except Replaced:
            return False
        return True

    def appended(self) -> dict[str, str | None]:
        """What other processes did since: name -> etag, or None for a card that went.

        Replaced when this is no continuation of what was read before.
        """
        if not self.exists:
            if os.path.lexists(self.path):  # somebody else was the first to begin it
                raise Replaced
            return {}
        if not (tail := self._tail()):
            return {}
        before = self._offset
        changes = self._take(tail)
        if b"\n" in tail[self._offset - before :]:
            raise Replaced
        self._cut(before + len(tail))
        return {change.name: change.etag for change in changes}

    def _tail(self) -> bytes:
        """What the file has beyond what is known of it.  Replaced."""
        haste.wait()
        try:
            data = files.read_from(self.path, self._offset - len(self._end))
        except FileNotFoundError:
            raise Replaced from None
        # An inode would not do: it goes to the next file that is made.
        if not data.startswith(self._end) or (self._unwritten and data != self._end):
            raise Replaced
        return data[len(self._end) :]

    def begin(self, members: Mapping[str, str], seq: int, state: int) -> None:
        """Start a new file with these members as its past: a point of its own."""
        self._write(Past(now(), seq, state, dict(members), []))
        self.open()

    def append(self, changes: list[Change], cause: Cause) -> None:
        """Write these changes at the end; where there is no room, with the next ones."""
        first = self.point.seq + 1
        lines = [_line(Event(seq, change, cause)) for seq, change in enumerate(changes, first)]
        for change in changes:
            self._add(change, cause.time)
        data = self._unwritten + "".join(lines).encode()
        try:
            self._append(data)
        except OSError as error:
            log.warning("%s: %s", self.path, error)
            self._unwritten = data
        else:
            self._unwritten = b""
            self._know(data)

    def _append(self, data: bytes) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            files.write_all(descriptor, data)
        except OSError:
            os.ftruncate(descriptor, self._offset)
            raise
        finally:
            os.close(descriptor)

    def since(self, point: Point) -> list[str] | None:
        """The names that changed after that; None where the book was never there.

        Of another past, which counted further, the state that this journal began with is known, and
        no other: before it came, a client may have put a card into the book that is gone again.
        """
        return self._shown.since(point)

    def after(self, point: Point) -> list[str]:
        """The names that changed after that, whatever the state; all, for one of another past."""
        return self._shown.after(point)

    def read(self) -> "Past":
        """Everything that the file says."""
        return read(self.path)

    def compact(self) -> None:
        """Forget the oldest changes, once there are twice as many as are kept."""
        if self.length < 2 * KEPT:
            return
        past = read(self.path)
        old, kept = past.events[:-KEPT], past.events[-KEPT:]
        members = replayed(past.members, [event.change for event in old])
        seq, (_, _, state), (time, _, _) = old[-1]
        self._write(Past(time, seq, state, members, kept))
        self.open()

    def _write(self, past: "Past") -> None:
        lines = [f"{_HEADER} {past.seq} {past.state:032x} {len(past.members)} {past.time}\n"]
        lines += [f"{etag}\t{_quoted(name)}\n" for name, etag in past.members.items()]
        lines += map(_line, past.events)
        files.save(self.path, "".join(lines).encode())

    def _replay(self, data: bytes) -> dict[str, str]:
        past, rest = _base(data)
        self._begin_at(past.point)
        self._know(data[: len(data) - len(rest)])
        members = replayed(past.members, self._take(rest))
        if total(members) != self.point.state:
            raise ValueError("the members do not add up to the state")
        return members

    def _take(self, data: bytes) -> list[Change]:
        """Take in the lines up to the first that is none."""
        changes = []
        for line in data.split(b"\n")[:-1]:
            try:
                change, time = _change(line.decode(), self.point.seq + 1)
            except ValueError:
                break
            self._add(change, time)
            self._know(line + b"\n")
            changes.append(change)
        return changes

    def _add(self, change: Change, time: str) -> None:
        self.point = Point(self.point.seq + 1, change.state, mark(time))
        self._past.add(change.name, self.point)

    def _know(self, data: bytes) -> None:
        """These octets of the file are known as well."""
        self._offset += len(data)
        self._end = (self._end + data[-_END:])[-_END:]

    def _cut(self, size: int) -> None:
        """Remove what is behind the last whole line: a power cut's, or a full disk's."""
        if self._offset < size:
            log.warning("%s: %d octets at its end are cut off", self.path, size - self._offset)
            self._keep_damaged()
            os.truncate(self.path, self._offset)

    def _keep_damaged(self) -> None:
        """Copy the file, if more than an unfinished line is about to be cut off."""
        with open(self.path, "rb") as file:
            data = file.read()
        if b"\n" in data[self._offset :]:
            kept = self._damaged()
            log.warning("%s: a line is damaged; as it was, it is kept as %s", self.path, kept)
            files.save(kept, data)

    def _damaged(self) -> str:
        """Where a journal is put that cannot be read, for people to look at."""
        return f"{self.path}.damaged-{time.time_ns()}"


class _Past:
    """The points since *first*, 20 octets each, and the names that changed between them."""

    def __init__(self, first: Point, before: "_Before | None" = None) -> None:
        self.first, self._before = first, before
        self._names: list[str] = []
        self._states = bytearray(first.state.to_bytes(16))
        self._marks = array("I", [first.mark])

    def __len__(self) -> int:
        return len(self._names) + (len(self._before) if self._before else 0)

    def add(self, name: str, point: Point) -> None:
        self._names.append(name)
        self._states += point.state.to_bytes(16)
        self._marks.append(point.mark)  # last: a reader may be looking

    def since(self, point: Point) -> list[str] | None:
        at = point.seq - self.first.seq
        if self._counted(point) and self._state(at) == point.state:
            return self._names[at:]
        if self._before:
            before = self._before.past.since(point)
            return None if before is None else before + self._names
        begun = point.seq >= self.first.seq and point.state == self.first.state
        return [*self._names] if begun else None

    def after(self, point: Point) -> list[str]:
        if self._counted(point):
            return self._names[point.seq - self.first.seq :]
        return [*(self._before.past.after(point) if self._before else []), *self._names]

    def _state(self, at: int) -> int:
        return int.from_bytes(self._states[at * 16 : at * 16 + 16])

    def _counted(self, point: Point) -> bool:
        """Whether there were as many changes, and the last of them was made then."""
        at = point.seq - self.first.seq
        return 0 <= at < len(self._marks) and point.mark in (UNMARKED, self._marks[at])


class _Before:
    """What a journal says before a place in it: read when somebody asks, which few do."""

    def __init__(self, path: str, at: Position) -> None:
        self._path, self._at = path, at

    def __len__(self) -> int:
        return self._at.point.seq - self._at.first

    @cached_property
    def past(self) -> _Past:
        """Unavailable."""
        try:
            with files.trouble(self._path):
                return self._read()
        except ValueError as error:  # somebody has replaced it: it will be read anew
            log.warning("%s: of what was before, nothing is known: %s", self._path, error)
            return _Past(self._at.point)

    def _read(self) -> _Past:
        haste.wait()
        try:
            with open(self._path, "rb") as file:
                data = file.read(self._at.offset)
        except FileNotFoundError:
            raise ValueError("it is gone") from None
        if _digest(data) != self._at.digest:
            raise ValueError("it is not what it was")
        base, rest = _base(data)
        past = _Past(base.point)
        for number, line in enumerate(rest.split(b"\n")[:-1], base.seq + 1):
            change, time = _change(line.decode(), number)
            past.add(change.name, Point(number, change.state, mark(time)))
        return past


class Past(NamedTuple):
    """All that a journal knows: what it began with, and what has happened since."""

    time: str
    seq: int
    state: int
    members: dict[str, str]  # name -> etag
    events: list[Event]

    @property
    def point(self) -> Point:
        """Where it begins."""
        return Point(self.seq, self.state, mark(self.time))

    def now(self) -> dict[str, str]:
        """The members at the end."""
        return replayed(self.members, [event.change for event in self.events])

    def etags(self) -> set[str]:
        """Every version that is mentioned."""
        new = {event.change.etag for event in self.events if event.change.etag}
        return {*self.members.values(), *new}


def read(path: str) -> Past:
    """What a journal says, without the book's lock; nothing where there is none.  ValueError."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return Past(now(), 0, EMPTY, {}, [])
    past, rest = _base(data)
    past.events.extend(_event(line.decode()) for line in rest.split(b"\n")[:-1])
    return past


def replayed(members: dict[str, str], changes: list[Change]) -> dict[str, str]:
    """The members after these changes."""
    after = dict(members)
    for change in changes:
        if change.etag is None:
            after.pop(change.name, None)
        else:
            after[change.name] = change.etag
    return after


def _base(data: bytes) -> tuple[Past, bytes]:
    """What a journal begins with, and the rest of it.  ValueError."""
    header, _, rest = data.partition(b"\n")
    *title, seq, state, count, time = header.decode("ascii").split(" ")
    if " ".join(title) != _HEADER:
        raise ValueError("not a journal")
    lines = rest.split(b"\n", int(count))
    if len(lines) != int(count) + 1:
        raise ValueError("the members are cut off")
    members = {}
    for line in lines[:-1]:
        etag, _, name = line.decode().partition("\t")
        members[_unquoted(name)] = etag
    return Past(time, int(seq), state_of(state), members, []), lines[-1]


def _ends_at(at: Position, data: bytes) -> bool:
    """Whether these octets of a journal count and end like this.  ValueError."""
    *_, first, state, members, time = data.partition(b"\n")[0].decode().split(" ")
    seq = int(first) + data.count(b"\n") - 1 - int(members)
    if seq > int(first):
        _, state, _, time, *_ = data[data.rfind(b"\n", 0, -1) + 1 :].decode().split("\t")
    return (Point(seq, state_of(state), mark(time)), int(first)) == (at.point, at.first)


def _line(event: Event) -> str:
    seq, (name, etag, state), (time, reason, author) = event
    texts = map(_quoted, (reason, author.user, author.agent[:_AGENT], name))
    return "\t".join((str(seq), f"{state:032x}", etag or "-", time, *texts)) + "\n"


def _event(line: str) -> Event:
    seq, _, _, time, reason, user, agent, _ = line.split("\t")
    cause = Cause(time, _unquoted(reason), Author(_unquoted(user), _unquoted(agent)))
    return Event(int(seq), _change(line, int(seq))[0], cause)


def _change(line: str, seq: int) -> tuple[Change, str]:
    """The change in the line of this number, and its time.  ValueError."""
    number, state, etag, time, _, _, _, name = line.split("\t")
    if number != str(seq):
        raise ValueError("not the next change")
    return Change(_unquoted(name), None if etag == "-" else etag, state_of(state)), time


def state_of(text: str) -> int:
    """The state that is written like this.  ValueError."""
    if len(data := bytes.fromhex(text)) != 16 or len(text) != 32:
        raise ValueError("not a state")
    return int.from_bytes(data)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _quoted(text: str) -> str:
    """A text as it is where it can stand between tabs, else as JSON."""
    return text if text.isprintable() and not text.startswith('"') else json.dumps(text)


def _unquoted(text: str) -> str:
    return str(json.loads(text)) if text.startswith('"') else text
