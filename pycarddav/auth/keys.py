"""Signed tokens (RFC 7519), and the keys of their issuer (RFC 7517), which it may change."""

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any

from ..client.errors import ClientError
from . import DoorClosed, LoginFailed

log = logging.getLogger(__name__)

FRESH_FOR = 600.0  # seconds until the keys are asked for again
AGAIN = 60.0  # seconds until that is done because a token names a key that is not there
PATIENCE = 1.0  # seconds to wait for the first keys, while somebody else is asking for them
LEEWAY = 30.0  # seconds that clocks may differ by

# What a key of each kind may sign with.  Neither "none", nor a secret shared with the issuer: who
# only checks signatures must not be able to make them (RFC 8725 §3.1).
ALGORITHMS: Mapping[str, Sequence[str]] = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "EC": ("ES256", "ES384", "ES512"),
    "OKP": ("EdDSA",),
}

Key = Mapping[str, Any]


def parse(data: bytes) -> tuple[Key, ...]:
    """The keys in a JWK set that may have signed something; ValueError."""
    try:
        found = json.loads(data)["keys"]
        return tuple(
            key for key in found if key.get("kty") in ALGORITHMS and key.get("use") != "enc"
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("this is no set of keys") from error


class Keys:
    """The keys that *get* brings (ClientError), as they were at the last time it could."""

    def __init__(
        self, get: Callable[[], bytes], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._get, self._clock = get, clock
        self._lock = Lock()
        self._keys: tuple[Key, ...] = ()
        self._asked = -FRESH_FOR
        self.generation = 0  # of those that differ

    def find(self, kid: str | None, algorithm: str) -> Key:
        """The key that a token was signed with; LoginFailed, DoorClosed."""
        self._refresh(FRESH_FOR)
        found = self._matching(kid, algorithm)
        current = bool(found) or self._refresh(AGAIN)
        found = found or self._matching(kid, algorithm)
        if not (self._keys and current):
            raise DoorClosed("the issuer's keys are not known")
        if len(found) != 1:  # without a name it has to be the only one
            raise LoginFailed("unknown-key")
        return found[0]

    def _matching(self, kid: str | None, algorithm: str) -> list[Key]:
        return [
            key
            for key in self._keys
            if kid in (None, key.get("kid"))
            and algorithm in ALGORITHMS[key["kty"]]
            and key.get("alg") in (None, algorithm)
        ]

    def _refresh(self, seconds: float) -> bool:
        """Ask, if that was not done for so many seconds; False while somebody else is asking.

        A slow issuer must not hold all threads: the others go on with the keys that are known.
        """
        if not self._lock.acquire(timeout=0.0 if self._keys else PATIENCE):
            return False
        try:
            if self._clock() >= self._asked + seconds:
                self._asked = self._clock()
                self._fetch()
        finally:
            self._lock.release()
        return True

    def _fetch(self) -> None:
        try:
            found = parse(self._get())
            self.generation += found != self._keys
            self._keys = found
        except (ClientError, ValueError) as error:
            log.warning("the issuer's keys cannot be had: %s", error)


def verified(token: str, keys: Keys, issuer: str, audience: str) -> Mapping[str, Any]:
    """The claims of a token for us, if it was signed by its issuer and is valid now.

    LoginFailed, DoorClosed.
    """
    import jwt  # 200 ms and 15 MB

    try:
        header = jwt.get_unverified_header(token)
        algorithm, kid = str(header.get("alg")), header.get("kid")
        key = jwt.PyJWK(dict(keys.find(kid, algorithm)), algorithm)
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key,
            [algorithm],
            {"require": ["exp", "iss", "aud"]},
            issuer=issuer,
            audience=audience,
            leeway=LEEWAY,
        )
    except (jwt.PyJWTError, ValueError, RecursionError) as error:  # the last until PyJWT 2.12
        raise LoginFailed(type(error).__name__) from None
    return claims
