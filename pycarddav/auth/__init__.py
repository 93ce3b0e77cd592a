"""Who asks.

**Authenticator**: looks at a request and names the principal.

**Door**: a place that knows who may come in (:mod:`.htpasswd`, :mod:`.tokens`, :mod:`.ldap` …).

**Scheme**: how a request offers something to log in with (RFC 9110 §11.1), and how it is asked to.
Doors of one scheme are offered the same.

**Gate**: all doors, tried in order; what holds for every one of them is done there.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ..dav.errors import BASIC, Unauthorized, Unavailable
from ..model import Principal
from ..protocol.messages import Request

Authenticator = Callable[[Request], Principal | None]

DoorName = Literal[
    "htpasswd", "digest", "ldap", "oauth", "remote_user"
]  # serve/site.py makes one of each

GOOD_FOR = 15 * 60.0  # seconds that a good login is remembered, unless its door knows better


@dataclass(frozen=True)
class Login:
    """What is offered: *user* is who they say they are, "" where only the *secret* knows.

    *familiar* is somebody who has been let in with the like of it, and so does not guess.
    """

    user: str
    secret: str
    request: Request = field(default_factory=lambda: Request("GET", "/"))
    familiar: bool = False


@dataclass(frozen=True)
class Identity:
    """Who somebody has proven to be, and for how many seconds that is *good_for*.

    *personal* is a login of the person, and not one that was made for a program of theirs.
    """

    name: str
    good_for: float = GOOD_FOR
    personal: bool = True
    read_only: bool = False
    books: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Scheme:
    """*name* is in lower case; "" is what a proxy says of its client.

    Where the same is offered with each request (*repeated*), what became of it can be remembered.
    *read* makes a login of what stands after the name; ValueError if that can be nobody's.
    *challenges* are what WWW-Authenticate says, after that failure if there was one.
    """

    name: str
    read: Callable[[str, Request], Login]
    challenges: Callable[["LoginFailed | None"], Sequence[str]]
    repeated: bool = True


class Door(Protocol):
    """Where a secret can be *guessable*, failures are slowed down; *costly* ones wait in line."""

    scheme: Scheme
    guessable: bool
    costly: bool

    def generation(self) -> Hashable:
        """Changes whenever a login that was right may not be right any more."""
        ...

    def knows(self, user: str) -> bool:
        """Whether there is such a user; True where that cannot be told."""
        ...

    def verify(self, login: Login) -> Identity | None:
        """Whose login this is; None if it is no business of this door.

        LoginFailed if it is wrong, DoorClosed if that cannot be told.
        """
        ...


class LoginFailed(Unauthorized):
    """*reason* is for the log alone: whoever guesses must not learn which half was wrong."""

    def __init__(self, reason: str, challenges: Sequence[str] = (BASIC,)) -> None:
        super().__init__("the user name or the password is wrong", challenges)
        self.reason = reason


class Stale(LoginFailed):
    """*user* has proven to know the password, for a request that is not this one."""

    def __init__(self, user: str) -> None:
        super().__init__("stale")
        self.user = user


class DoorUnusable(Exception):
    """Nobody could ever come in by this door; the message says what is wrong with its settings."""


class DoorClosed(Unavailable):
    """Whoever could say cannot be asked at the moment; the message is for the log."""

    public = "logins cannot be checked at the moment; the server's log says why"
    retry_after = 30
