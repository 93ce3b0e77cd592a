"""What happened to a book: a line a change, in a file that any number of processes append to.

    pycarddav-journal 1 SEQ STATE COUNT       what the book was when the file was begun:
    ETAG <tab> NAME                           its members, COUNT lines
    SEQ <tab> STATE <tab> ETAG <tab> NAME     a change (``-`` for a card that went), and the
                                              state after it

It is not synced: what a power cut takes from its end is found again as a difference to the
folder.  A tail that is no line is cut off.  All methods but since() need the book's lock.
"""

import json
import logging
import os
from collections.abc import Mapping
from typing import NamedTuple

from . import files
from .snapshot import weight
from .token import EMPTY

log = logging.getLogger(__name__)

_HEADER = "pycarddav-journal 1"


class Change(NamedTuple):
    name: str
    etag: str | None
    state: int


class Replaced(Exception):
    """The file is not the one that was read: a restore, a deletion, a compaction elsewhere."""


class Journal:
    """*seq* and *state* are those after the last change read or written."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._identity: tuple[int, int] | None = None
        self._begin_at(0, EMPTY)

    def _begin_at(self, seq: int, state: int) -> None:
        self.seq, self.state = seq, state
        # One object, so that a reader never sees the states of one past with the names of another.
        self._past = _Past(seq, state)
        self._offset = 0

    @property
    def exists(self) -> bool:
        """Whether there is a file that this object knows."""
        return self._identity is not None

    def open(self) -> dict[str, str]:
        """Read everything: the members that the journal ends with, as name -> etag."""
        self._identity = None
        self._begin_at(0, EMPTY)
        try:
            with open(self._path, "rb") as file:
                identity, data = os.fstat(file.fileno()), file.read()
            members = self._replay(data)
        except FileNotFoundError:
            return {}
        except ValueError as error:
            log.warning("%s: %s; a new one is begun", self._path, error)
            self._begin_at(0, EMPTY)
            return {}
        self._identity = identity.st_dev, identity.st_ino
        self._cut(len(data))
        return members

    def appended(self) -> dict[str, str | None]:
        """What other processes did since: name -> etag, or None for a card that went.

        Replaced when this is no continuation of what was read before.
        """
        if self._identity is None:
            return {}
        try:
            now = os.stat(self._path)
        except FileNotFoundError:
            raise Replaced from None
        if (now.st_dev, now.st_ino) != self._identity or now.st_size < self._offset:
            raise Replaced
        if now.st_size == self._offset:
            return {}
        with open(self._path, "rb") as file:
            file.seek(self._offset)
            tail = file.read()
        changes = self._take(tail)
        self._cut(now.st_size)
        return {change.name: change.etag for change in changes}

    def begin(self, members: Mapping[str, str], seq: int, state: int) -> None:
        """Start a new file with these members as its past."""
        lines = [f"{_HEADER} {seq} {state:032x} {len(members)}\n"]
        lines += [f"{etag}\t{_quoted(name)}\n" for name, etag in members.items()]
        data = "".join(lines).encode()
        files.save(self._path, data)
        now = os.stat(self._path)
        self._begin_at(seq, state)
        self._identity, self._offset = (now.st_dev, now.st_ino), len(data)

    def append(self, changes: list[Change]) -> None:
        """Write these changes at the end."""
        lines = [_line(self.seq + n, change) for n, change in enumerate(changes, 1)]
        data = "".join(lines).encode()
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            files.write_all(descriptor, data)
        except OSError:
            os.ftruncate(descriptor, self._offset)
            raise
        finally:
            os.close(descriptor)
        self._offset += len(data)
        for change in changes:
            self._add(change)

    def since(self, seq: int, state: int) -> list[str] | None:
        """The names that changed after *seq*; None if the book was never in *state*.

        In another journal than the one that counted *seq*, what changed since the first time that
        the book was in *state*: a client may have put a card into it that is gone again.
        """
        return self._past.since(seq, state)

    def _replay(self, data: bytes) -> dict[str, str]:
        header, _, rest = data.partition(b"\n")
        *title, seq, state, count = header.decode("ascii").split(" ")
        if " ".join(title) != _HEADER:
            raise ValueError("not a journal")
        lines = rest.split(b"\n", int(count))
        if len(lines) != int(count) + 1:
            raise ValueError("the members are cut off")
        members = {}
        for line in lines[:-1]:
            etag, _, name = line.decode().partition("\t")
            members[_unquoted(name)] = etag
        self._begin_at(int(seq), _state(state))
        self._offset = len(data) - len(lines[-1])
        for change in self._take(lines[-1]):
            members.pop(change.name, None)
            if change.etag:
                members[change.name] = change.etag
        if sum(weight(*member) for member in members.items()) % (1 << 128) != self.state:
            raise ValueError("the members do not add up to the state")
        return members

    def _take(self, data: bytes) -> list[Change]:
        """Take in the lines up to the first that is none."""
        changes = []
        for line in data.split(b"\n")[:-1]:
            try:
                change = _change(line.decode(), self.seq + 1)
            except ValueError:
                break
            self._add(change)
            self._offset += len(line) + 1
            changes.append(change)
        return changes

    def _add(self, change: Change) -> None:
        self._past.add(change)
        self.seq, self.state = self.seq + 1, change.state

    def _cut(self, size: int) -> None:
        """Remove what is behind the last whole line: a power cut's, or a full disk's."""
        if self._offset < size:
            log.warning("%s: %d octets at its end are cut off", self._path, size - self._offset)
            os.truncate(self._path, self._offset)


class _Past:
    """The states since the base, 16 octets each, and the names that changed between them."""

    def __init__(self, seq: int, state: int) -> None:
        self._first = seq
        self._states = bytearray(state.to_bytes(16))
        self._names: list[str] = []

    def add(self, change: Change) -> None:
        self._names.append(change.name)
        self._states += change.state.to_bytes(16)  # last: a reader may be looking

    def since(self, seq: int, state: int) -> list[str] | None:
        at = self._find(seq - self._first, state.to_bytes(16))
        return None if at is None else self._names[at:]

    def _find(self, at: int, state: bytes) -> int | None:
        """The place of a state: *at*, or else the first one."""
        if at >= 0 and self._states[at * 16 : at * 16 + 16] == state:
            return at
        start = 0
        while (found := self._states.find(state, start)) >= 0:
            if found % 16 == 0:
                return found // 16
            start = found + 1
        return None


def _line(seq: int, change: Change) -> str:
    return f"{seq}\t{change.state:032x}\t{change.etag or '-'}\t{_quoted(change.name)}\n"


def _change(line: str, seq: int) -> Change:
    number, state, etag, name = line.split("\t", 3)
    if number != str(seq):
        raise ValueError("not the next change")
    return Change(_unquoted(name), None if etag == "-" else etag, _state(state))


def _state(text: str) -> int:
    if len(text) != 32:
        raise ValueError("not a state")
    return int(text, 16)


def _quoted(name: str) -> str:
    """A name as it is where it fits on a line, else as JSON."""
    return name if name.isprintable() and name[0] != '"' else json.dumps(name)


def _unquoted(text: str) -> str:
    return str(json.loads(text)) if text[:1] == '"' else text
