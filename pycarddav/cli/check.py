"""``pycarddav serve --check``: the whole server with throw-away data, and a client of it."""

import base64
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from ..auth import accounts
from ..auth.passwords import random_password
from ..config.schema import Config
from ..dav.names import CARDDAV, DAV
from ..dav.xml import E, Malformed, document, parse
from ..serve import site
from .console import Exit
from .failures import failures

if TYPE_CHECKING:
    from http.client import HTTPConnection

USER = "check"
CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:check\r\nN:{0};;;;\r\nFN:{0}\r\nEND:VCARD\r\n"
SECONDS = 30.0  # for one answer

Headers = dict[str, str]


class Unexpected(Exception):
    """An answer that is not the right one."""


def run(config: Config) -> int:
    """Say how each step went, up to the first that failed."""
    # 25 ms and 6 MB (http.client brings ssl) that a server does not need.
    from http.client import HTTPException
    from tempfile import TemporaryDirectory

    with (
        failures(),
        TemporaryDirectory(prefix="pycarddav-check-") as folder,
        serving(throw_away(config, Path(folder))) as phone,
    ):
        for step in STEPS:
            try:
                print(f"ok    {step.__name__:9} {step(phone)}", flush=True)
            except (Unexpected, Malformed, OSError, HTTPException) as error:
                print(f"FAIL  {step.__name__:9} {error}", flush=True)
                return Exit.PROBLEM
    return Exit.OK


def throw_away(config: Config, folder: Path) -> Config:
    """The same server, on a free port of this machine, with nothing in it."""
    return replace(
        config,
        server=replace(config.server, host="127.0.0.1", port=0, certificate=None, key=None),
        storage=replace(config.storage, folder=folder),
        auth=replace(config.auth, htpasswd=folder / ".htpasswd"),
    )


@contextmanager
def serving(config: Config) -> Iterator["Phone"]:
    """A client of a server that runs as long as the block."""
    from http.client import HTTPConnection  # as above

    password = random_password()
    accounts.add_user(config.auth.htpasswd, USER, password)
    with site.store(config) as store:
        server = site.server(config, site.app(config, store), None)
        thread = threading.Thread(target=server.run)
        thread.start()
        connection = HTTPConnection(*server.address, timeout=SECONDS)
        try:
            yield Phone(connection, password)
        finally:
            connection.close()
            server.stop()
            thread.join()


class Phone:
    """A client that finds the address book and keeps in step with it."""

    def __init__(self, connection: "HTTPConnection", password: str) -> None:
        self._connection = connection
        credentials = base64.b64encode(f"{USER}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {credentials}"}
        self._book = self._card = self._etag = self._token = ""

    def discover(self) -> str:
        """RFC 6764 §6: from nothing but the host to the address book."""
        headers, _ = self._ask(307, "PROPFIND", "/.well-known/carddav")
        place = headers.get("location", "")
        for name in (DAV.current_user_principal, CARDDAV.addressbook_home_set):
            answer = _only(self._propfind(place, "0", name), place)
            place = _text(answer, f".//{name}/{DAV.href}")
        found = self._propfind(place, "1", DAV.resourcetype).items()
        books = {
            href: answer
            for href, answer in found
            if answer.find(f".//{CARDDAV.addressbook}") is not None
        }
        self._book = _text(_only(books, "an address book"), DAV.href)
        self._card = f"{self._book}check.vcf"
        return f"/.well-known/carddav leads to {self._book}"

    def create(self) -> str:
        self._etag = self._put("One", {"If-None-Match": "*"}, 201)
        self._ask(412, "PUT", self._card, CARD.format("Two").encode(), {"If-None-Match": "*"})
        return f"{self._card} has ETag {self._etag}"

    def sync(self) -> str:
        found = _text(self._change(), f".//{DAV.getetag}")
        _expect(found == self._etag, f"the card with its ETag, there is {found}")
        return "everything is one card"

    def edit(self) -> str:
        before = self._etag
        self._etag = self._put("Two", {"If-Match": before}, 204)
        _expect(self._etag != before, "another ETag for another card")
        self._ask(412, "PUT", self._card, CARD.format("Three").encode(), {"If-Match": before})
        found = _text(self._change(), f".//{DAV.getetag}")
        _expect(found == self._etag, f"the card with its new ETag, there is {found}")
        return "the change is one card"

    def delete(self) -> str:
        self._ask(204, "DELETE", self._card, headers={"If-Match": self._etag})
        status = _text(self._change(), DAV.status)
        _expect(" 404 " in status, f"a card that is gone, there is {status}")
        self._ask(404, "GET", self._card)
        return "the change is one card that is gone"

    def _put(self, name: str, headers: Headers, status: int) -> str:
        """The ETag under which the card can be had again, byte for byte."""
        data = CARD.format(name).encode()
        put, _ = self._ask(status, "PUT", self._card, data, headers)
        got, body = self._ask(200, "GET", self._card)
        _expect(body == data, "the very bytes that were put")
        _expect(put.get("etag") == got.get("etag"), "the same ETag from PUT and GET")
        return got["etag"]

    def _propfind(self, path: str, depth: str, name: str) -> dict[str, Element]:
        body = document(DAV.propfind, E(DAV.prop, E(name)))
        return _responses(self._ask(207, "PROPFIND", path, body, {"Depth": depth})[1])

    def _change(self) -> Element:
        """The card, in what a sync-collection (RFC 6578 §3.2) says since the one before."""
        wanted = E(DAV.prop, E(DAV.getetag))
        report = [E(DAV.sync_token, self._token), E(DAV.sync_level, "1"), wanted]
        _, body = self._ask(207, "REPORT", self._book, document(DAV.sync_collection, *report))
        self._token = _text(parse(body), DAV.sync_token)
        answer = _only(_responses(body), "a change")
        _expect(_text(answer, DAV.href) == self._card, f"a change of {self._card}")
        return answer

    def _ask(
        self, wanted: int, method: str, path: str, body: bytes = b"", headers: Headers | None = None
    ) -> tuple[Headers, bytes]:
        """Headers by their names in lower case, and the body; Unexpected."""
        path = urlsplit(path).path
        kind = "text/vcard; charset=utf-8" if method == "PUT" else "application/xml; charset=utf-8"
        sent = {"Content-Type": kind} if body else {}
        self._connection.request(method, path, body, self._headers | sent | (headers or {}))
        response = self._connection.getresponse()
        content = response.read()
        _expect(response.status == wanted, f"{wanted} for {method} {path}, {response.status} came")
        return {name.lower(): value for name, value in response.getheaders()}, content


STEPS: tuple[Callable[[Phone], str], ...] = (
    Phone.discover,
    Phone.create,
    Phone.sync,
    Phone.edit,
    Phone.delete,
)


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise Unexpected(f"expected {what}")


def _only(answers: Mapping[str, Element], what: str) -> Element:
    _expect(len(answers) == 1, f"one answer about {what}, there are {len(answers)}")
    return next(iter(answers.values()))


def _responses(body: bytes) -> dict[str, Element]:
    """The responses of a multistatus, by their href."""
    return {_text(response, DAV.href): response for response in parse(body).iter(DAV.response)}


def _text(element: Element, path: str) -> str:
    found = element.findtext(path)
    _expect(found is not None, f"{path} in the answer")
    return (found or "").strip()
