#!/usr/bin/env python3
"""How the server grows: with the cards of a book, and with the books and users of a storage.

    python contrib/bench/scale.py [--cards 1000 10000 50000] [--users 100] [--books 2] [--in FOLDER]

Prints, for each number of cards, how long a book takes to be opened without and with its index,
what a card takes of memory, and what one request takes (the median; without a socket, on the disk
where FOLDER is); and what many small books take.  Each opening is in a process of its own, files
are in the kernel's cache.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from pycarddav.model import Principal
from pycarddav.protocol.app import App
from pycarddav.protocol.messages import Request
from pycarddav.store.filesystem import FilesystemStore

BOOK = "/alice/contacts/"
TIMES = 60  # requests of a kind
NAMESPACES = 'xmlns:D="DAV:" xmlns:S="http://calendarserver.org/ns/"'
POLL = f"<D:propfind {NAMESPACES}><D:prop><D:sync-token/><S:getctag/></D:prop></D:propfind>"
DELTA = (
    "<D:sync-collection {}><D:sync-token>{}</D:sync-token><D:sync-level>1</D:sync-level>"
    "<D:prop><D:getetag/></D:prop></D:sync-collection>"
)


def card(number: int, note: str = "") -> bytes:
    """About 600 octets."""
    return (
        "BEGIN:VCARD\r\nVERSION:3.0\r\nPRODID:-//scale//EN\r\n"
        f"UID:{number:08x}-5ca1-4e00-8000-{number:012x}\r\n"
        f"FN:Person {number}\r\nN:{number};Person;;;\r\nORG:Company {number % 97};Dept\r\n"
        f"EMAIL;TYPE=HOME:person.{number}@example.org\r\n"
        f"TEL;TYPE=CELL:+49 170 {number:07d}\r\nTEL;TYPE=WORK:+49 30 {number:07d}\r\n"
        f"ADR;TYPE=HOME:;;Street {number};Town;;{number % 99999:05d};Country\r\n"
        f"NOTE:{'lorem ipsum ' * 20}{note}\r\nEND:VCARD\r\n"
    ).encode()


def name(number: int) -> str:
    return f"{number:08x}-5ca1-4e00-8000-{number:012x}.vcf"


def fill(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / name(number)).write_bytes(card(number))


def memory() -> int:
    """Octets of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def opening(storage: Path, owner: str, book: str, save: bool) -> dict[str, float]:
    """What it takes to open a book, in a process of its own."""
    store = FilesystemStore(storage)
    store.book("nobody", "nothing")
    before, start = memory(), time.perf_counter()
    store.book(owner, book)
    seconds = time.perf_counter() - start
    taken = memory() - before
    if save:
        store.close()
    return {"seconds": seconds, "memory": taken}


def homes(storage: Path, owners: list[str]) -> dict[str, float]:
    """What it takes to show everybody their books."""
    store = FilesystemStore(storage)
    store.owners()
    before, start = memory(), time.perf_counter()
    books = [book for owner in owners for book in store.books(owner)]
    opened = time.perf_counter() - start
    taken, start = memory() - before, time.perf_counter()
    again = [store.book(book.owner, book.name) for book in books]
    polled = (time.perf_counter() - start) / len(again)
    store.close()
    return {"books": len(books), "seconds": opened, "memory": taken, "poll": polled}


def apart(what: str, *words: object) -> dict[str, float]:
    """What a function of this module says in a new process."""
    command = [sys.executable, __file__, "--apart", what, *map(str, words)]
    found: dict[str, float] = json.loads(subprocess.check_output(command))
    return found


class Client:
    """Asks without a socket."""

    def __init__(self, storage: Path) -> None:
        self.store = FilesystemStore(storage)
        self.app = App(self.store, lambda request: Principal("alice"))

    def __call__(self, method: str, path: str, body: bytes | str = b"", **headers: str) -> bytes:
        data = body.encode() if isinstance(body, str) else body
        response = self.app.serve(Request(method, path, headers, data, origin="http://localhost"))
        if response.status >= 300:
            sys.exit(f"{method} {path}: {response}")
        return bytes(response.body)

    def timed(self, method: str, path: str, body: bytes | str = b"", **headers: str) -> float:
        """The seconds that a request takes."""
        start = time.perf_counter()
        self(method, path, body, **headers)
        return time.perf_counter() - start

    def token(self) -> str:
        said = self("PROPFIND", BOOK, POLL, depth="0").decode()
        return said.partition("<D:sync-token>")[2].partition("<")[0]


def requests(client: Client, count: int) -> Iterator[tuple[str, float]]:
    """Kinds of requests, each with the seconds that it takes."""
    for number in range(TIMES):
        known, old = client.token(), number * (count // TIMES)
        new = BOOK + name(count + number)
        yield "poll", client.timed("PROPFIND", BOOK, POLL, depth="0")
        yield "GET", client.timed("GET", BOOK + name(old))
        yield "PUT", client.timed("PUT", BOOK + name(old), card(old, "changed"))
        yield "PUT new", client.timed("PUT", new, card(count + number))
        yield "DELETE", client.timed("DELETE", new)
        yield "delta", client.timed("REPORT", BOOK, DELTA.format(NAMESPACES, known))


def medians(found: Iterator[tuple[str, float]]) -> dict[str, float]:
    times: dict[str, list[float]] = {}
    for kind, seconds in found:
        times.setdefault(kind, []).append(seconds)
    return {kind: statistics.median(those) for kind, those in times.items()}


def grow(folder: Path, counts: list[int]) -> None:
    kinds = ["poll", "delta", "GET", "PUT", "PUT new", "DELETE"]
    print("| cards | open without index | with index | memory of a card |", end="")
    print("".join(f" {kind} |" for kind in kinds))
    print("|" + "---:|" * (4 + len(kinds)))
    for count in counts:
        storage = folder / f"{count}"
        fill(storage / BOOK.strip("/"), count)
        cold = apart("opening", storage, "alice", "contacts", 1)
        warm = apart("opening", storage, "alice", "contacts", "")
        client = Client(storage)
        client("PROPFIND", BOOK, POLL, depth="0")
        times = medians(requests(client, count))
        client.store.close()
        opened = f"{cold['seconds'] * 1e3:.0f} ms | {warm['seconds'] * 1e3:.0f} ms"
        print(f"| {count:,} | {opened} | {warm['memory'] / count:.0f} B |", end="")
        print("".join(f" {times[kind] * 1e3:.2f} ms |" for kind in kinds), flush=True)


def spread(folder: Path, users: int, books: int, cards: int) -> None:
    storage, owners = folder / "users", [f"user{number}" for number in range(users)]
    for owner in owners:
        for number in range(books):
            fill(storage / owner / f"book{number}", cards)
    for state in ("without index", "with index"):
        found = apart("homes", storage, *owners)
        print(
            f"{users} users, {found['books']} books of {cards} cards, {state}: all homes listed in"
            f" {found['seconds'] * 1e3:.0f} ms, {found['memory'] / 2**20:.1f} MB;"
            f" then {found['poll'] * 1e6:.0f} us to look whether a book has changed"
        )


def main() -> None:
    if sys.argv[1:2] == ["--apart"]:
        what, storage, *words = sys.argv[2:]
        if what == "opening":
            print(json.dumps(opening(Path(storage), words[0], words[1], bool(words[2]))))
        else:
            print(json.dumps(homes(Path(storage), words)))
        return
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cards", type=int, nargs="+", default=[1000, 10_000, 50_000])
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--books", type=int, default=2, help="of each user")
    parser.add_argument("--in", dest="folder", type=Path, default=Path(tempfile.gettempdir()))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        grow(Path(folder), chosen.cards)
        print()
        spread(Path(folder), chosen.users, chosen.books, 50)


if __name__ == "__main__":
    main()
