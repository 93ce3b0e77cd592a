"""HTTP to one server: authentication, redirects, TLS, and bounds on all that comes back."""

import base64
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from .. import __version__
from . import digest
from .errors import (
    ClientError,
    ForeignHost,
    Garbled,
    TooLarge,
    TooManyRedirects,
    Unreachable,
)

if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse
    from ssl import SSLContext

MAX_ANSWER = 128 * 2**20  # octets; the listing of 50 000 cards has 30 million
MAX_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)  # the method stays, as RFC 6764 §6 needs it of PROPFIND
PORTS = {"http": 80, "https": 443}
_CHUNK = 2**16
_RAW = "/%!$&'()*+,;=:@~-._"  # what stands in a path as it is (RFC 3986 §3.3); servers forget it


class Origin(NamedTuple):
    """A server (RFC 6454 §4)."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True)
class Access:
    """How a server is asked: as whom, trusting which certificates, for how long.

    *hosts* are other servers that may have the password, over https only.  *seconds* is how long
    we wait for something to come, *whole* how long one answer may take.
    """

    user: str = ""
    password: str = field(default="", repr=False)
    ca: Path | None = None
    insecure: bool = False
    hosts: frozenset[str] = frozenset()
    seconds: float = 30.0
    whole: float = 300.0


@dataclass(frozen=True)
class Answer:
    """What came: *headers* by their names in lower case; *url* is where it came from in the end."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes
    url: str


class Http:
    """Connections to the server at *url*, which stay open between requests.  Garbled: no URL."""

    def __init__(self, url: str, access: Access) -> None:
        self.url = url
        self._home = origin(url)
        self._access = access
        self._open: dict[Origin, HTTPConnection] = {}
        self._digest: digest.Challenge | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for where in list(self._open):
            self._open.pop(where).close()

    def request(
        self,
        method: str,
        url: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        follow: bool = True,
        largest: int = MAX_ANSWER,
    ) -> Answer:
        """The answer, whatever its status; *url* may be relative to the server's.

        Unreachable, Garbled, TooLarge, TooManyRedirects, ForeignHost.
        """
        place = first = self._permitted(self.url, joined(self.url, url))
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._ask(method, place, body, headers or {}, largest)
            if answer.status == 401 and self._is_challenged(answer):
                answer = self._ask(method, place, body, headers or {}, largest)
            there = answer.headers.get("location")
            if not follow or answer.status not in REDIRECTS or not there:
                return answer
            place = self._permitted(place, joined(place, there))
        raise TooManyRedirects(f"{first} redirects more than {MAX_REDIRECTS} times")

    def locate(self, base: str, href: str) -> str:
        """The URL that *href* means in an answer from *base*; ForeignHost, Garbled.

        A server behind a proxy may not know its own scheme and port: its host is enough.
        """
        here, there = split(base), split(joined(base, href))
        if there.hostname == here.hostname:
            there = there._replace(scheme=here.scheme, netloc=here.netloc)
        return self._permitted(base, there.geturl())

    def _permitted(self, place: str, url: str) -> str:
        """*url*, if the server there may have the password."""
        here, there = self._home, origin(url)
        upgraded = here.scheme == "http" and there.scheme == "https" and here.host == there.host
        named = there.scheme == "https" and there.host in self._access.hosts
        if there == here or upgraded or named:
            return url
        raise ForeignHost(place, url)

    def _is_challenged(self, answer: Answer) -> bool:
        """Whether the server wants a Digest, which the next request will have."""
        asked = answer.headers.get("www-authenticate", "")
        if not self._access.user or "basic" in asked.lower():
            return False
        self._digest = digest.challenge(asked)
        return self._digest is not None

    def _ask(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], largest: int
    ) -> Answer:
        # 25 ms and 6 MB (it brings ssl) that most commands do not need.
        from http.client import HTTPException

        again = origin(url) in self._open  # and may have been closed there while it was idle
        while True:
            try:
                return self._exchange(method, url, body, headers, largest)
            except (OSError, HTTPException, ValueError) as error:
                self.close()
                if not (again and isinstance(error, ConnectionError)):
                    raise _explained(error, url) from error
                again = False  # none of our methods does more when it is repeated

    def _exchange(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], largest: int
    ) -> Answer:
        connection = self._connection(origin(url))
        with _within(connection, self._access.whole):
            own = self._headers(method, target(url))
            connection.request(method, target(url), body or None, {**own, **headers})
            response = connection.getresponse()
            try:
                content = _read(response, largest, url)
            finally:
                response.close()
        found: dict[str, str] = {}
        for name, value in response.getheaders():  # RFC 9110 §5.3: several are one list
            before = found.get(name.lower())
            found[name.lower()] = value if before is None else f"{before}, {value}"
        return Answer(response.status, response.reason, found, content, url)

    def _connection(self, where: Origin) -> "HTTPConnection":
        from http.client import HTTPConnection, HTTPSConnection  # as above

        if (found := self._open.get(where)) and found.sock:
            return found
        host, port, seconds = where.host, where.port, self._access.seconds
        if where.scheme == "https":
            made: HTTPConnection = HTTPSConnection(
                host, port, timeout=seconds, context=trust(self._access)
            )
        else:
            made = HTTPConnection(host, port, timeout=seconds)
        made.connect()
        self._open[where] = made
        return made

    def _headers(self, method: str, target: str) -> dict[str, str]:
        user, password = self._access.user, self._access.password
        found = {"User-Agent": f"pycarddav/{__version__}"}
        if self._digest:
            found["Authorization"] = self._digest.answer(method, target, user, password)
        elif user:
            login = base64.b64encode(f"{user}:{password}".encode()).decode()
            found["Authorization"] = f"Basic {login}"
        return found


def split(url: str) -> SplitResult:
    """The parts of an http or https URL; Garbled when it is none."""
    try:
        parts = urlsplit(url)
        if parts.scheme in PORTS and parts.hostname and (parts.port is None or parts.port > 0):
            return parts
    except ValueError:  # a port that is none, half an IPv6 address
        pass
    raise Garbled(f"{url[:200]!r} is not an http or https URL")


def joined(base: str, href: str) -> str:
    """The URL that a reference means (RFC 3986 §5); Garbled."""
    try:
        return urljoin(base, href.strip())
    except ValueError:
        raise Garbled(f"{base} refers to {href[:200]!r}, which is no URL") from None


def origin(url: str) -> Origin:
    """The server of a URL; Garbled."""
    parts = split(url)
    return Origin(parts.scheme, parts.hostname or "", parts.port or PORTS[parts.scheme])


def target(url: str) -> str:
    """What stands in the request line (RFC 9112 §3.2.1)."""
    parts = split(url)
    query = f"?{quote(parts.query, safe=_RAW + '?')}" if parts.query else ""
    return quote(parts.path or "/", safe=_RAW) + query


def trust(access: Access) -> "SSLContext":
    """What certificates are checked with; OSError where the file cannot be read."""
    import ssl  # as above

    context = ssl.create_default_context()
    if access.ca:
        context.load_verify_locations(access.ca)
    if access.insecure:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@contextmanager
def _within(connection: "HTTPConnection", seconds: float) -> Iterator[None]:
    """Cut the connection after so long: its own timeout begins anew with every octet."""
    late = threading.Event()
    channel = connection.sock

    def cut() -> None:
        late.set()
        with suppress(OSError):
            # Not SSLSocket's, which takes the TLS away from who is reading.
            socket.socket.shutdown(channel, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if late.is_set():
            raise TimeoutError(f"not complete after {seconds:g} s")


def _read(response: "HTTPResponse", largest: int, url: str) -> bytes:
    """The body, whole; TooLarge."""
    chunks: list[bytes] = []
    size = 0
    while chunk := response.read1(_CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > largest:
            raise TooLarge(f"{url} answers with more than {largest} octets")
    if response.length:
        raise ConnectionError(f"{response.length} octets of the answer are missing")
    return b"".join(chunks)


def _explained(error: Exception, url: str) -> ClientError:
    where = origin(url)
    server = f"{where.scheme}://{where.host}:{where.port}"
    match error:
        case TimeoutError():
            return Unreachable(f"{server}: no answer in time")
        case socket.gaierror():
            return Unreachable(f"{where.host}: no such host ({error.strerror})")
        case OSError() if type(error).__name__ == "SSLCertVerificationError":
            why = getattr(error, "verify_message", str(error))
            return Unreachable(f"{server}: the certificate is not trusted: {why}", untrusted=True)
        case OSError():
            return Unreachable(f"{server}: {error.strerror or error}")
    return Garbled(
        f"{server}: this is not HTTP: {type(error).__name__} {str(error)[:200]}".rstrip()
    )
