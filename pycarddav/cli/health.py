"""``pycarddav health``: ask a running server whether it is well, as a container's health check."""

import ipaddress
import socket
import ssl
from argparse import ArgumentParser, Namespace
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from ..config.schema import Server
from ..serve.log import HEALTH
from ..serve.sockets import UNIX, is_unix
from . import console
from .console import Exit, Failure
from .options import add_options, loaded

SECONDS = 20.0  # for the answer


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "url", metavar="URL", nargs="?", help="of the server, if it is not the configured one"
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    add_options(parser, "server", "storage", "auth")


def run(args: Namespace) -> int:
    server = loaded(args).config.server
    connection, path = _asked(args.url) if args.url else (_own(server), server.base_path)
    try:
        connection.request("GET", f"{path.rstrip('/')}{HEALTH}")
        response = connection.getresponse()
        status, said = response.status, response.read(100).decode(errors="replace").strip()
    except (OSError, HTTPException, UnicodeError) as error:
        raise Failure(f"no answer: {error}") from error
    finally:
        connection.close()
    if status not in (200, 503):
        raise Failure(f"{status} is no answer to {HEALTH}: this is another server, or another path")
    if args.json:
        console.show_json({"status": said})
    else:
        print(console.printable(said))
    return Exit.OK if status == 200 else Exit.PROBLEM


def _asked(url: str) -> tuple[HTTPConnection, str]:
    """A connection, and the path of the server.  Failure."""
    kinds = {"http": HTTPConnection, "https": HTTPSConnection}
    try:
        parts = urlsplit(url)
        kind, host, port = kinds[parts.scheme], parts.hostname or "", parts.port
    except (ValueError, KeyError):
        host = ""
    if not host:
        raise Failure(f"{url} is no URL", "such as https://contacts.example.org/", Exit.USAGE)
    return kind(host, port, timeout=SECONDS), parts.path


def _own(server: Server) -> HTTPConnection:
    """A connection to the server that is configured, from the same machine."""
    first = server.host[0]
    if is_unix(first):
        return _unix(first.removeprefix(UNIX))
    host = _reachable(first)
    if not server.certificate:
        return HTTPConnection(host, server.port, timeout=SECONDS)
    # Its certificate is for another name than that of this address, and nobody is between.
    anyone = ssl._create_unverified_context()  # noqa: S323
    return HTTPSConnection(host, server.port, timeout=SECONDS, context=anyone)


def _unix(path: str) -> HTTPConnection:
    connection = HTTPConnection("localhost", timeout=SECONDS)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(SECONDS)
    try:
        connection.sock.connect(path)
    except OSError as error:
        connection.close()
        raise Failure(f"no answer: {path}: {error.strerror}") from error
    return connection


def _reachable(host: str) -> str:
    """The address for who is on the same machine: 0.0.0.0 and :: are none to connect to."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"
