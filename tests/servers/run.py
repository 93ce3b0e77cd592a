"""Move from real servers to pycarddav, and see whether a phone would notice.

    run.py BIN      BIN has the commands of Radicale and Xandikos

Each server is filled with the cards of tests/cards, as far as it takes them. Then its address books
are taken over, once by HTTP and once straight from its storage. Ends with `N passed, N failed`.
"""

import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from pycarddav.client import Access, Client, ClientError, Unexpected, discovery
from pycarddav.dav.names import CARDDAV, DAV
from pycarddav.dav.xml import E, document

CARDS = pathlib.Path(__file__).parent.parent / "cards"
PYCARDDAV = [sys.executable, "-m", "pycarddav"]
USER, PASSWORD = "ada", "secret"
COLOUR = "{http://inf-it.com/ns/ab/}addressbook-color"
SIMPLE = b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:%s\r\nN:X;;;;\r\nFN:Number %s\r\nEND:VCARD\r\n"
NAMES = ("{}.vcf", "{} x.vcf", "ü-{}.vcf", "a@{}+b.vcf", "100%-{}.vcf", "{{{}}}.vcf")

BEYOND = {"ü-version-5.0.vcf"}  # what nobody can keep

Known = dict[str, bytes]  # what a phone has, by href


@dataclass
class Server:
    """*command* runs it, with its storage in a folder, on a port; *home* is below its URL."""

    command: Callable[[pathlib.Path, int], list[str]]
    home: str
    book: str
    user: str


@contextmanager
def running(command: list[str], log: pathlib.Path) -> Iterator[None]:
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_for(url: str) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            with Client(url, Access()) as client:
                client.request("GET", "/", follow=False)
            return
        except ClientError:
            assert time.monotonic() < until, f"{url} does not start"
            time.sleep(0.1)


def fill(client: Client, home: str, name: str) -> None:
    """Put the cards of tests/cards into a book of some properties."""
    book = f"{home}{name}/"
    props = [E(DAV.displayname, "Müller & Söhne"), E(COLOUR, "#ff0000ff")]
    kind = E(DAV.resourcetype, E(DAV.collection), E(CARDDAV.addressbook))
    xml = {"Content-Type": "application/xml"}
    client.request("MKCOL", book, document(DAV.mkcol, E(DAV.set, E(DAV.prop, kind, *props))), xml)
    for prop in props:  # where the book is there already
        update = document(DAV.propertyupdate, E(DAV.set, E(DAV.prop, prop)))
        client.request("PROPPATCH", book, update, xml)
    for name, data in cards():
        with suppress(Unexpected):  # it does not take every card
            client.put(book + name.replace("%", "%25").replace("+", "%2B"), data)


def cards() -> Iterator[tuple[str, bytes]]:
    """Names and cards: those of tests/cards, each with a UID of its own; two with one UID."""
    for number, path in enumerate(sorted(CARDS.glob("*.vcf"))):
        data = re.sub(rb"(?m)^UID:[^\r\n]*", f"UID:{path.stem}".encode(), path.read_bytes())
        yield NAMES[number % len(NAMES)].format(path.stem), data
    for number in range(200):  # more than are asked for at once
        yield f"{number}.vcf", SIMPLE % (b"%d" % (number % 199), b"%d" % number)


def phone(url: str, password: str) -> Known:
    """What a client has that has synced: each card of each book, by its path."""
    found = {}
    with Client(url, Access(USER, password)) as client:
        for book in discovery.books(client):
            listing, place = client.propfind(book, DAV.resourcetype, DAV.getetag, depth="1")
            for response in listing.responses:
                if not response.has(DAV.resourcetype, DAV.collection):
                    card = client.locate(place, response.href)
                    found[urlsplit(card).path] = client.get(card).body
    return found


def last(known: Known) -> Known:
    """By name: what is in front of that is another server's."""
    return {unquote(path.rpartition("/")[2]): data for path, data in known.items()}


def migrate(folder: pathlib.Path, *source: str) -> dict:
    """Take over into a storage in *folder*: what the command says about the only book."""
    storage = ["--storage", str(folder)]
    add = [*PYCARDDAV, "user", "add", USER, "--password-stdin", *storage]
    subprocess.run(add, input=PASSWORD, text=True, check=True, capture_output=True)
    delete = [*PYCARDDAV, "book", "delete", f"{USER}/contacts", "--yes", *storage]
    subprocess.run(delete, check=True, capture_output=True)
    return again(folder, *source)


def again(folder: pathlib.Path, *source: str) -> dict:
    words = [*source, "--to", USER, "--password-stdin", "--json", "--storage", str(folder)]
    command = [*PYCARDDAV, "migrate", *words]
    done = subprocess.run(command, input=PASSWORD, text=True, capture_output=True, check=False)
    assert done.returncode in (0, 5), done.stdout + done.stderr
    (book,) = json.loads(done.stdout)["books"]
    return book


def served(folder: pathlib.Path, log: pathlib.Path) -> tuple[Known, str]:
    """What a phone has of pycarddav with the storage in *folder*, and the book's name."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running([*PYCARDDAV, "serve", "--port", str(port), "--storage", str(folder)], log):
        wait_for(url)
        known = phone(url, PASSWORD)
        with Client(url, Access(USER, PASSWORD)) as client:
            (book,) = discovery.books(client)
            found, _ = client.propfind(book, DAV.displayname, COLOUR)
    props = found.responses[0]
    return known, f"{props.text(DAV.displayname)} {props.text(COLOUR)}"


def compare(before: Known, after: Known, done: dict) -> None:
    """Every card is there under its href, and is what it was unless it is said that it is not."""
    said = {unquote(item["card"].rpartition("/")[2]): item for item in done["cards"]}
    lost = {name for name, item in said.items() if item["what"] == "refused"}
    old, new = last(before), last(after)
    assert old.keys() - new.keys() == lost, "hrefs are missing"
    assert not new.keys() - old.keys(), "there are more cards than before"
    assert lost <= BEYOND, f"refused: {lost - BEYOND}"
    changed = {name for name, data in new.items() if old[name] != data}
    assert changed <= said.keys(), f"not the same octets: {changed - said.keys()}"


def radicale(bin: pathlib.Path) -> Server:
    def command(folder: pathlib.Path, port: int) -> list[str]:
        options = {"server-hosts": f"127.0.0.1:{port}", "storage-filesystem-folder": str(folder)}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        return [str(bin / "python"), "-m", "radicale", "--auth-type", "none", *words]

    return Server(command, f"/{USER}/", "friends", USER)


def xandikos(bin: pathlib.Path) -> Server:
    def command(folder: pathlib.Path, port: int) -> list[str]:
        address = ["-l", "127.0.0.1", "-p", str(port)]
        return [str(bin / "xandikos"), "serve", "--defaults", "-d", str(folder), *address]

    return Server(command, "/user/contacts/", "addressbook", "user")


def session(name: str, server: Server, work: pathlib.Path) -> None:
    old, port = work / "old", free_port()
    old.mkdir()
    url = f"http://127.0.0.1:{port}"
    with running(server.command(old, port), work / "old.log"):
        wait_for(url)
        with Client(url, Access(USER, PASSWORD)) as client:
            fill(client, server.home, server.book)
        before = phone(url, PASSWORD)
        by_http = migrate(work / "http", url)
        second = again(work / "http", url)
        assert second["unchanged"] + second["refused"] == len(before), second
    straight = migrate(work / "straight", name, str(old), "--user", server.user)
    for how, done in (("http", by_http), ("straight", straight)):
        after, props = served(work / how, work / f"{how}.log")
        compare(before, after, done)
        assert props == "Müller & Söhne #ff0000ff", props
        said = f"{len(after)} cards, {done['repaired']} repaired, {done['refused']} refused"
        print(f"ok    {name} {how}: {said}", flush=True)


def main(bin: pathlib.Path) -> int:
    failed = 0
    for name, make in {"radicale": radicale, "xandikos": xandikos}.items():
        with tempfile.TemporaryDirectory() as work:
            try:
                session(name, make(bin), pathlib.Path(work))
            except (AssertionError, ClientError) as error:
                print(f"FAILED {name}: {error}")
                failed += 1
    print(f"{4 - 2 * failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
