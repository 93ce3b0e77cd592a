"""A server of plain files, as litmus wants to meet one, made of an address book server.

Between the two stands as little as can be.  A text travels as the note of a card (without a UID, so
that copies of it may lie side by side).  A collection inside a book, where none can be, is a book
beside it: ``/alice/litmus/a/b/`` is ``/alice/litmus.a.b/``, and what is inside comes and goes with
it.  Everything else, each status, condition, lock and property, is the server's own answer.
"""

import base64
import re
from collections.abc import Callable
from dataclasses import replace

from pycarddav.protocol.messages import Request, Response

Serve = Callable[[Request], Response]

TOP = "/alice/litmus"
_CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:litmus\r\nNOTE:{}\r\nEND:VCARD\r\n"
_NOTE = re.compile(rb"NOTE:(.*)\r\n")


class PlainFiles:
    """*serve*, for texts and for collections that lie one in the other."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._collections = {""}  # by their names; the one at TOP has none

    def __call__(self, request: Request) -> Response:
        here = name(request.path)
        makes = request.method == "MKCOL" and self._is_free(here, request)
        if here in self._collections or makes:
            return self._ask_collection(request, here)
        response = self._ask(request, self._place(request.path))
        if request.method == "GET" and response.status == 200:
            return replace(response, body=text(response.body))
        return response

    def _is_free(self, name: str, request: Request) -> bool:
        """Whether a collection may be there: inside another, and where no text is."""
        outer, _, last = name.rpartition(".")
        look = Request("HEAD", book(outer) + last, request.headers)
        return outer in self._collections and self._serve(look).status == 404

    def _ask_collection(self, request: Request, here: str) -> Response:
        """Ask about a collection, and do what is done to it to those inside as well."""
        target = name(destination(request))
        moves = request.method in ("COPY", "MOVE") and self._is_free(target, request)
        response = self._ask(request, book(here), book(target) if moves else "")
        if response.status in (201, 204) and request.method != "UNLOCK":
            self._learn(request, here, target)
        return response

    def _learn(self, request: Request, here: str, target: str) -> None:
        inside = self._inside(here)
        if request.method == "MKCOL":
            self._collections.add(here)
        if request.method in ("COPY", "MOVE"):
            self._remove(request, self._inside(target))
            copied = {} if request.header("depth") == "0" else inside
            copies = {inner: target + inner.removeprefix(here) for inner in copied}
            for inner, copy in copies.items():
                self._ask(replace(request, method="COPY"), book(inner), book(copy))
            self._collections |= {target, *copies.values()}
        if request.method in ("DELETE", "MOVE"):
            self._remove(request, inside)
            self._collections -= {here} - {""}

    def _inside(self, outer: str) -> set[str]:
        start = f"{outer}." if outer else ""
        return {name for name in self._collections if name.startswith(start) and name != outer}

    def _remove(self, request: Request, names: set[str]) -> None:
        for inner in names:
            self._ask(replace(request, method="DELETE"), book(inner))
        self._collections -= names

    def _ask(self, request: Request, path: str, target: str = "") -> Response:
        """Ask the server, about the places where it has what the request is about."""
        headers, body = dict(request.headers), request.body
        if "destination" in headers:
            headers["destination"] = target or self._place(destination(request))
        if "if" in headers:
            tag = re.compile(rf"<{re.escape(request.origin)}(/[^>]*)>")
            headers["if"] = tag.sub(lambda found: f"<{self._place(found[1])}>", headers["if"])
        if request.method == "PUT":
            body, headers["content-type"] = card(body), "text/vcard"
        return self._serve(replace(request, path=path, headers=headers, body=body))

    def _place(self, path: str) -> str:
        """Where the server has what is at *path*: in the book of its innermost collection."""
        if not path.startswith(TOP + "/"):
            return path
        segments = path.removeprefix(TOP + "/").split("/")
        count = len(segments)
        while ".".join(segments[:count]) not in self._collections:
            count -= 1
        return book(".".join(segments[:count])) + "/".join(segments[count:])


def name(path: str) -> str:
    """The name that a collection at this path has, or would have."""
    return path.removeprefix(TOP).strip("/").replace("/", ".")


def book(name: str) -> str:
    """Where the server has the collection of this name."""
    return f"{TOP}.{name}/" if name else f"{TOP}/"


def destination(request: Request) -> str:
    """The path that a request names beside its own."""
    return request.header("destination", "").removeprefix(request.origin)


def card(body: bytes) -> bytes:
    """A card that carries *body*."""
    return _CARD.format(base64.b64encode(body).decode()).encode()


def text(content: object) -> bytes:
    """What a card carries."""
    found = _NOTE.search(content) if isinstance(content, bytes) else None
    return base64.b64decode(found[1]) if found else b""
