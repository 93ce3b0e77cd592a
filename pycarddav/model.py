"""The resources, as snapshots: what was true at one moment.  Immutable; no I/O behind an attribute.

A path is absolute, percent-encoded in one canonical way (RFC 3986 §2.3, and what clients expect to
see raw, ``@`` above all), and does not know under which prefix the server is reached.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import quote

from .dav.errors import Error
from .dav.xml import XML

PRINCIPALS = ".principals"

_PLAIN = re.compile(r"[A-Za-z0-9@~._-]+")  # what most names are made of, and nothing is to encode


def encode(name: str) -> str:
    """One path segment, in the only spelling that this server ever answers with."""
    return name if _PLAIN.fullmatch(name) else quote(name, safe="!$&'()*+,;=:@~-._")


@dataclass(frozen=True)
class Principal:
    """Who somebody is (RFC 3744 §2): the one who asks, and the resource, which has properties.

    Who asks may have logged in with less than they are: to read only, or to reach only the books
    of these names.
    """

    name: str
    admin: bool = False
    read_only: bool = False
    books: tuple[str, ...] | None = None
    displayname: str | None = None
    dead: "Dead" = ()

    @property
    def limited(self) -> bool:
        """Whether this login may do less than its user."""
        return self.read_only or self.books is not None

    @property
    def path(self) -> str:
        return f"/{PRINCIPALS}/{encode(self.name)}/"


@dataclass(frozen=True)
class Author:
    """Who makes a change, for the history: a user and the program they use."""

    user: str
    agent: str = ""


@dataclass(frozen=True)
class Root:
    path = "/"


@dataclass(frozen=True)
class PrincipalCollection:
    """Where the principals are (RFC 3744 §5.8)."""

    path = f"/{PRINCIPALS}/"


# A property the server only keeps (RFC 4918 §4): its name, and its element as a fragment.
Dead = tuple[tuple[str, XML], ...]


@dataclass(frozen=True)
class Home:
    """An address book home (RFC 6352 §7.1.1)."""

    owner: str
    displayname: str | None = None
    dead: Dead = ()

    @cached_property
    def path(self) -> str:
        return f"/{encode(self.owner)}/"

    @property
    def principal(self) -> Principal:
        """Whose it is: their properties are those of the home."""
        return Principal(self.owner, displayname=self.displayname, dead=self.dead)


@dataclass(frozen=True)
class AddressBook:
    """An address book collection (RFC 6352 §5.2).

    *token* names the state of its cards, *revision* that of their properties and times;
    *size* is theirs together, in octets.  *language* is the xml:lang of the description.
    """

    owner: str
    name: str
    token: str = ""
    displayname: str | None = None
    description: str | None = None
    dead: Dead = ()
    language: str | None = None
    revision: str = ""
    size: int = 0

    @cached_property
    def path(self) -> str:
        return f"/{encode(self.owner)}/{encode(self.name)}/"


@dataclass(frozen=True)
class Entry:
    """An address object resource (RFC 6352 §5.1) as a listing knows it: without its content.

    *etag* is quoted and strong, *size* counts octets, *modified* is in seconds since the epoch.
    """

    book: AddressBook = field(repr=False)
    name: str
    etag: str
    size: int
    modified: float
    dead: Dead = field(default=(), repr=False)

    @property
    def path(self) -> str:
        return self.book.path + encode(self.name)


@dataclass(frozen=True)
class Card(Entry):
    """An entry together with its content."""

    data: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class BrokenCard(Entry):
    """An entry whose content cannot be had at the moment, and *why*; of the others it can."""

    why: str = field(default="", repr=False)


@dataclass(frozen=True)
class UnmappedBook:
    """A URL in a home where no book is, yet ("unmapped": RFC 4918 §5.1)."""

    owner: str
    name: str

    @property
    def path(self) -> str:
        return f"/{encode(self.owner)}/{encode(self.name)}/"


@dataclass(frozen=True)
class UnmappedCard:
    """A URL in a book where no card is, yet."""

    book: AddressBook
    name: str

    @property
    def path(self) -> str:
        return self.book.path + encode(self.name)


@dataclass(frozen=True)
class Unmappable:
    """A URL where nothing can be: *why* is the answer to whoever would make something there."""

    path: str
    why: Error
    owner: str | None = None


Collection = Root | PrincipalCollection | Principal | Home | AddressBook
Resource = Collection | Entry
Unmapped = UnmappedBook | UnmappedCard | Unmappable


@dataclass(frozen=True)
class Lock:
    """A write lock (RFC 4918 §6, §7) on what is, or will be, at the path *root*.

    *deep* is Depth infinity, *principal* who made it, *owner* the element in which the client says
    whose it is, *expires* in seconds since the epoch.
    """

    token: str
    root: str
    deep: bool
    exclusive: bool
    principal: str
    owner: XML
    expires: float


@dataclass(frozen=True)
class Changes:
    """What happened in a book since a sync-token: names, each once, in the order to be sent.

    *token* names the state after exactly these; *more* says that it is not yet the newest.
    """

    changed: tuple[str, ...]
    removed: tuple[str, ...]
    token: str
    more: bool = False
