"""vdirsyncer between a folder of .vcf files and an address book: check.py URL USER PASSWORD"""

import json
import os
import pathlib
import re
import subprocess
import sys
from urllib.parse import unquote

from harness import NAMES, Book, Server, by_uid, card, expect, photo, run

VDIRSYNCER = pathlib.Path(sys.executable).with_name("vdirsyncer")


class Pair:
    """vdirsyncer's two sides: `folder`, one book a subfolder, and the server."""

    def __init__(self, server: Server, work: pathlib.Path, conflict_resolution: object = None):
        self.folder, self.config = work / "folder", work / "config"
        self.folder.mkdir()
        sections = {
            "general": {"status_path": str(work / "status")},
            "pair books": {
                "a": "folder",
                "b": "server",
                "collections": ["from a", "from b"],
                "conflict_resolution": conflict_resolution,
            },
            "storage folder": {
                "type": "filesystem",
                "path": str(self.folder),
                "fileext": ".vcf",
            },
            "storage server": {
                "type": "carddav",
                "url": server.url + "/",
                "username": server.user,
                "password": server.password,
                **({"verify": os.environ["CARDDAV_CA"]} if "CARDDAV_CA" in os.environ else {}),
            },
        }
        text = []
        for name, keys in sections.items():
            text += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
        self.config.write_text("\n".join(text))

    def vdirsyncer(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [VDIRSYNCER, "-vdebug", "-c", self.config, *arguments],
            input="y\n" * 20,  # yes, create what is missing on the other side
            capture_output=True,
            text=True,
            timeout=300,
        )

    def discover(self) -> None:
        done = self.vdirsyncer("discover")
        assert done.returncode == 0, done.stdout + done.stderr

    def sync(self, book: Book) -> list[str]:
        """The requests that the sync made."""
        done = self.vdirsyncer("sync", f"books/{book.name}")
        assert done.returncode == 0, done.stdout + done.stderr
        return re.findall(r"^debug: ([A-Z]+) http", done.stdout + done.stderr, re.MULTILINE)

    def write(self, book: Book, name: str, text: str) -> None:
        (self.folder / book.name / name).write_bytes(text.encode())

    def files(self, book: Book) -> list[pathlib.Path]:
        return sorted((self.folder / book.name).glob("*.vcf"))

    def cards(self, book: Book) -> dict[str, list[str]]:
        return by_uid(path.read_bytes().decode() for path in self.files(book))

    def expect_both(self, book: Book, *texts: str) -> None:
        """Both sides hold these cards, line for line, and there is nothing left to transfer."""
        expected = by_uid(iter(texts))
        expect(self.cards(book), expected)
        expect(book.cards(), expected)
        etags = book.etags()
        expect(set(self.sync(book)), {"PROPFIND"})
        expect(book.etags(), etags)


def an_address_book_is_discovered_and_another_is_made(server: Server, work: pathlib.Path) -> None:
    pair = Pair(server, work)
    made = Book(server, f"{server.home()}made-by-vdirsyncer/")
    (pair.folder / made.name).mkdir()
    with server.book() as found:
        pair.discover()
        assert (pair.folder / found.name).is_dir()
        expect(made.cards(), {})
        pair.write(made, "ada.vcf", card("ada", "Ada"))
        pair.sync(made)
        pair.expect_both(made, card("ada", "Ada"))
    server.request("DELETE", made.path)


def new_cards_travel_both_ways_with_names_of_the_world(server: Server, work: pathlib.Path) -> None:
    pair = Pair(server, work)
    texts = [card(f"uid-{n}", name, f"NOTE:{name}") for n, name in enumerate(NAMES)]
    with server.book("Büro 书") as book:
        pair.discover()
        for n, text in enumerate(texts):
            if n % 2:
                pair.write(book, f"{n}.vcf", text)
            else:
                book.put(f"{n}.vcf", text)
        pair.sync(book)
        pair.expect_both(book, *texts)


def edits_travel_both_ways(server: Server, work: pathlib.Path) -> None:
    pair = Pair(server, work)
    with server.book() as book:
        pair.discover()
        book.put("ada.vcf", card("ada", "Ada"))
        book.put("bob.vcf", card("bob", "Bob"))
        pair.sync(book)
        book.put("ada.vcf", card("ada", "Ada Lovelace"))
        pair.write(book, "bob.vcf", card("bob", "Bob Dylan"))
        pair.sync(book)
        pair.expect_both(book, card("ada", "Ada Lovelace"), card("bob", "Bob Dylan"))


def deletions_travel_both_ways(server: Server, work: pathlib.Path) -> None:
    pair = Pair(server, work)
    with server.book() as book:
        pair.discover()
        for uid in ("ada", "bob", "eve"):
            book.put(f"{uid}.vcf", card(uid, uid.title()))
        pair.sync(book)
        book.delete("ada.vcf")
        (pair.folder / book.name / "bob.vcf").unlink()
        pair.sync(book)
        pair.expect_both(book, card("eve", "Eve"))


def make_conflict(pair: Pair, book: Book) -> None:
    pair.discover()
    book.put("ada.vcf", card("ada", "Ada"))
    pair.sync(book)
    pair.write(book, "ada.vcf", card("ada", "Ada of the folder", "TEL:1"))
    book.put("ada.vcf", card("ada", "Ada of the server", "EMAIL:ada@example.org"))


def an_unresolved_conflict_changes_nothing(server: Server, work: pathlib.Path) -> None:
    pair = Pair(server, work)
    with server.book() as book:
        make_conflict(pair, book)
        done = pair.vdirsyncer("sync", f"books/{book.name}")
        assert done.returncode != 0, done.stdout + done.stderr
        expect(pair.cards(book)["ada"][3], "FN:Ada of the folder")
        expect(book.cards()["ada"][3], "FN:Ada of the server")


def a_conflict_is_won_by_the_side_that_was_chosen(server: Server, work: pathlib.Path) -> None:
    pair = Pair(server, work, "a wins")
    with server.book() as book:
        make_conflict(pair, book)
        pair.sync(book)
        pair.expect_both(book, card("ada", "Ada of the folder", "TEL:1"))


def a_conflict_is_merged_by_a_command(server: Server, work: pathlib.Path) -> None:
    merged = card("ada", "Ada of both", "TEL:1", "EMAIL:ada@example.org")
    merge = work / "merge"
    merge.write_text(
        f"#!{sys.executable}\nimport pathlib, sys\n"
        f"for path in sys.argv[1:]: pathlib.Path(path).write_bytes({merged.encode()!r})\n"
    )
    merge.chmod(0o755)
    pair = Pair(server, work, ["command", str(merge)])
    with server.book() as book:
        make_conflict(pair, book)
        pair.sync(book)
        pair.expect_both(book, merged)


def a_thousand_cards_travel_up_and_down(server: Server, work: pathlib.Path) -> None:
    texts = [card(f"uid-{n:04}", f"Contact {n}", f"TEL:{n:07}") for n in range(1000)]
    up, down = work / "up", work / "down"
    up.mkdir()
    down.mkdir()
    with server.book() as book:
        first = Pair(server, up)
        first.discover()
        for n, text in enumerate(texts):
            first.write(book, f"{n}.vcf", text)
        first.sync(book)
        first.expect_both(book, *texts)
        second = Pair(server, down)
        second.discover()
        second.sync(book)
        second.expect_both(book, *texts)


def photos_travel_both_ways_whole(server: Server, work: pathlib.Path) -> None:
    pair = Pair(server, work)
    sizes = [100, 30_000, 300_000, 1_500_000]
    texts = [card(f"uid-{size}", f"{size} bytes", photo(size)) for size in sizes]
    with server.book() as book:
        pair.discover()
        for n, text in enumerate(texts):
            if n % 2:
                pair.write(book, f"{n}.vcf", text)
            else:
                book.put(f"{n}.vcf", text)
        pair.sync(book)
        pair.expect_both(book, *texts)


def a_member_keeps_its_name_however_it_is_encoded(server: Server, work: pathlib.Path) -> None:
    pair = Pair(server, work)
    names = ["Zo%C3%AB.vcf", "a%20b.vcf", "100%25.vcf", "a+b@c.vcf", "no-suffix"]
    with server.book() as book:
        pair.discover()
        for n, name in enumerate(names):
            book.put(name, card(f"uid-{n}", name))
        pair.sync(book)
        for path in pair.files(book):
            path.write_bytes(path.read_bytes().replace(b"END:", b"NOTE:edited\r\nEND:"))
        pair.sync(book)
        expect({unquote(name) for name in book.etags()}, {unquote(name) for name in names})
        pair.expect_both(
            book, *(card(f"uid-{n}", name, "NOTE:edited") for n, name in enumerate(names))
        )


def what_is_uploaded_is_stored_byte_for_byte(server: Server, work: pathlib.Path) -> None:
    pair = Pair(server, work)
    odd = card("odd", "Odd", "item1.EMAIL;type=INTERNET;type=pref:o@example.org", "X-ODD;A=b:c\\,d")
    with server.book() as book:
        pair.discover()
        pair.write(book, "odd.vcf", odd)
        pair.sync(book)
        [name] = book.etags()
        expect(book.get(name), odd)


run(
    an_address_book_is_discovered_and_another_is_made,
    new_cards_travel_both_ways_with_names_of_the_world,
    edits_travel_both_ways,
    deletions_travel_both_ways,
    an_unresolved_conflict_changes_nothing,
    a_conflict_is_won_by_the_side_that_was_chosen,
    a_conflict_is_merged_by_a_command,
    a_thousand_cards_travel_up_and_down,
    photos_travel_both_ways_whole,
    a_member_keeps_its_name_however_it_is_encoded,
    what_is_uploaded_is_stored_byte_for_byte,
)
