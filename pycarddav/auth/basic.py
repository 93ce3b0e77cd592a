"""HTTP Basic (RFC 7617): a user and a password with every request."""

import json
import logging
import secrets
import time
import unicodedata
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from threading import Lock

from ..model import Principal
from ..protocol.messages import Request
from . import LoginFailed, Verifier
from .names import MAX_NAME, normal
from .throttle import Throttle, Turnstile

log = logging.getLogger(__name__)

MAX_CREDENTIALS = 4096  # characters of base64
GOOD_FOR = 15 * 60.0  # seconds that a good login is remembered
WRONG_FOR = 60.0  # and a wrong one


def credentials(encoded: str) -> tuple[str, str]:
    """User and password; ValueError if these can be nobody's.

    Passwords are compared as RFC 8265 §4.2 says: canonically composed, otherwise as typed.
    """
    if len(encoded) > MAX_CREDENTIALS:
        raise ValueError("too long")
    user, colon, password = b64decode(encoded.strip(), validate=True).decode().partition(":")
    if not colon or any(unicodedata.category(char) == "Cc" for char in user + password):
        raise ValueError("no colon, or a control character")
    if len(user.encode()) > MAX_NAME:
        raise ValueError("nobody has such a name")
    return normal(user), normal(password)


@dataclass(frozen=True)
class Outcome:
    """What became of credentials: a principal, or why not; true *until* or a new generation."""

    result: Principal | LoginFailed
    generation: Hashable
    until: float


class Memory:
    """Outcomes by a keyed digest, of bounded size: no password is kept, the stalest goes first."""

    def __init__(self, size: int = 1024) -> None:
        self._size = size
        self._lock = Lock()
        self._outcomes: OrderedDict[bytes, Outcome] = OrderedDict()

    def get(self, digest: bytes) -> Outcome | None:
        return self._outcomes.get(digest)

    def put(self, digest: bytes, outcome: Outcome) -> None:
        with self._lock:
            self._outcomes[digest] = outcome
            self._outcomes.move_to_end(digest)
            if len(self._outcomes) > self._size:
                self._outcomes.popitem(last=False)

    def forget(self, digest: bytes) -> None:
        with self._lock:
            self._outcomes.pop(digest, None)


class Basic:
    """Authenticates by the Authorization header; *verifiers* are asked in their order.

    Whoever was right is not slowed down again: neither by hashing, nor by somebody who guesses
    from the same house.  Whoever was wrong and only repeats it is not guessing: a phone that
    still has the old password does not lock out the laptop that has the new one.
    """

    def __init__(
        self,
        verifiers: Sequence[Verifier],
        throttle: Throttle | None = None,
        turnstile: Turnstile | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._verifiers = tuple(verifiers)
        self._throttle = throttle or Throttle()
        self._turnstile = turnstile or Turnstile()
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._right, self._wrong = Memory(), Memory()

    def __call__(self, request: Request) -> Principal | None:
        scheme, _, encoded = (request.header("authorization") or "").partition(" ")
        if scheme.lower() != "basic":
            return None
        digest = blake2b(encoded.encode(errors="replace"), key=self._key).digest()
        return self._remembered(digest) or self._login(request, encoded, digest)

    def _generation(self) -> Hashable:
        return tuple(verifier.generation() for verifier in self._verifiers)

    def _remembered(self, digest: bytes) -> Principal | None:
        """The principal, if these credentials were right; LoginFailed, if they were wrong."""
        outcome = self._right.get(digest) or self._wrong.get(digest)
        if not outcome or self._clock() >= outcome.until:
            return None
        if outcome.generation != self._generation():
            return None
        if isinstance(outcome.result, LoginFailed):
            raise LoginFailed(outcome.result.reason)
        return outcome.result

    def _login(self, request: Request, encoded: str, digest: bytes) -> Principal | None:
        try:
            user, password = credentials(encoded)
        except ValueError:
            _failed(request, "", "malformed")
            raise LoginFailed("malformed") from None
        ask = partial(self._ask, request, user, password, digest)
        if principal := ask([item for item in self._verifiers if item.unguessable]):
            return principal
        if not self._right.get(digest):
            self._throttle.check(user, request.remote)
        with self._turnstile.turn():
            # A client's other connections have waited here for the first one's outcome.
            return self._remembered(digest) or ask(
                [item for item in self._verifiers if not item.unguessable]
            )

    def _ask(
        self,
        request: Request,
        user: str,
        password: str,
        digest: bytes,
        verifiers: Sequence[Verifier],
    ) -> Principal | None:
        """The first answer of the *verifiers*, which is remembered."""
        generation = self._generation()
        agent = request.header("user-agent") or ""
        try:
            answers = (verifier.verify(user, password, agent) for verifier in verifiers)
            principal = next((answer for answer in answers if answer), None)
        except LoginFailed as error:
            self._right.forget(digest)
            if not self._wrong.get(digest):
                self._throttle.failed(user, request.remote)
                _failed(request, user, error.reason)
            self._wrong.put(digest, Outcome(error, generation, self._clock() + WRONG_FOR))
            raise
        if principal:
            self._wrong.forget(digest)
            self._right.put(digest, Outcome(principal, generation, self._clock() + GOOD_FOR))
            self._throttle.passed(user, request.remote)
        return principal


def _failed(request: Request, user: str, reason: str) -> None:
    """The line that fail2ban reads: the address first, and nothing that could be taken for one."""
    agent = request.header("user-agent") or ""
    log.warning(
        "auth login failed from=%s user=%s reason=%s ua=%s",
        request.remote,
        json.dumps(user[:200]),
        reason,
        json.dumps(agent[:200]),
    )
