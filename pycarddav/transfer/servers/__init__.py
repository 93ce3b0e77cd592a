"""Other servers' address books: what migrate takes from, over the network or from their storage.

book     an address book there
listed   a card as the listing knows it: its name and its version; equal version, equal content
fetched  a listed card with its content, or the problem that is in the way

A source that cannot go on raises ClientError or SourceUnreadable.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from xml.etree.ElementTree import Element


class SourceUnreadable(Exception):
    """What should be the storage of another server is not, or cannot be read."""


@dataclass(frozen=True)
class SourceBook:
    """*place* is its URL or folder, *name* the last segment of that, *props* its properties."""

    place: str
    name: str
    props: tuple[Element, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Listed:
    """*name* is the last segment of the card's URL, *href* where it is, as its server spells it.

    *size* is in octets, where it is known; with a *problem* the card cannot be had.
    """

    name: str
    href: str
    version: str = ""
    size: int | None = None
    problem: str = ""


@dataclass(frozen=True)
class Fetched:
    listed: Listed
    data: bytes = b""
    problem: str = ""


class Source(Protocol):
    """Where address books come from."""

    def books(self) -> list[SourceBook]:
        """Those of one user."""

    def listing(self, book: SourceBook) -> list[Listed]:
        """All its cards, and what should be one and is not."""

    def fetch(self, book: SourceBook, listed: Sequence[Listed]) -> Iterator[Fetched]:
        """The content of each, in any order."""


def text(name: str, value: str) -> Element:
    """A property that is text."""
    element = Element(name)
    element.text = value
    return element
