"""WSGI (PEP 3333) to requests and responses: the only file that knows it."""

import io
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from ..dav.errors import BadRequest, BodyTooLarge, Error, LengthRequired, NotFound
from ..protocol.bodies import XML_TYPE
from ..protocol.messages import Request, Response
from .log import log_request
from .proxy import Client, Proxies

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
HTTPS = 443
PIECE = 2**16  # octets of an iterable that are sent at once: each time costs a lock and a write

NOBODY = Proxies()

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
    ) -> None:
        """*hsts* is for how many seconds a browser may remember that there is TLS (RFC 6797)."""
        self._serve = serve
        self._base = base
        self._max_body = max_body
        self._proxies = proxies
        self._hsts = {"Strict-Transport-Security": f"max-age={hsts}"} if hsts else {}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start = time.perf_counter()
        fields = headers(environ)
        client = self._proxies.seen(peer(environ), fields)
        try:
            request = self._read(environ, client, fields)
            response = self._serve(request)
        except Error as error:
            request = Request(
                environ["REQUEST_METHOD"], environ["REQUEST_URI"], fields, remote=client.remote
            )
            response = Response(error.status, XML_TYPE | error.headers(), error.body(self._base))
        if self._hsts and client.scheme == "https":
            response = replace(response, headers={**self._hsts, **response.headers})

        def log(octets: int) -> None:
            seconds = time.perf_counter() - start
            log_request(request, response.status, response.user, seconds, octets)

        return send(response, environ, start_response, log)

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
    response: Response,
    environ: Environ,
    start_response: StartResponse,
    log: Callable[[int], None],
) -> Iterable[bytes]:
    """What the server has to send; *log* is told how many octets of body that is."""
    content = response.body
    bodiless = response.status in BODILESS
    fields = {**SECURITY, **response.headers}
    head = environ["REQUEST_METHOD"] == "HEAD"
    if isinstance(content, bytes):
        octets = len(content)
    elif head:  # it says the length as well, so that the connection stays
        octets = sum(len(fragment) for fragment in content)
    if not bodiless and (head or isinstance(content, bytes)):
        fields["Content-Length"] = str(octets)
    start_response(_STATUS[response.status], list(fields.items()))
    if bodiless or head:
        log(0)
        return []
    if not isinstance(content, bytes):
        return stream(content, log)
    log(len(content))
    if len(content) >= LARGE and "wsgi.file_wrapper" in environ:
        wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](io.BytesIO(content), PIECE)
        return wrapped
    return [content]


def stream(content: Iterable[bytes], log: Callable[[int], None]) -> Iterator[bytes]:
    """*content* in pieces of a size worth sending."""
    sent = held = 0
    fragments: list[bytes] = []
    try:
        for fragment in content:
            fragments.append(fragment)
            held += len(fragment)
            if held >= PIECE:
                yield b"".join(fragments)
                fragments.clear()
                sent, held = sent + held, 0
        yield b"".join(fragments)
        sent += held
    finally:
        if hasattr(content, "close"):
            content.close()
        log(sent)


def redirect(port: int) -> Callable[[Request], Response]:
    """What sends every request to the same path over TLS, on *port*."""

    def serve(request: Request) -> Response:
        host = re.sub(r":\d*$", "", request.origin.removeprefix("http://"))
        where = host if port == HTTPS else f"{host}:{port}"
        return Response(308, {"Location": f"https://{where}{request.path}"})

    return serve
