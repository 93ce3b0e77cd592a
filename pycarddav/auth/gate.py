"""All doors, and what holds for every one of them.

What a login was is remembered, wrong ones are slowed down and written down, and nobody comes in
under a name that a user cannot have.
"""

import json
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from threading import Lock

from .. import floor, haste
from ..dav.errors import Unauthorized
from ..model import Principal
from ..protocol.messages import Request
from . import Door, DoorClosed, Identity, Login, LoginFailed, Scheme, Stale
from .names import check_name, normal
from .throttle import Throttle, Turnstile

log = logging.getLogger(__name__)

REMEMBERED = 1024  # logins that were right, and as many that were wrong
WRONG_FOR = 60.0  # seconds that a wrong login is remembered
CLOSED_FOR = 5.0  # and that its door was closed


@dataclass(frozen=True)
class Outcome:
    """What became of a login: a principal, or why not; true *until* or a new generation.

    *counted* is a guess that will not count again.
    """

    result: Principal | Callable[[], LoginFailed | DoorClosed]
    generation: Hashable
    until: float
    counted: bool = False


class Memory:
    """Outcomes by a keyed digest, of bounded size: no secret is kept, the stalest goes first."""

    def __init__(self, size: int) -> None:
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


class Entrance:
    """The doors of one scheme, asked in their order; the first that knows somebody lets them in.

    Whoever was right is not slowed down again: neither by hashing, nor by somebody who guesses
    from the same house.  Whoever was wrong and only repeats it is not guessing: a phone that
    still has the old password does not lock out the laptop that has the new one.
    """

    def __init__(
        self,
        doors: Sequence[Door],
        generation: Callable[[], Hashable],
        admins: Collection[str],
        throttle: Throttle,
        turnstile: Turnstile,
        clock: Callable[[], float],
    ) -> None:
        """*generation* is that of all doors: who has gone from one is known at no other."""
        self.scheme: Scheme = doors[0].scheme
        self._doors, self._generation = tuple(doors), generation
        self._admins = frozenset(admins)
        self._throttle, self._turnstile, self._clock = throttle, turnstile, clock
        self._key = secrets.token_bytes(32)
        size = REMEMBERED if self.scheme.repeated else 0
        self._right, self._wrong = Memory(size), Memory(size)

    def enter(self, request: Request, offered: str) -> Principal:
        """LoginFailed, DoorClosed, TooManyRequests, Busy."""
        digest = blake2b(offered.encode(errors="replace"), key=self._key).digest()
        return self._remembered(digest) or self._login(request, offered, digest)

    def _remembered(self, digest: bytes) -> Principal | None:
        """The principal, if this login was right; if it was wrong, the error."""
        for memory in (self._right, self._wrong):
            outcome = memory.get(digest)
            if not outcome or self._clock() >= outcome.until:
                continue
            if outcome.generation == self._generation():
                if isinstance(outcome.result, Principal):
                    return outcome.result
                raise outcome.result()
        return None

    def _login(self, request: Request, offered: str, digest: bytes) -> Principal:
        haste.wait()
        try:
            login = self.scheme.read(offered, request)
        except ValueError:
            _failed(request, "", "malformed")
            raise LoginFailed("malformed") from None
        generation = self._generation()
        failures: list[LoginFailed | DoorClosed] = []
        easy = [door for door in self._doors if not door.guessable]
        hard = [door for door in self._doors if door.guessable]
        if identity := _first(easy, login, failures):
            return self._right_one(login, digest, identity, generation)
        # Whose token has expired is told so, not how to guess.
        if hard and not failures:
            if not (login.familiar or self._right.get(digest)):
                self._throttle.check(_whom(login, digest), request.remote)
            costly = any(door.costly for door in hard)
            with floor.given(), self._turnstile.turn() if costly else nullcontext():
                # A client's other connections have waited here for the first one's outcome.
                if principal := self._remembered(digest):
                    return principal
                if identity := _first(hard, login, failures):
                    return self._right_one(login, digest, identity, generation)
            for failure in failures:
                if isinstance(failure, Stale):
                    raise failure  # which is nobody's guess, and not the same next time
        raise self._wrong_one(login, digest, failures, generation)

    def _right_one(
        self, login: Login, digest: bytes, identity: Identity, generation: Hashable
    ) -> Principal:
        try:
            principal = self._principal(identity)
        except ValueError:
            failures = [LoginFailed("no-user-name")]
            raise self._wrong_one(login, digest, failures, generation) from None
        self._wrong.forget(digest)
        if identity.good_for > 0:
            until = self._clock() + identity.good_for
            self._right.put(digest, Outcome(principal, generation, until))
        if not login.familiar:  # or who guesses would be forgiven with each request
            self._throttle.passed(_whom(login, digest), login.request.remote)
        return principal

    def _principal(self, identity: Identity) -> Principal:
        """UserNameRefused: directories and issuers know names that are no folders."""
        name = normal(identity.name)
        check_name(name)
        admin = identity.personal and name in self._admins
        return Principal(name, admin, identity.read_only, identity.books)

    def _wrong_one(
        self,
        login: Login,
        digest: bytes,
        failures: Sequence[LoginFailed | DoorClosed],
        generation: Hashable,
    ) -> LoginFailed | DoorClosed:
        """The error, which is remembered; only the first time it counts and is written down."""
        wrong = [failure for failure in failures if isinstance(failure, LoginFailed)]
        closed = [failure for failure in failures if isinstance(failure, DoorClosed)]
        reason = wrong[-1].reason if wrong else "unknown"
        if not closed:
            self._right.forget(digest)
        before = self._wrong.get(digest)
        # What a closed door has not heard counts when it does, or guesses would be free then.
        counts = bool(wrong) or not closed
        if not (before and before.counted):
            if counts:
                self._throttle.failed(_whom(login, digest), login.request.remote)
            if not closed:  # or a directory's failure would have fail2ban ban its users
                _failed(login.request, login.user, reason)
        # Made anew each time: an exception keeps alive whatever there was where it was raised.
        error = partial(DoorClosed, str(closed[0])) if closed else partial(LoginFailed, reason)
        until = self._clock() + (CLOSED_FOR if closed else WRONG_FOR)
        counted = counts or bool(before and before.counted)
        self._wrong.put(digest, Outcome(error, generation, until, counted))
        return error()


def _first(
    doors: Iterable[Door], login: Login, failures: list[LoginFailed | DoorClosed]
) -> Identity | None:
    """The first that one of the *doors* knows; what the others said is added to *failures*."""
    for door in doors:
        try:
            if identity := door.verify(login):
                return identity
        except (LoginFailed, DoorClosed) as failure:
            failures.append(failure)
    return None


def _whom(login: Login, digest: bytes) -> str:
    """Whom somebody tries to be; without a name, whoever has that very secret."""
    return login.user or digest.hex()


class Gate:
    """Authenticates by the *doors*, in their order; *admins* are the same behind all of them."""

    def __init__(
        self,
        doors: Sequence[Door],
        admins: Collection[str] = (),
        throttle: Throttle | None = None,
        turnstile: Turnstile | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        throttle, turnstile = throttle or Throttle(), turnstile or Turnstile()

        def generation() -> Hashable:
            return tuple(door.generation() for door in doors)

        schemes = dict.fromkeys(door.scheme for door in doors)
        self._entrances = [
            Entrance(
                [door for door in doors if door.scheme == scheme],
                generation,
                admins,
                throttle,
                turnstile,
                clock,
            )
            for scheme in schemes
        ]

    def __call__(self, request: Request) -> Principal:
        """Who asks; Unauthorized with the challenges of all doors, and other Errors."""
        name, _, secret = (request.header("authorization") or "").partition(" ")
        offers = {name.lower(): secret} if name else {}
        if request.user:
            offers[""] = request.user
        failed: tuple[Entrance, LoginFailed] | None = None
        for entrance in self._entrances:
            offered = offers.get(entrance.scheme.name)
            if offered is not None:
                try:
                    return entrance.enter(request, offered)
                except LoginFailed as failure:
                    failed = failed or (entrance, failure)
        raise self._refusal(*failed or (None, None))

    def _refusal(self, where: Entrance | None, failure: LoginFailed | None) -> Unauthorized:
        """With the challenges of all schemes, of which the one that failed knows."""
        challenges = [
            challenge
            for entrance in self._entrances
            for challenge in entrance.scheme.challenges(failure if entrance is where else None)
        ]
        if failure:
            return LoginFailed(failure.reason, challenges)
        return Unauthorized("who are you?", challenges)


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
