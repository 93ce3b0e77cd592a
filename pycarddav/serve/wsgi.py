"""WSGI (PEP 3333) to requests and responses: the only file that knows it."""

import io
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from ..dav.errors import BadRequest, BodyTooLarge, Error, LengthRequired, NotFound
from ..protocol.bodies import XML_TYPE
from ..protocol.messages import Request, Response
from .log import Answer, log_answer
from .proxy import Client, Proxies, Vouching
from .recall import Kept
from .spool import Reader, Spool, Spools

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]

# On every answer, unless it says otherwise itself (the web page has scripts of its own).
SECURITY = {
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
BODILESS = (204, 304)  # RFC 9110 §6.4.1
LARGE = 2**16  # octets from which a body is handed over as a file: it is not copied then
PIECE = 2**16  # octets that are read from it at once, by a server that has to
HTTPS = 443
KEPT = "pycarddav.kept"  # in an environ: for a server that can recall() an answer

NOBODY = Proxies()
NO_WORD = Vouching(NOBODY)

log = logging.getLogger(__name__)

_STATUS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
_ABSOLUTE = re.compile(r"(?i:https?)://([^/?]*)(.*)")
_HOST = re.compile(r"([\w.~%-]+|\[[0-9A-Fa-f:.]+\])(:\d{0,5})?", re.ASCII)


class Application:
    """*serve* as a WSGI application, for what is below the path *base* ("" or "/prefix")."""

    def __init__(
        self,
        serve: Callable[[Request], Response],
        base: str = "",
        max_body: int = 32 * 2**20,
        proxies: Proxies = NOBODY,
        hsts: int = 0,
        spools: Spools | None = None,
        vouching: Vouching = NO_WORD,
        told: Callable[[Answer], None] = log_answer,
    ) -> None:
        """*hsts* is for how many seconds a browser may remember that there is TLS (RFC 6797).

        *told* hears of every answer.
        """
        self._serve = serve
        self._base = base
        self._max_body = max_body
        self._proxies, self._vouching = proxies, vouching
        self._spools = spools or Spools()
        self._told = told
        self._hsts = {"Strict-Transport-Security": f"max-age={hsts}"} if hsts else {}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start = time.perf_counter()
        fields = headers(environ)
        client = self._proxies.seen(peer(environ), fields)
        try:
            request = self._read(environ, client, fields)
            response = self._serve(request)
            content = self._whole(request, response)
        except Error as error:
            if error.public:
                log.warning("%s", error)
            request = Request(
                environ["REQUEST_METHOD"], environ["REQUEST_URI"], fields, remote=client.remote
            )
            response = Response(error.status, XML_TYPE | error.headers())
            content = error.body(self._base)
        if self._hsts and client.scheme == "https":
            response = replace(response, headers={**self._hsts, **response.headers})
        sent = send(response, content, environ, start_response)
        seconds, octets = time.perf_counter() - start, len(content) if sent else 0
        self._told(Answer(request, response.status, response.user, seconds, octets))
        if isinstance(sent, list):
            environ[KEPT] = Kept.of(request, response, b"".join(sent))
        return sent

    def _whole(self, request: Request, response: Response) -> bytes | Spool:
        """All of the body: the same one for all who ask for the same resource in the same state."""
        if isinstance(response.body, bytes):
            return response.body
        state = response.headers.get("ETag")
        key = state and (response.user, request.path, state)
        return self._spools.body(response.body, key)

    def _read(self, environ: Environ, client: Client, fields: dict[str, str]) -> Request:
        """The request, with its whole body; BadRequest and other Errors where there is none."""
        method: str = environ["REQUEST_METHOD"]
        path, host = target(method, environ["REQUEST_URI"], client.host)
        if host is None:  # HTTP/1.0
            host = f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
        if not _HOST.fullmatch(host):
            raise BadRequest("this is not the name of a host")
        return Request(
            method,
            below(self._base, path),
            fields,
            body(environ, self._max_body),
            client.remote,
            f"{client.scheme}://{host}",
            self._vouching.user(peer(environ), fields),
        )


def peer(environ: Environ) -> Client:
    """Whoever the connection is with: the client, or a proxy."""
    return Client(environ["REMOTE_ADDR"], environ["wsgi.url_scheme"], environ.get("HTTP_HOST"))


def target(method: str, uri: str, host: str | None) -> tuple[str, str | None]:
    """Path and host of a request target in one of its four forms (RFC 9112 §3.2)."""
    if absolute := _ABSOLUTE.fullmatch(uri):
        host, uri = absolute[1], absolute[2]
        uri = uri if uri.startswith("/") else "/" + uri
    elif uri == "*" and method == "OPTIONS":
        uri = "/"  # asked about the server as a whole: the root can do as much as that
    path = uri.partition("?")[0]
    if not path.startswith("/") or "#" in path:
        raise BadRequest("this is not a path")
    return path, host


def below(base: str, path: str) -> str:
    """*path* as it is seen below *base*.  RFC 8615 has well-known ones at the root alone."""
    if path == base:
        return "/"
    if path.startswith(base + "/"):
        return path[len(base) :]
    if path.startswith("/.well-known/"):
        return path
    raise NotFound(f"this server is at {base}/")


def headers(environ: Environ) -> dict[str, str]:
    """The request's header fields, by name in lower case."""
    fields = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    if content_type := environ.get("CONTENT_TYPE"):
        fields["content-type"] = content_type
    return fields


def body(environ: Environ, max_body: int) -> bytes:
    """Exactly the body that was announced: a PUT that was cut off must not be stored."""
    length: str = environ.get("CONTENT_LENGTH") or "0"
    if "HTTP_TRANSFER_ENCODING" in environ:
        # Evolution sends chunks.  waitress has put them together; who has not gives no length.
        raise LengthRequired("the body has no length")
    if not (length.isascii() and length.isdigit()):
        raise BadRequest("this Content-Length is not a number")
    if len(length) > 18 or int(length) > max_body:
        raise BodyTooLarge(f"a request can have {max_body} octets")
    if length == "0":
        return b""
    data: bytes = environ["wsgi.input"].read(int(length))
    if len(data) != int(length):
        raise BadRequest("the body is shorter than announced")
    return data


def send(
    response: Response, content: bytes | Spool, environ: Environ, start_response: StartResponse
) -> Iterable[bytes]:
    """What the server has to send of a *response* whose body is *content*; [] is nothing."""
    fields = {**SECURITY, **response.headers}
    bodiless = response.status in BODILESS
    if not bodiless:  # on HEAD, too: so that the connection stays
        fields["Content-Length"] = str(len(content))
    start_response(_STATUS[response.status], lines(fields))
    if bodiless or environ["REQUEST_METHOD"] == "HEAD":
        return []
    if isinstance(content, bytes) and len(content) < LARGE:
        return [content]
    file = io.BytesIO(content) if isinstance(content, bytes) else Reader(content)
    wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](file, PIECE)
    return wrapped


def lines(fields: Mapping[str, str]) -> list[tuple[str, str]]:
    """Header fields; that with the challenges as often as it has lines."""
    others = [field for field in fields.items() if field[0] != "WWW-Authenticate"]
    challenges = fields.get("WWW-Authenticate", "").splitlines()
    return others + [("WWW-Authenticate", challenge) for challenge in challenges]


def redirect(port: int) -> Callable[[Request], Response]:
    """What sends every request to the same path over TLS, on *port*."""

    def serve(request: Request) -> Response:
        host = re.sub(r":\d*$", "", request.origin.removeprefix("http://"))
        where = host if port == HTTPS else f"{host}:{port}"
        return Response(308, {"Location": f"https://{where}{request.path}"})

    return serve
