"""Serve throw-away data and write down what clients ask and how they are answered.

    record.py FOLDER     until interrupted; the user is alice, the password secret

FOLDER then holds one exchange a file, as recorded/README.md describes them.  What is in there by
chance (etags, tokens, the port) is a placeholder already; what the client does not need of an
answer is to be taken out, and why it asks is to be said, by hand.
"""

import base64
import itertools
import pathlib
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from xml.etree.ElementTree import Element

from pycarddav.dav import xml
from pycarddav.model import Principal
from pycarddav.protocol.app import App
from pycarddav.protocol.messages import Request, Response
from pycarddav.serve.sockets import listen
from pycarddav.serve.waitress import Server
from pycarddav.serve.wsgi import Application
from pycarddav.store.filesystem import FilesystemStore

ALICE = "Basic " + base64.b64encode(b"alice:secret").decode()
HOST = "contacts.example"
TRANSPORT = {"host", "connection", "accept-encoding", "x-forwarded-proto"}
TOLD = (
    "Allow",
    "DAV",
    "ETag",
    "Location",
    "Preference-Applied",
    "WWW-Authenticate",
    "Content-Type",
)
EMPTY = re.compile(r"<([^\s<>/]+)([^<>]*)></\1>")
CHANCE = re.compile(r'("[0-9a-f]{32}")|(data:,[^\s<]+)')


class Recorder:
    """Calls *serve*, and writes a file for each request."""

    def __init__(self, serve: Callable[[Request], Response], folder: pathlib.Path) -> None:
        self.serve, self.folder = serve, folder
        self.numbers = itertools.count(1)
        self.names: dict[str, str] = {}

    def __call__(self, request: Request) -> Response:
        response = self.serve(request)
        name = f"{next(self.numbers):02}-{request.method.lower()}.http"
        exchange = asked(request) + "\n\n" + answered(response) + "\n"
        exchange = exchange.replace(request.origin.partition("://")[2], HOST)
        (self.folder / name).write_text(CHANCE.sub(self.placeholder, exchange))
        print(response.status, name, flush=True)
        return response

    def placeholder(self, match: re.Match[str]) -> str:
        kind = "etag" if match[1] else "token"
        name = self.names.setdefault(match[0], f"{kind}_{len(self.names) + 1}")
        return "{" + name + "}"


def asked(request: Request) -> str:
    fields = {name: value for name, value in request.headers.items() if name not in TRANSPORT}
    lines = [f"{request.method} {request.path} HTTP/1.1", f"Host: {HOST}"]
    lines += [f"{name.title()}: {value}" for name, value in fields.items()]
    return message(lines, request.body.decode().replace("\r\n", "\n"))


def answered(response: Response) -> str:
    fields = {name: response.headers[name] for name in TOLD if name in response.headers}
    lines = [f"HTTP/1.1 {response.status}", *(f"{name}: {it}" for name, it in fields.items())]
    body = response.body if isinstance(response.body, bytes) else b"".join(response.body)
    return message(lines, readable(body) if body.startswith(b"<?xml") else body.decode())


def message(lines: list[str], body: str) -> str:
    return "\n".join(lines) + (f"\n\n{body.strip()}" if body else "")


def readable(body: bytes) -> str:
    return "\n".join(lines(xml.parse(body), ""))


def lines(element: Element, indent: str) -> Iterator[str]:
    """An element on one line where it fits, else with its children below it."""
    whole = EMPTY.sub(r"<\1\2/>", xml.fragment(element))
    if len(element) == 0 or len(indent + whole) < 100:
        yield indent + whole
        return
    yield indent + whole[: whole.index(">") + 1]
    for child in element:
        yield from lines(child, indent + " ")
    yield indent + whole[whole.rindex("<") :]


def main(folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as storage:
        app = App(FilesystemStore(pathlib.Path(storage)), login)
        server = Server(
            Application(Recorder(app.serve, folder)), listen("127.0.0.1", 0), app.limits
        )
        print("http://{}:{}/".format(*server.address), flush=True)
        server.run()


def login(request: Request) -> Principal | None:
    return Principal("alice") if request.header("authorization") == ALICE else None


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
