"""Who asks.

**Authenticator**: looks at a request and names the principal.  None: nothing was offered that it
understands, the next may look.  :class:`LoginFailed`: something was offered, and it is wrong.

**Verifier**: where users and passwords are kept (:mod:`.htpasswd`, :mod:`.tokens`);
what a scheme asks.
"""

from collections.abc import Callable, Hashable
from typing import Protocol

from ..dav.errors import Unauthorized
from ..model import Principal
from ..protocol.messages import Request

Authenticator = Callable[[Request], Principal | None]


class Verifier(Protocol):
    """*unguessable* passwords are random, and verified at once: they need not be throttled."""

    unguessable: bool

    def generation(self) -> Hashable:
        """Changes whenever a password that was right may not be right any more."""
        ...

    def verify(self, user: str, password: str, agent: str = "") -> Principal | None:
        """Whose credentials these are; None if this is no place for them, or LoginFailed.

        *agent* is the program that sends them.
        """
        ...


class LoginFailed(Unauthorized):
    """*reason* is for the log alone: whoever guesses must not learn which half was wrong."""

    def __init__(self, reason: str) -> None:
        super().__init__("the user name or the password is wrong")
        self.reason = reason
