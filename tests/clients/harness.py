"""What the checks of real clients share: the server as plain HTTP shows it, cards, and a runner.

CARDDAV_CA names the file of an authority to trust, where the server has a certificate of its own.
A check looks at both sides: the client's own store, and the server, read here by code that is
not the client's. Standard library only, because every client brings its own interpreter.
"""

from __future__ import annotations

import base64
import http.client
import os
import pathlib
import random
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from xml.etree import ElementTree

DAV = "{DAV:}"
CARDDAV = "{urn:ietf:params:xml:ns:carddav}"
ASK = '<propfind xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><prop>%s</prop></propfind>'
MAKE = (
    '<mkcol xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><set><prop><resourcetype>'
    "<collection/><C:addressbook/></resourcetype><displayname>%s</displayname></prop></set></mkcol>"
)
# What every client has to bring over unharmed.
NAMES = ["Zoë Ångström", "李小龙", "עדה לאבלייס", "Łukasz Żółć", "😀 Smile", "O'Brien & <Sons>"]


class Server:
    """A CardDAV server over one connection; *url* is where a person would be told it is."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url, self.user, self.password = url.rstrip("/"), user, password
        parts = urllib.parse.urlsplit(url)
        self.root = parts.path or "/"
        if parts.scheme == "https":
            trusted = ssl.create_default_context(cafile=os.environ.get("CARDDAV_CA"))
            self.connection = http.client.HTTPSConnection(parts.netloc, timeout=60, context=trusted)
        else:
            self.connection = http.client.HTTPConnection(parts.netloc, timeout=60)
        login = base64.b64encode(f"{user}:{password}".encode()).decode()
        self.headers = {"Authorization": f"Basic {login}", "Content-Type": "application/xml"}

    def request(self, method: str, path: str, body: str = "", **headers: str) -> bytes:
        """The body of a successful answer; AssertionError with the answer's text otherwise."""
        self.connection.request(method, path, body.encode(), self.headers | headers)
        answer = self.connection.getresponse()
        data = answer.read()
        assert answer.status < 300, f"{method} {path}: {answer.status} {data[:300]!r}"
        return data

    def properties(self, path: str, name: str, depth: str = "0") -> dict[str, list[str]]:
        """The texts and hrefs of one property, for every resource that has it."""
        tag = name.replace("C:", CARDDAV) if "C:" in name else DAV + name
        root = ElementTree.fromstring(
            self.request("PROPFIND", path, ASK % f"<{name}/>", Depth=depth)
        )
        return {
            response.findtext(DAV + "href", ""): [text for text in found.itertext() if text.strip()]
            for response in root.iter(DAV + "response")
            for found in response.iter(tag)
        }

    def home(self) -> str:
        [[principal]] = self.properties(self.root, "current-user-principal").values()
        [[home]] = self.properties(principal, "C:addressbook-home-set").values()
        return urllib.parse.urlsplit(home).path

    @contextmanager
    def book(self, displayname: str = "Prüfung") -> Iterator[Book]:
        """A new address book, gone again afterwards."""
        path = f"{self.home()}check-{uuid.uuid4().hex[:8]}/"
        self.request("MKCOL", path, MAKE % displayname)
        try:
            yield Book(self, path)
        finally:
            self.request("DELETE", path)


class Book:
    """An address book by its path; members go by the last segment of their URL, still encoded."""

    def __init__(self, server: Server, path: str) -> None:
        self.server, self.path = server, path
        self.name = path.rstrip("/").rpartition("/")[2]

    def etags(self) -> dict[str, str]:
        found = self.server.properties(self.path, "getetag", depth="1")
        members = {href.rpartition("/")[2]: "".join(etag) for href, etag in found.items()}
        return {name: etag for name, etag in members.items() if name}

    def cards(self) -> dict[str, list[str]]:
        """UID → content lines of every card."""
        return by_uid(self.get(name) for name in self.etags())

    def names(self) -> list[str]:
        """The formatted names, sorted."""
        lines = [line for lines in self.cards().values() for line in lines]
        return sorted(line.removeprefix("FN:") for line in lines if line.startswith("FN:"))

    def get(self, name: str) -> str:
        return self.server.request("GET", self.path + name).decode()

    def put(self, name: str, text: str) -> None:
        self.server.request("PUT", self.path + name, text, **{"Content-Type": "text/vcard"})

    def delete(self, name: str) -> None:
        self.server.request("DELETE", self.path + name)


def card(uid: str, name: str, *lines: str) -> str:
    """A vCard 3.0; long lines are folded as clients fold them."""
    content = ["BEGIN:VCARD", "VERSION:3.0", f"UID:{uid}", f"FN:{name}", f"N:{name};;;;", *lines]
    return "".join(fold(line) + "\r\n" for line in [*content, "END:VCARD"])


def fold(line: str) -> str:
    return "\r\n ".join(line[at : at + 70] for at in range(0, len(line), 70))


def photo(size: int) -> str:
    """A PHOTO of *size* bytes, the same ones every time."""
    data = b"\xff\xd8\xff\xe0" + random.Random(size).randbytes(size - 4)
    return "PHOTO;ENCODING=b;TYPE=JPEG:" + base64.b64encode(data).decode()


def content_lines(text: str) -> list[str]:
    """Unfolded, and free of the line ends that XML normalises on its way to the client."""
    return text.replace("\r\n", "\n").replace("\n ", "").strip().split("\n")


def by_uid(texts: Iterator[str]) -> dict[str, list[str]]:
    cards = {}
    for text in texts:
        lines = content_lines(text)
        [uid] = [line.removeprefix("UID:") for line in lines if line.startswith("UID:")]
        assert uid not in cards, f"two cards with UID {uid}"
        cards[uid] = lines
    return cards


def free_ports(number: int) -> list[int]:
    """As many different ones: all are held before the first is let go."""
    with ExitStack() as stack:
        probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
        return [stack.enter_context(probe).getsockname()[1] for probe in probes]


def free_port() -> int:
    [port] = free_ports(1)
    return port


def connect(port: int, process: subprocess.Popen[bytes]) -> socket.socket:
    """A connection to *process* once it listens; ConnectionRefusedError if it never does."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=180)
        except ConnectionRefusedError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def expect(actual: object, expected: object) -> None:
    """AssertionError that shows both values, cut where they become unreadable."""
    assert actual == expected, f"\n  expected {expected!r:.1500}\n  found    {actual!r:.1500}"


def eventually(look: Callable[[], object], expected: object) -> None:
    """Wait up to a minute; a look may fail while things move, as when a listed card is gone."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(AssertionError):
            if look() == expected:
                return
        time.sleep(0.1)
    expect(look(), expected)


def run(*checks: Callable[[Server, pathlib.Path], None]) -> None:
    """Run checks with the server of `URL USER PASSWORD` and an empty folder each; exit 0 or 1."""
    failed = 0
    for check in checks:
        with tempfile.TemporaryDirectory() as folder:
            try:
                check(Server(*sys.argv[1:4]), pathlib.Path(folder))
                print("ok    ", check.__name__.replace("_", " "), flush=True)
            except Exception:
                failed += 1
                traceback.print_exc()
                print("FAILED", check.__name__.replace("_", " "), flush=True)
    sys.exit(1 if failed else 0)
