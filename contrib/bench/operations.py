"""What is timed: what phones and computers do, each checked for the right answer."""

import base64
import http.client
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from servers import PASSWORD, USER

NAMESPACES = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"'
CTAG = '<getctag xmlns="http://calendarserver.org/ns/"/>'
LOGIN = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
WANTED = 5  # cards that the query finds
RESPONSE = re.compile(rb"<(?:\w+:)?response[ >]")


def cards(number: int) -> dict[str, bytes]:
    """So many cards, the same every time; WANTED of them are called Zyxomma."""
    chance = random.Random(number)
    names = [f"{chance.getrandbits(64):016x}" for _ in range(number)]
    wanted = dict.fromkeys(chance.sample(names, WANTED), "Zyxomma")
    return {
        f"{name}.vcf": card(name, wanted.get(name, "Doe"), chance.randint(0, 2000))
        for name in names
    }


def card(name: str, family: str, length: int) -> bytes:
    """A card with a note of that length."""
    note = "".join(f"NOTE:{'x' * 68}\r\n" for _ in range(length // 70))
    return (
        f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{name}\r\nN:{family};{name[:6]};;;\r\n"
        f"FN:{name[:6]} {family}\r\nEMAIL:{name[:8]}@example.org\r\nTEL:+49 30 {name[:7]}\r\n"
        f"{note}END:VCARD\r\n"
    ).encode()


class Wrong(Exception):
    """A server answers something else than what was asked for."""


class Client:
    """One connection to a *book* with these *cards*."""

    def __init__(self, port: int, book: str, cards: Mapping[str, bytes]) -> None:
        self.book, self.cards, self.names = book, dict(cards), sorted(cards)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        self._changes = 0

    def ask(self, method: str, path: str = "", body: str | bytes = "", **headers: str) -> bytes:
        """The body of the answer; Wrong."""
        try:
            return self._ask(method, path, body, headers)
        except ConnectionError:  # the server has closed it, while others were asked
            self._connection.close()
            return self._ask(method, path, body, headers)

    def _ask(self, method: str, path: str, body: str | bytes, headers: Mapping[str, str]) -> bytes:
        said = {"Authorization": LOGIN, "Content-Type": "application/xml; charset=utf-8"}
        data = body.encode() if isinstance(body, str) else body
        self._connection.request(method, self.book + path, data, {**said, **headers})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise Wrong(f"{method} is answered {answer.status}: {content[:200]!r}")
        return content

    def change(self) -> Callable[[], bytes]:
        """What replaces the content of a card."""
        self._changes += 1
        name = self.names[self._changes % len(self.names)]
        data = self.cards[name].replace(b"END:", f"REV:{self._changes:08}\r\nEND:".encode())
        return lambda: self.ask("PUT", name, data, **{"Content-Type": "text/vcard"})

    def sync(self, token: str = "") -> Callable[[], bytes]:
        body = (
            f"<D:sync-collection {NAMESPACES}><D:sync-token>{token}</D:sync-token>"
            "<D:sync-level>1</D:sync-level><D:prop><D:getetag/></D:prop></D:sync-collection>"
        )
        return lambda: self.ask("REPORT", "", body)

    def propfind(self, depth: str, props: str) -> Callable[[], bytes]:
        body = f"<D:propfind {NAMESPACES}><D:prop>{props}</D:prop></D:propfind>"
        return lambda: self.ask("PROPFIND", "", body, Depth=depth)


@dataclass(frozen=True)
class Operation:
    """*begin* does what is not timed, and gives what is; *responses* of a multistatus are right.

    They are a function of the number of cards; None where the answer is no multistatus.
    """

    title: str
    begin: Callable[[Client], Callable[[], bytes]]
    responses: Callable[[int], int] | None = None

    def check(self, answer: bytes, cards: int) -> None:
        """Wrong unless the answer is about as many resources as it should."""
        found = len(RESPONSE.findall(answer))
        if self.responses and found != self.responses(cards):
            raise Wrong(f"{self.title}: {found} responses, not {self.responses(cards)}")


def poll(client: Client) -> Callable[[], bytes]:
    return client.propfind("0", f"{CTAG}<D:sync-token/>")


def listing(client: Client) -> Callable[[], bytes]:
    return client.propfind("1", "<D:getetag/><D:resourcetype/>")


def after_a_change(client: Client) -> Callable[[], bytes]:
    found = re.search(rb"sync-token>([^<]+)<", poll(client)())
    if not found:
        raise Wrong("there is no sync-token")
    client.change()()
    return client.sync(found[1].decode())


def multiget(client: Client) -> Callable[[], bytes]:
    chosen = random.sample(client.names, min(50, len(client.names)))
    body = (
        f"<C:addressbook-multiget {NAMESPACES}><D:prop><D:getetag/><C:address-data/></D:prop>"
        + "".join(f"<D:href>{client.book}{name}</D:href>" for name in chosen)
        + "</C:addressbook-multiget>"
    )
    return lambda: client.ask("REPORT", "", body)


def query(client: Client) -> Callable[[], bytes]:
    body = (
        f"<C:addressbook-query {NAMESPACES}><D:prop><D:getetag/><C:address-data/></D:prop>"
        '<C:filter><C:prop-filter name="FN"><C:text-match collation="i;unicode-casemap"'
        ' match-type="contains">zyxomma</C:text-match></C:prop-filter></C:filter>'
        "</C:addressbook-query>"
    )
    return lambda: client.ask("REPORT", "", body, Depth="1")


def get(client: Client) -> Callable[[], bytes]:
    name = random.choice(client.names)
    return lambda: client.ask("GET", name)


OPERATIONS = (
    Operation("poll", poll, lambda cards: 1),
    Operation("sync after a change", after_a_change, lambda cards: 1),
    Operation("listing of all", listing, lambda cards: cards + 1),
    Operation("first sync", lambda client: client.sync(), lambda cards: cards),
    Operation("multiget of 50", multiget, lambda cards: min(50, cards)),
    Operation("search by name", query, lambda cards: WANTED),
    Operation("GET", get),
    Operation("PUT", Client.change),
)
