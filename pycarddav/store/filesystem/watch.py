"""Which files of a folder may have changed, asked when somebody wants to know: no thread.

The kernel queues an inotify event before the system call that caused it returns, so a look at the
queue at the start of a request misses nothing that happened before.  It does that for changes
made through this kernel only: on a network share, and wherever inotify fails, each look is a look
at everything.
"""

import logging
import os
import struct
import threading
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from fcntl import ioctl
from termios import FIONREAD
from typing import Literal
from weakref import WeakValueDictionary

from . import libc

log = logging.getLogger(__name__)

Choice = Literal["auto", "inotify", "stat"]
Heard = Mapping[str, int]  # file -> the number of its last event

EVERYTHING = ""  # among the files of Heard: any of them may have changed
NOTHING: Heard = {}

_SAFETY = 300.0  # seconds after which everything is looked at though nothing was heard
_QUIET = 2.0  # seconds after which a file that nobody closes is taken for written

# <sys/inotify.h>
_MODIFY, _ATTRIB, _CLOSE_WRITE = 0x2, 0x4, 0x8
_MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x40, 0x80, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF, _UNMOUNT, _OVERFLOW, _IGNORED = 0x400, 0x800, 0x2000, 0x4000, 0x8000
_ONLYDIR, _DONT_FOLLOW = 0x1000000, 0x2000000
_OF_A_FILE = _MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE
_OF_THE_FOLDER = _DELETE_SELF | _MOVE_SELF
_OF_PLACING = _MOVED_TO | _ATTRIB  # the latter: the history has a link to what was there
_EVENT = struct.Struct("iIII")


class Inotify:
    """One queue for all folders: a user may have 128 queues, and many more watches."""

    def __init__(self) -> None:
        self._queue = libc.inotify_init()
        self.close = weakref.finalize(self, os.close, self._queue)
        self._watches: WeakValueDictionary[int, Watch] = WeakValueDictionary()
        self._events = 0
        self.lock = threading.Lock()

    def add(self, folder: str, watch: "Watch") -> int:
        """Listen to a folder; the kernel's number for it.  OSError."""
        wanted = _OF_A_FILE | _OF_THE_FOLDER | _ONLYDIR | _DONT_FOLLOW
        with self.lock:
            number = libc.inotify_add(self._queue, folder, wanted)
            self._watches[number] = watch
        return number

    def remove(self, number: int, watch: "Watch") -> None:
        """Stop listening for *watch*, unless the folder is another's by now."""
        with self.lock:
            if self._watches.get(number) is watch:
                del self._watches[number]
                with suppress(OSError):  # the folder has gone, and the watch with it
                    libc.inotify_remove(self._queue, number)

    def fetch(self) -> None:
        """Hand out what is in the queue.  Who returns from here has everything."""
        with self.lock:
            while (size := struct.unpack("i", ioctl(self._queue, FIONREAD, b"\0" * 4))[0]) > 0:
                self._hand_out(os.read(self._queue, size))

    def _hand_out(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            number, mask, _, length = _EVENT.unpack_from(data, at)
            at += _EVENT.size + length
            self._events += 1
            if mask & _OVERFLOW:
                for watch in self._watches.values():
                    watch.happened(EVERYTHING, mask, self._events)
            elif number in self._watches:
                file = os.fsdecode(data[at - length : at].rstrip(b"\0"))
                self._watches[number].happened(file, mask, self._events)
                if mask & _IGNORED:
                    del self._watches[number]


class Watch:
    """One folder.  Before somebody has looked, everything may have changed."""

    def __init__(self, folder: str, inotify: Inotify | None) -> None:
        self._folder, self._inotify = folder, inotify
        self._number: int | None = None
        self._pending: dict[str, int] = {}
        self._writing: dict[str, float] = {}  # file -> when it was last written to, and not closed
        self._touched: set[str] = set()  # of those pending, what may have been written to
        self._looked = 0.0
        self.begin()

    def begin(self) -> None:
        """Listen to the folder that is at the path now."""
        self.end()
        if not self._inotify:
            return
        try:
            self._number = self._inotify.add(self._folder, self)
        except OSError as error:  # all watches are in use, or the folder has gone
            log.warning("%s: no inotify, looking at every file: %s", self._folder, error)

    def end(self) -> None:
        """Stop listening."""
        if self._inotify and self._number is not None:
            self._inotify.remove(self._number, self)
        self._number = None
        self._pending, self._writing, self._touched = {EVERYTHING: 0}, {}, set()

    def heard(self) -> Heard:
        """The files that may have changed since done() was told of them."""
        if not self._inotify or self._number is None:
            return {EVERYTHING: 0}
        self._inotify.fetch()
        if self._number is None or time.monotonic() - self._looked > _SAFETY:
            return {EVERYTHING: 0} | self._pending
        if self._writing:
            return dict.fromkeys(self._writing, 0) | self._pending
        return dict(self._pending) if self._pending else NOTHING

    def done(self, heard: Heard) -> None:
        """All of this has been looked at; what happened meanwhile stays to be heard."""
        if not self._inotify:
            return
        with self._inotify.lock:
            if EVERYTHING in heard:
                self._looked = time.monotonic()
            for file, event in heard.items():
                if self._pending.get(file) == event:
                    del self._pending[file]
                    self._touched.discard(file)
                if not self.is_being_written(file):
                    self._writing.pop(file, None)

    def is_being_written(self, file: str) -> bool:
        """Whether somebody has this file open, and wrote to it a moment ago."""
        return time.monotonic() - self._writing.get(file, float("-inf")) < _QUIET

    def was_only_placed(self, file: str) -> bool:
        """Whether nothing has happened but that a whole file has come here, as put() does it.

        Then its inode tells which one, even within the tick of its times.
        """
        return file in self._pending and file not in self._touched

    def happened(self, file: str, mask: int, event: int) -> None:
        """Take note of an event.  For Inotify, which holds its lock."""
        if mask & (_IGNORED | _UNMOUNT | _OVERFLOW | _OF_THE_FOLDER):
            self._pending[EVERYTHING] = event
            self._number = None if mask & _IGNORED else self._number
        elif file and not file.startswith("."):
            self._pending[file] = event
            if not mask & _OF_PLACING:
                self._touched.add(file)
            if mask & _MODIFY:
                self._writing[file] = time.monotonic()
            elif not mask & _ATTRIB:
                self._writing.pop(file, None)


class Watches:
    """Makes watches: with inotify where it is wanted and works."""

    def __init__(self, choice: Choice = "auto") -> None:
        self._choice = choice
        self._inotify: Inotify | None = None
        if choice != "stat":
            try:
                self._inotify = Inotify()
            except OSError as error:
                log.warning("no inotify, looking at every file: %s", error)

    def of(self, folder: str) -> Watch:
        """A watch of this folder."""
        inotify = self._inotify
        if inotify and self._choice == "auto":
            try:
                inotify = None if libc.is_remote(folder) else inotify
            except OSError:
                inotify = None
        return Watch(folder, inotify)

    def close(self) -> None:
        """Stop all watching."""
        if self._inotify:
            self._inotify.close()
            self._inotify = None
