"""A storm of changes in a process of its own, which says what it begins and what is done.

Each lane, a thread, has cards of its own in two books, so that it knows what they are; and there
are cards that all lanes fight for.  Lines of JSON: ``begin`` and ``done`` of what a lane does to
its own cards, ``told`` of what a client of a book has after a sync, ``failed``.
"""

import itertools
import json
import os
import random
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from disk import ME, card

from pycarddav.dav.errors import NotFound, PreconditionFailed, UidConflict
from pycarddav.dav.headers import ANYTHING, Condition
from pycarddav.model import Principal
from pycarddav.protocol.app import App
from pycarddav.store.filesystem import FilesystemStore

BOOKS = ("friends", "work")
NAMES = 3  # that a lane has in each book
SHARED = ("shared-0.vcf", "shared-1.vcf")


def run(storage: Path, lanes: list[int], seed: str, pipe) -> None:
    """Go on until killed."""
    store = FilesystemStore(storage)
    for number in lanes:
        lane = Lane(store, number, random.Random(f"{seed} {number}"), pipe.fileno())
        threading.Thread(target=lane.run).start()


def content(uid: str, text: str) -> bytes:
    """Larger than a page, and of a length that differs: a part of it is seen to be one."""
    return card(uid, text + " x" * (sum(text.encode()) * 7 % 5000))


def told(data: bytes) -> tuple[str, str]:
    """UID and text of a card of ours, which is whole."""
    _, _, uid, fn, *_ = data.decode().split("\r\n")
    uid, text = uid.removeprefix("UID:"), fn.removeprefix("FN:").split(" ")[0]
    assert data == content(uid, text), "half a card"
    return uid, text


def own(number: int) -> list[tuple[str, str]]:
    """Book and name of the cards of a lane."""
    return [(book, f"lane-{number}-{i}.vcf") for book in BOOKS for i in range(NAMES)]


class Client:
    """Syncs with a book; what it has may be newer than its token, as with any client."""

    def __init__(self, store: FilesystemStore, book: str) -> None:
        self.store, self.book = store, book
        self.token: str | None = None
        self.cards: dict[str, str] = {}

    def sync(self, limit: int | None = None) -> None:
        book = self.store.book("alice", self.book)
        changes = self.store.changes(book, self.token, limit)
        for name in changes.removed:
            self.cards.pop(name, None)
        self.cards |= {it.name: it.etag for it in self.store.entries(book, changes.changed)}
        self.token = changes.token


class Lane:
    """What one thread does."""

    def __init__(self, store: FilesystemStore, number: int, chance: random.Random, pipe: int):
        self.store, self.number, self.chance, self.pipe = store, number, chance, pipe
        self.places = own(number)
        self.mine: dict[tuple[str, str], str] = {}  # place -> UID
        self.client = Client(store, BOOKS[number % 2])

    def run(self) -> None:
        try:
            for book, name in self.places:
                for found in self.store.cards(self.book(book), [name]):
                    self.mine[book, name] = told(found.data)[0]
            while True:
                self.chance.choice([self.put, self.put, self.delete, self.move, self.fight])()
                if self.chance.random() < 0.3:
                    self.client.sync(self.chance.choice([None, 2]))
                    self.say("told", self.client.book, self.client.token, self.client.cards)
        except Exception:
            self.say("failed", traceback.format_exc())

    def book(self, name: str):
        return self.store.book("alice", name)

    def entry(self, book: str, name: str):
        return next(self.store.entries(self.book(book), [name]))

    def say(self, *words: object) -> None:
        os.write(self.pipe, json.dumps(words).encode() + b"\n")

    def begin(self, **effect: str | None) -> None:
        """Say what own cards are to be: a UID and a text, or None."""
        self.say("begin", self.number, effect)

    def done(self) -> None:
        self.say("done", self.number)

    def put(self) -> None:
        book, name = place = self.chance.choice(self.places)
        text = f"{self.chance.getrandbits(40):x}"
        uid = self.mine.setdefault(place, f"{self.number}-{text}")
        self.begin(**{"/".join(place): [uid, text]})
        self.store.put(self.book(book), name, content(uid, text), uid, ANYTHING, ME)
        self.done()

    def delete(self) -> None:
        if self.mine:
            place = self.chance.choice(sorted(self.mine))
            self.begin(**{"/".join(place): None})
            self.store.delete(self.entry(*place), ANYTHING, ME)
            del self.mine[place]
            self.done()

    def move(self) -> None:
        free = [place for place in self.places if place not in self.mine]
        if self.mine and free:
            source, (book, name) = self.chance.choice(sorted(self.mine)), self.chance.choice(free)
            (found,) = self.store.cards(self.book(source[0]), [source[1]])
            self.begin(**{"/".join(source): None, f"{book}/{name}": told(found.data)})
            self.store.move(found, self.book(book), name, ANYTHING, Condition(None, "*"), ME)
            self.mine[book, name] = self.mine.pop(source)
            self.done()

    def fight(self) -> None:
        """Put or delete what others put and delete, under conditions, with UIDs that clash."""
        book, name = self.chance.choice(BOOKS), self.chance.choice(SHARED)
        uid, text = self.chance.choice(SHARED), f"{self.chance.getrandbits(40):x}"
        condition = self.chance.choice([ANYTHING, Condition(None, "*")])
        with suppress(PreconditionFailed, UidConflict, NotFound, StopIteration):
            if self.chance.random() < 0.3:
                self.store.delete(self.entry(book, name), ANYTHING, ME)
            else:
                self.store.put(self.book(book), name, content(uid, text), uid, condition, ME)


# Of sys.addaudithook(): what changes something
CHANGING = ("os.rename", "os.link", "os.remove", "os.truncate", "os.mkdir")


def killed(do: Callable[[FilesystemStore], None], storage: Path, at: int) -> None:
    """Do this; be killed before the change of this number is asked of the operating system."""
    store = FilesystemStore(storage)
    asked = itertools.count()

    def heard(event: str, args: tuple[object, ...]) -> None:
        writes = event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_DIRECTORY)
        if (writes or event in CHANGING) and next(asked) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(heard)
    do(store)


def move_ada(store: FilesystemStore) -> None:
    """Move her card from one book to the other."""
    source, target = (store.book("alice", book) for book in BOOKS)
    (found,) = store.entries(source, ["ada.vcf"])
    store.move(found, target, "ada.vcf", ANYTHING, ANYTHING, ME)


def delete_friends(store: FilesystemStore) -> None:
    """The book, with all that is known of it."""
    store.delete_book(store.book("alice", "friends"), ME)


def move_friends(store: FilesystemStore) -> None:
    """The book, with all that is known of it."""
    store.move_book(store.book("alice", "friends"), "bob", "friends", False, ME)


def welcome_alice(store: FilesystemStore) -> None:
    """As at her first login."""
    App(store, lambda request: None).welcome(Principal("alice"))
