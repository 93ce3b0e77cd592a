"""HTTP Digest (RFC 7616): a proof of the password with every request, good for that one alone."""

import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from hmac import compare_digest
from pathlib import Path
from threading import Lock
from urllib.parse import unquote_to_bytes

from ..protocol.messages import Request
from . import DoorUnusable, Identity, Login, LoginFailed, Scheme, Stale
from .files import Followed
from .htdigest import ALGORITHMS, digest, parse
from .names import MAX_NAME, normal

MAX_CREDENTIALS = 8192  # characters; the URL is among them
LIFETIME = 3600.0  # seconds of a nonce
WINDOW = 64  # how far behind the newest a count may come: connections overtake each other
REMEMBERED = 4096  # nonces; the first one issued goes first

_FIELD = re.compile(r'\s*([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))\s*(?:,|$)', re.ASCII)
_ABSOLUTE = re.compile("(?i:https?)://[^/?]*")
_COUNT = re.compile("[0-9a-f]{8}")


def fields(written: str) -> Mapping[str, str]:
    """The parameters (RFC 7616 §3.4) by their names in lower case; ValueError."""
    found: dict[str, str] = {}
    position = 0
    if len(written) > MAX_CREDENTIALS:
        raise ValueError("too long")
    while position < len(written):
        match = _FIELD.match(written, position)
        if not match or match[1].lower() in found:
            raise ValueError("this is no list of parameters, each once")
        quoted, plain = match[2], match[3]
        found[match[1].lower()] = re.sub(r"\\(.)", r"\1", quoted) if plain is None else plain
        position = match.end()
    return found


def user(said: Mapping[str, str]) -> str:
    """Who that is, in either of the two spellings of RFC 7616 §3.4.4; ValueError."""
    if "username*" in said:
        charset, _, encoded = said["username*"].partition("''")
        if charset.upper() != "UTF-8":
            raise ValueError("not UTF-8")
        name = unquote_to_bytes(encoded).decode()
    else:
        name = said.get("username", "").encode("latin-1").decode()  # as WSGI has it (PEP 3333)
    if not 0 < len(name.encode()) <= MAX_NAME:
        raise ValueError("nobody has such a name")
    return normal(name)


@dataclass(frozen=True)
class Proof:
    """What is offered; ValueError unless it is all that ``qop=auth`` needs."""

    user: str
    algorithm: str
    nonce: str
    count: str
    cnonce: str
    uri: str
    response: str

    @classmethod
    def of(cls, written: str, realm: str) -> "Proof":
        said = fields(written)
        algorithm = said.get("algorithm", "MD5").upper()
        if said.get("realm") != realm or said.get("qop", "").lower() != "auth":
            raise ValueError("another realm, or quality of protection")
        if algorithm not in ALGORITHMS or said.get("userhash", "false").lower() != "false":
            raise ValueError("this was not offered")
        count, cnonce = said.get("nc", "").lower(), said.get("cnonce", "")
        if not _COUNT.fullmatch(count) or not cnonce:
            raise ValueError("no count")
        names = ("nonce", "uri", "response")
        nonce, uri, response = (said.get(name, "") for name in names)
        if not f"{nonce}{uri}{cnonce}".isascii():
            raise ValueError("a URL, or what a program has made up, is ASCII")
        return cls(user(said), algorithm, nonce, count, cnonce, uri, response.lower())

    def expected(self, hashed: str, method: str) -> str:
        """The response of who knows the password, whose hash is *hashed* (RFC 7616 §3.4.1)."""
        about = digest(self.algorithm, method, self.uri)
        said = hashed, self.nonce, self.count, self.cnonce, "auth", about
        return digest(self.algorithm, *said)


@dataclass(frozen=True)
class Use:
    """Who uses a nonce, the highest count so far, and a bit for each that came within WINDOW."""

    user: str
    highest: int = 0
    seen: int = 0

    def with_count(self, count: int) -> "Use | None":
        """After this count; None if it came before, or may have."""
        ahead = count - self.highest
        if ahead > 0:
            seen = (self.seen << min(ahead, WINDOW)) | 1
            return replace(self, highest=count, seen=seen & (1 << WINDOW) - 1)
        if -ahead >= WINDOW or count < 1:  # before the shift, which could take 512 MB
            return None
        bit = 1 << -ahead
        if self.seen & bit:
            return None
        return replace(self, seen=self.seen | bit)


class Nonces:
    """Signed, so that those that nobody has used yet need not be remembered.

    The key is this process' own: what another one has issued is stale here, and replaced.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._lock = Lock()
        self._uses: dict[str, Use] = {}
        self._forgotten = 0  # when the newest was issued of which it is not known any more

    def new(self, proven: str = "") -> str:
        """A nonce; for somebody who has *proven* to know the password of that user, if any."""
        issued = f"{int(self._clock() * 1000):012x}{secrets.token_hex(8)}"
        nonce = issued + self._signature(issued)
        if proven:
            with self._lock:
                self._remember(nonce, Use(proven))
        return nonce

    def proven(self, nonce: str, user: str) -> bool:
        use = self._uses.get(nonce)
        return use is not None and use.user == user

    def use(self, nonce: str, count: int, user: str) -> None:
        """Stale, unless it is ours, fresh, this *user*'s or nobody's, and the *count* is new."""
        issued, signature = nonce[:28], nonce[28:]
        if not compare_digest(self._signature(issued).encode(), signature.encode()):
            raise Stale(user)
        moment = int(issued[:12], 16)
        with self._lock:
            use = self._uses.get(nonce)
            if use is None and moment > self._forgotten:
                use = Use(user)
            used = use.with_count(count) if use and use.user == user else None
            if used is None or self._clock() * 1000 > moment + LIFETIME * 1000:
                raise Stale(user)
            self._remember(nonce, used)

    def _remember(self, nonce: str, use: Use) -> None:
        self._uses[nonce] = use
        if len(self._uses) > REMEMBERED:
            oldest = min(self._uses)  # they begin with the time
            del self._uses[oldest]
            self._forgotten = max(self._forgotten, int(oldest[:12], 16))

    def _signature(self, issued: str) -> str:
        return blake2b(issued.encode(), key=self._key, digest_size=16).hexdigest()


class Digest:
    """Verifies against an htdigest file; *base* is what stands before every path."""

    guessable, costly = True, False

    def __init__(
        self, path: Path, realm: str, base: str = "", clock: Callable[[], float] = time.time
    ) -> None:
        """DoorUnusable."""
        self._realm, self._base = realm, base
        self._nonces = Nonces(clock)
        self._decoy = secrets.token_hex(32)
        self.scheme = Scheme("digest", self.read, self.challenges, repeated=False)
        try:
            self._file = Followed(path, partial(parse, realm=realm), missing=b"")
        except OSError as error:
            raise DoorUnusable(f"{path}: {error.strerror or error}") from error

    def generation(self) -> bytes:
        return self._file.now().digest

    def knows(self, user: str) -> bool:
        return user in self._file.now().value

    def read(self, written: str, request: Request) -> Login:
        """ValueError if this can be nobody's."""
        proof = Proof.of(written, self._realm)
        return Login(
            proof.user, written, request, familiar=self._nonces.proven(proof.nonce, proof.user)
        )

    def challenges(self, failure: LoginFailed | None) -> list[str]:
        """One for each algorithm, the better one first, of those that there are hashes for."""
        users = self._file.now().value.values()
        common = [name for name in ALGORITHMS if all(name in hashes for hashes in users)]
        some = [name for name in ALGORITHMS if any(name in hashes for hashes in users)]
        stale = isinstance(failure, Stale)
        nonce = self._nonces.new(failure.user if isinstance(failure, Stale) else "")
        return [
            f'Digest realm="{self._realm}", qop="auth", algorithm={name}, nonce="{nonce}"'
            f", charset=UTF-8{', stale=true' if stale else ''}"
            for name in common or some
        ]

    def verify(self, login: Login) -> Identity:
        """LoginFailed; Stale, if it would be right with another nonce."""
        proof = Proof.of(login.secret, self._realm)
        hashes = self._file.now().value.get(login.user, {})
        expected = proof.expected(hashes.get(proof.algorithm, self._decoy), login.request.method)
        if not compare_digest(expected.encode(), proof.response.encode(errors="replace")):
            raise LoginFailed("bad-password" if hashes else "unknown-user")
        if not self._asks_for(proof.uri, login.request):
            raise LoginFailed("another-request")
        self._nonces.use(proof.nonce, int(proof.count, 16), login.user)
        return Identity(login.user, good_for=0)

    def _asks_for(self, uri: str, request: Request) -> bool:
        """Whether *uri* is the target of the request (RFC 7616 §3.4.6), whose query is nothing."""
        path = _ABSOLUTE.sub("", uri, count=1).partition("?")[0]
        if request.path == "/":
            return path in ("", "*", "/", self._base, self._base + "/")
        return path == self._base + request.path
