"""Which files of a folder may have changed, asked when somebody wants to know: no thread.

The kernel queues an inotify event before the system call that caused it returns, so a look at the
queue at the start of a request misses nothing that happened before.  It does that for changes
made through this kernel only: on a network share, and wherever inotify fails, each look is a look
at everything.  Where it fails because others use all that there is, it is tried again.
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
from math import inf
from termios import FIONREAD
from typing import Literal
from weakref import WeakValueDictionary

from ... import haste
from . import libc

log = logging.getLogger(__name__)

Choice = Literal["auto", "inotify", "stat"]
Heard = Mapping[str, int]  # file -> the number of its last event

EVERYTHING = ""  # among the files of Heard: any of them may have changed
NOTHING: Heard = {}

_AGAIN = 60.0  # seconds after which it is tried again to listen
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
    """One queue for all folders: a user may have 128 queues, and many more watches.

    What is to be called under the lock says so.
    """

    def __init__(self) -> None:
        self._queue: int | None = None
        self._refused = False  # the queue, and that was said
        self._watches: WeakValueDictionary[int, Watch] = WeakValueDictionary()
        self._events = 0
        self.lock = threading.Lock()

    def add(self, folder: str, watch: "Watch") -> tuple[int, int] | None:
        """Listen to a folder: the kernel's number for it, and that of this event.

        None where there is no queue, of which the log knows.  Under the lock.  OSError.
        """
        if (queue := self._opened()) is None:
            return None
        wanted = _OF_A_FILE | _OF_THE_FOLDER | _ONLYDIR | _DONT_FOLLOW
        number = libc.inotify_add(queue, folder, wanted)
        self._events += 1
        if other := self._watches.get(number):  # it hears nothing from now on
            other.happened("", _IGNORED, self._events)
        self._watches[number] = watch
        return number, self._events

    def _opened(self) -> int | None:
        if self._queue is None:
            try:
                self._queue = libc.inotify_init()
            except OSError as error:
                if not self._refused:
                    log.warning("no inotify, looking at every file: %s", error)
                self._refused = True
                return None
            self._close = weakref.finalize(self, os.close, self._queue)
            if self._refused:
                log.info("inotify works now")
        return self._queue

    def remove(self, number: int, watch: "Watch") -> None:
        """Stop listening for *watch*, unless the folder is another's by now.  Under the lock."""
        if self._queue is not None and self._watches.get(number) is watch:
            del self._watches[number]
            with suppress(OSError):  # the folder has gone, and the watch with it
                libc.inotify_remove(self._queue, number)

    def fetch(self) -> None:
        """Hand out what is in the queue.  Who returns from here has everything."""
        with self.lock:
            if (queue := self._queue) is None:
                return
            while (size := struct.unpack("i", ioctl(queue, FIONREAD, b"\0" * 4))[0]) > 0:
                self._hand_out(os.read(queue, size))

    def close(self) -> None:
        """Hear nothing more."""
        with self.lock:
            if self._queue is not None:
                self._queue = None
                self._close()

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

    def __init__(self, folder: str, inotify: Inotify | None, local: bool) -> None:
        self._folder, self._inotify, self._local = folder, inotify, local
        self._number: int | None = None
        self._tried = 0.0
        self._refused = False  # this folder, and that was said
        self._pending: dict[str, int] = {}
        self._writing: dict[str, float] = {}  # file -> when it was last written to, and not closed
        self._touched: set[str] = set()  # of those pending, what may have been written to
        self._looked = 0.0
        self.begin()

    def begin(self) -> None:
        """Listen to the folder that is at the path now, or as soon as that works."""
        if inotify := self._inotify:
            with inotify.lock:
                self._leave(inotify)
            self._listen(inotify)

    def end(self) -> None:
        """Stop listening, for good."""
        if inotify := self._inotify:
            with inotify.lock:
                self._inotify = None
                self._leave(inotify)

    def _leave(self, inotify: Inotify) -> None:
        if self._number is not None:
            inotify.remove(self._number, self)
        self._number = None
        self._pending, self._writing, self._touched = {}, {}, set()

    def _listen(self, inotify: Inotify) -> None:
        self._tried = time.monotonic()
        try:
            if self._local and libc.is_remote(self._folder):
                self._tried = inf
            elif self._was_added(inotify) and self._refused:
                log.info("%s: inotify works now", self._folder)
                self._refused = False
        except FileNotFoundError:
            pass  # whoever asks for the book is told
        except OSError as error:  # all watches are in use
            if not self._refused:
                log.warning("%s: no inotify, looking at every file: %s", self._folder, error)
            self._refused = True

    def _was_added(self, inotify: Inotify) -> bool:
        with inotify.lock:
            if not self._inotify or not (added := inotify.add(self._folder, self)):
                return False  # another thread has ended it, or there is no queue
            number, begun = added
            self._pending = {EVERYTHING: begun}  # which a look that began before has not seen
            self._number = number
        return True

    def heard(self) -> Heard:
        """The files that may have changed since done() was told of them."""
        if not (inotify := self._inotify):
            return {EVERYTHING: 0}
        if self._number is None and time.monotonic() - self._tried >= _AGAIN:
            haste.wait()
            self._listen(inotify)
        if self._number is None:
            return {EVERYTHING: 0}
        inotify.fetch()
        if self._number is None or time.monotonic() - self._looked > _SAFETY:
            return {EVERYTHING: 0} | self._pending
        if self._writing:
            return dict.fromkeys(self._writing, 0) | self._pending
        return dict(self._pending) if self._pending else NOTHING

    def done(self, heard: Heard) -> None:
        """All of this has been looked at; what happened meanwhile stays to be heard."""
        if not (inotify := self._inotify):
            return
        with inotify.lock:
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
        self._inotify = None if choice == "stat" else Inotify()
        self._local = choice == "auto"

    def of(self, folder: str) -> Watch:
        """A watch of this folder."""
        return Watch(folder, self._inotify, self._local)

    def close(self) -> None:
        """Stop all watching."""
        if self._inotify:
            self._inotify.close()
            self._inotify = None
