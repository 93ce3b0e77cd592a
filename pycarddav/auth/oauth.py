"""OAuth 2.0 access tokens (RFC 6750) of somebody else's making.

Either the issuer is asked about each (RFC 7662), or they are signed (RFC 7519) and its keys
(RFC 7517) say whether they are its own.
"""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from ..client.errors import ClientError, Garbled, Unexpected
from ..client.http import Access, Http
from ..protocol.messages import Request
from . import GOOD_FOR, DoorUnusable, Identity, Login, LoginFailed, Scheme
from .keys import LEEWAY, Keys, verified
from .outage import Outage
from .secure import is_this_machine

MAX_TOKEN = 16384  # characters
MAX_ANSWER = 2**20  # octets
SECONDS = 5.0  # that the issuer may be silent, and twice that for a whole answer
ACTIVE_FOR = 60.0  # seconds that a token that may be revoked is believed

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750 §2.1
Claims = Mapping[str, Any]


def read(written: str, request: Request) -> Login:
    """ValueError if this cannot be a token."""
    token = written.strip()
    if len(token) > MAX_TOKEN or not _TOKEN.fullmatch(token):
        raise ValueError("no token")
    return Login("", token, request)


def challenges(failure: LoginFailed | None) -> Sequence[str]:
    """RFC 6750 §3: whoever had a token is to get another one."""
    return ['Bearer realm="pycarddav"' + (', error="invalid_token"' if failure else "")]


BEARER = Scheme("bearer", read, challenges)


@dataclass(frozen=True)
class Issuer:
    """Whose tokens count: *issuer* and *audience* as they stand in them.

    *jwks* is where its keys are; with *introspection* it is asked as *client_id* instead.  *user*
    is the claim that says what somebody is called.
    """

    issuer: str
    audience: str
    user: str
    jwks: str
    introspection: str
    client_id: str
    client_secret: str
    ca: Path | None


class OAuth:
    """Takes whoever has a token for the user whom it is about; never for an administrator."""

    scheme = BEARER

    def __init__(
        self,
        issuer: Issuer,
        outage: Outage | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """DoorUnusable.  *clock* is in seconds since the epoch, as tokens are."""
        check(issuer)
        self._issuer, self._clock = issuer, clock
        self._outage = outage or Outage()
        self._keys = Keys(self._jwks)
        self._lock = Lock()
        access = Access(
            quote_plus(issuer.client_id),  # RFC 6749 §2.3.1
            quote_plus(issuer.client_secret),
            issuer.ca,
            seconds=SECONDS,
            whole=2 * SECONDS,
        )
        self._asking = Http(issuer.introspection, access) if issuer.introspection else None
        # A signature is checked at once; whoever is asked must not be overrun.
        self.guessable = self.costly = bool(issuer.introspection)

    def generation(self) -> int:
        return self._keys.generation

    def knows(self, user: str) -> bool:
        return True

    def verify(self, login: Login) -> Identity:
        if self._asking:
            claims, longest = self._introspected(self._asking, login.secret), ACTIVE_FOR
        else:
            issuer = self._issuer
            claims = verified(login.secret, self._keys, issuer.issuer, issuer.audience)
            longest = GOOD_FOR
        name = claims.get(self._issuer.user)
        if not isinstance(name, str):
            raise LoginFailed("no-name")
        left = claims["exp"] - self._clock() if "exp" in claims else longest
        return Identity(name, min(left, longest), personal=False)

    def _introspected(self, http: Http, token: str) -> Mapping[str, Any]:
        """What the issuer says of a token that is for us and valid now; LoginFailed, DoorClosed."""
        self._outage.check()
        form = urlencode({"token": token, "token_type_hint": "access_token"}).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        try:
            with self._lock:
                claims = fetched(http, "POST", form, kind)
        except ClientError as error:
            why = str(error)
        else:
            confirm(claims, self._issuer, self._clock())
            return claims
        raise self._outage.begin(why)

    def _jwks(self) -> bytes:
        issuer = self._issuer
        with Http(issuer.jwks, Access(ca=issuer.ca, seconds=SECONDS, whole=2 * SECONDS)) as http:
            return answer(http, "GET", b"", {"Accept": "application/json"})


def confirm(claims: Mapping[str, Any], issuer: Issuer, now: float) -> None:
    """LoginFailed unless a token of which the issuer says this is for us, and valid *now*."""
    audience = claims.get("aud")
    if claims.get("active") is not True:
        raise LoginFailed("inactive")
    if claims.get("iss", issuer.issuer) != issuer.issuer:
        raise LoginFailed("foreign-issuer")
    if issuer.audience not in (audience if isinstance(audience, list) else [audience]):
        raise LoginFailed("foreign-audience")
    begins, ends = moment(claims, "nbf", now), moment(claims, "exp", now + 1)
    if not (begins <= now + LEEWAY and now < ends):
        raise LoginFailed("expired")


def moment(claims: Mapping[str, Any], name: str, default: float) -> float:
    """Seconds since the epoch; LoginFailed where it is something else."""
    found = claims.get(name, default)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise LoginFailed(f"no-{name}")
    return found


def answer(http: Http, method: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """What is at the server's own URL; ClientError."""
    found = http.request(method, "", body, headers, follow=False, largest=MAX_ANSWER)
    if found.status != 200:
        raise Unexpected(f"{http.url} answers {found.status}", found.status)
    return found.body


def fetched(http: Http, method: str, body: bytes, headers: Mapping[str, str]) -> Mapping[str, Any]:
    """The JSON object there; ClientError."""
    try:
        found = json.loads(answer(http, method, body, headers))
    except (ValueError, RecursionError) as error:
        raise Garbled(f"{http.url} does not answer with JSON") from error
    if not isinstance(found, dict):
        raise Garbled(f"{http.url} does not answer with a JSON object")
    return found


def check(issuer: Issuer) -> None:
    """DoorUnusable if it says too little, or would ask in the clear."""
    places = [place for place in (issuer.jwks, issuer.introspection) if place]
    if not (issuer.issuer and issuer.audience):
        why = "needs [oauth] issuer and audience"
    elif len(places) != 1:
        why = "needs [oauth] jwks or introspection, one of them"
    elif not all(safe(place) for place in places):
        why = f"would ask {places[0]} in the clear: it has to be https"
    elif issuer.introspection and not (issuer.client_id and issuer.client_secret):
        why = "needs [oauth] client_id and client_secret for introspection"
    elif issuer.jwks and not (find_spec("jwt") and find_spec("cryptography")):
        why = "needs the Python package PyJWT[crypto]"
    else:
        return
    raise DoorUnusable(f"[auth] type = oauth {why}")


def safe(place: str) -> bool:
    """Whether nobody on the way can listen, or answer instead."""
    url = urlsplit(place)
    return url.scheme == "https" or is_this_machine(url.hostname or "")
