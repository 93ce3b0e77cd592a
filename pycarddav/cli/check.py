"""``pycarddav serve --check``: the whole server with throw-away data, and a client of it."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from ..auth import accounts
from ..auth.passwords import random_password
from ..client import Access, Answer, Client, ClientError, Response, discovery, multistatus
from ..config.schema import Config
from ..dav.names import DAV
from ..dav.xml import E, document
from ..serve import site
from .console import Exit
from .failures import failures

USER = "check"
CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:check\r\nN:{0};;;;\r\nFN:{0}\r\nEND:VCARD\r\n"

T = TypeVar("T")
Headers = dict[str, str]


class Wrong(Exception):
    """An answer that is not the right one."""


def run(config: Config) -> int:
    """Say how each step went, up to the first that failed."""
    from tempfile import TemporaryDirectory  # 10 ms that a server does not need

    with (
        failures(),
        TemporaryDirectory(prefix="pycarddav-check-") as folder,
        serving(throw_away(config, Path(folder))) as phone,
    ):
        for step in STEPS:
            try:
                print(f"ok    {step.__name__:9} {step(phone)}", flush=True)
            except (Wrong, ClientError) as error:
                print(f"FAIL  {step.__name__:9} {error}", flush=True)
                return Exit.PROBLEM
    return Exit.OK


def throw_away(config: Config, folder: Path) -> Config:
    """The same server, on a free port of this machine, with nothing in it."""
    return replace(
        config,
        server=replace(config.server, host=("127.0.0.1",), port=0, certificate=None, key=None),
        storage=replace(config.storage, folder=folder),
        auth=replace(config.auth, type=("htpasswd",), htpasswd=folder / ".htpasswd"),
    )


@contextmanager
def serving(config: Config) -> Iterator["Phone"]:
    """A client of a server that runs as long as the block."""
    password = random_password()
    accounts.add_user(config.auth.htpasswd, USER, password)
    with site.listening(config) as bound, site.serving(config, bound) as server:
        thread = threading.Thread(target=server.run)
        thread.start()
        host, port = server.address
        try:
            with Client(f"http://{host}:{port}", Access(USER, password)) as client:
                yield Phone(client)
        finally:
            server.stop()
            thread.join()


class Phone:
    """Finds the address book, and keeps in step with it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._book = self._card = self._etag = self._token = ""

    def discover(self) -> str:
        """RFC 6764 §6: from nothing but the host to the address book."""
        self._ask(307, "PROPFIND", discovery.WELL_KNOWN)
        found = _only(discovery.books(self._client), "address book")
        self._book = urlsplit(found).path
        self._card = f"{self._book}check.vcf"
        return f"{discovery.WELL_KNOWN} leads to {self._book}"

    def create(self) -> str:
        self._etag = self._put("One", {"If-None-Match": "*"}, 201)
        self._ask(412, "PUT", self._card, CARD.format("Two").encode(), {"If-None-Match": "*"})
        return f"{self._card} has ETag {self._etag}"

    def sync(self) -> str:
        found = self._change().text(DAV.getetag)
        _expect(found == self._etag, f"the card with its ETag, there is {found}")
        return "everything is one card"

    def edit(self) -> str:
        before = self._etag
        self._etag = self._put("Two", {"If-Match": before}, 204)
        _expect(self._etag != before, "another ETag for another card")
        self._ask(412, "PUT", self._card, CARD.format("Three").encode(), {"If-Match": before})
        found = self._change().text(DAV.getetag)
        _expect(found == self._etag, f"the card with its new ETag, there is {found}")
        return "the change is one card"

    def delete(self) -> str:
        self._ask(204, "DELETE", self._card, headers={"If-Match": self._etag})
        status = self._change().status
        _expect(status == 404, f"a card that is gone, there is {status}")
        self._ask(404, "GET", self._card)
        return "the change is one card that is gone"

    def _put(self, name: str, headers: Headers, status: int) -> str:
        """The ETag under which the card can be had again, byte for byte."""
        data = CARD.format(name).encode()
        put = self._ask(status, "PUT", self._card, data, headers)
        got = self._ask(200, "GET", self._card)
        _expect(got.body == data, "the very bytes that were put")
        _expect(put.headers.get("etag") == got.headers.get("etag"), "one ETag from PUT and GET")
        return got.headers["etag"]

    def _change(self) -> Response:
        """The card, in what a sync-collection (RFC 6578 §3.2) says since the one before."""
        wanted = E(DAV.prop, E(DAV.getetag))
        report = [E(DAV.sync_token, self._token), E(DAV.sync_level, "1"), wanted]
        answer = self._ask(207, "REPORT", self._book, document(DAV.sync_collection, *report))
        found = multistatus.read(answer.body, answer.url)
        self._token = found.sync_token or ""
        change = _only(found.responses, "change")
        _expect(change.href == self._card, f"a change of {self._card}")
        return change

    def _ask(
        self, wanted: int, method: str, path: str, body: bytes = b"", headers: Headers | None = None
    ) -> Answer:
        kind = "text/vcard; charset=utf-8" if method == "PUT" else "application/xml; charset=utf-8"
        sent = ({"Content-Type": kind} if body else {}) | (headers or {})
        answer = self._client.request(method, path, body, sent, follow=False)
        _expect(answer.status == wanted, f"{wanted} for {method} {path}, {answer.status} came")
        return answer


STEPS: tuple[Callable[[Phone], str], ...] = (
    Phone.discover,
    Phone.create,
    Phone.sync,
    Phone.edit,
    Phone.delete,
)


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise Wrong(f"expected {what}")


def _only(found: Sequence[T], what: str) -> T:
    _expect(len(found) == 1, f"one {what}, there are {len(found)}")
    return found[0]
