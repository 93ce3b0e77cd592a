"""A request and a response, as values that no server or framework has a part in."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import overload

from ..dav import if_header
from ..dav.errors import BadRequest
from ..dav.headers import Condition, Depth, accepted, depth, seconds
from ..dav.if_header import If
from ..dav.preferences import NOROOT, preferences


@dataclass(frozen=True)
class Request:
    """*path* is the raw request target below the base path: still percent-encoded, no query.

    Header names are in lower case.  *remote* is the address of the client, *origin* what the
    client calls this server: ``https://host[:port]``, as it is seen from outside.  *user* is whom
    a proxy has let in, if it is one that may say so; as WSGI has it, octets as Latin-1.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # passwords are in them
    body: bytes = field(default=b"", repr=False)
    remote: str = ""
    origin: str = ""
    user: str = ""

    @overload
    def header(self, name: str) -> str | None: ...

    @overload
    def header(self, name: str, default: str) -> str: ...

    def header(self, name: str, default: str | None = None) -> str | None:
        """A header's value; *default* where it is absent or empty (KDE sends empty ones)."""
        return self.headers.get(name) or default

    def depth(self, default: Depth) -> Depth:
        """The Depth header (RFC 4918 §10.2).  BadRequest."""
        try:
            return depth(self.header("depth"), default)
        except ValueError as error:
            raise BadRequest(str(error)) from None

    @property
    def condition(self) -> Condition:
        """What the client says must hold of the target for the request to be carried out."""
        return Condition(
            self.header("if-match"),
            self.header("if-none-match"),
            seconds(self.header("if-modified-since")),
            seconds(self.header("if-unmodified-since")),
        )

    @cached_property
    def takes_gzip(self) -> bool:
        """Whether the client says so; the wildcard is not taken at its word."""
        said = self.header("accept-encoding")
        return bool(said) and any(coding == "gzip" for coding, _, _ in accepted(said))

    @cached_property
    def preferences(self) -> frozenset[str]:
        """What the client would like, as in ``return=minimal``."""
        said = preferences(self.header("prefer"), self.header("brief"))
        return said - {NOROOT} if self.header("depth") == "0" else said  # RFC 8144 §3

    @cached_property
    def if_header(self) -> If | None:
        """The If header (RFC 4918 §10.4).  BadRequest."""
        header = self.header("if")
        try:
            return if_header.parse(header) if header else None
        except ValueError as error:
            raise BadRequest(str(error)) from None


@dataclass(frozen=True)
class Response:
    """*body* is bytes, or an iterable of bytes for what is too large to be held at once.

    WWW-Authenticate has a line for each challenge.  *user* is who was served, for the access log.
    *holds* says whether the same request would be answered in the same way now; None if it can't.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] = b""
    user: str = ""
    holds: Callable[[Request], bool] | None = field(default=None, compare=False, repr=False)

    def made_for(self, user: str, holds: Callable[[Request], bool] | None = None) -> "Response":
        """The same for this user, as long as it holds."""
        return Response(self.status, self.headers, self.body, user, holds)

    def adding(self, headers: Mapping[str, str]) -> "Response":
        """The same with these headers as well."""
        return Response(self.status, {**self.headers, **headers}, self.body, self.user)
