"""Thunderbird's address book against a server: check.py URL USER PASSWORD"""

import pathlib

from harness import NAMES, Book, Server, card, eventually, expect, photo, run
from marionette import Thunderbird, started

FIND = "const book = module('MailServices').ab.getDirectoryFromUID(args[0]);"


class Account:
    """An address book that Thunderbird's own dialog would have set up: found by discovery."""

    def __init__(self, thunderbird: Thunderbird, book: Book) -> None:
        self.thunderbird = thunderbird
        server = book.server
        self.uid = thunderbird.run(
            """
            const [url, user, password, path] = args;
            const found = await module("CardDAVUtils").detectAddressBooks(user, password, url);
            return found.find((book) => book.url.pathname == path).create().UID;
            """,
            *(server.url + "/", server.user, server.password, book.path),
        )

    def run(self, script: str, *args: object) -> object:
        return self.thunderbird.run(FIND + script, self.uid, *args)

    def name(self) -> object:
        return self.run("return book.dirName;")

    def names(self) -> object:
        return self.run("return book.childCards.map((card) => card.displayName).sort();")

    def sync(self) -> None:
        self.run('await module("CardDAVDirectory").forFile(book.fileName).syncWithServer();')

    def add(self, text: str) -> None:
        self.run('book.addCard(module("VCardUtils").vCardToAbCard(args[1]));', text)

    def rename(self, uid: str, name: str) -> None:
        self.run(
            """
            const card = book.childCards.find((card) => card.UID == args[1]);
            card.vCardProperties.getFirstEntry("fn").value = args[2];
            book.modifyCard(card);
            """,
            *(uid, name),
        )

    def remove(self, uid: str) -> None:
        self.run("book.deleteCards(book.childCards.filter((card) => card.UID == args[1]));", uid)

    def vcard(self, uid: str) -> object:
        return self.run(
            "return book.childCards.find((card) => card.UID == args[1]).getProperty('_vCard', '');",
            uid,
        )


def an_address_book_is_discovered_with_its_name_and_cards(
    server: Server, work: pathlib.Path
) -> None:
    with started(work) as thunderbird, server.book("Büro 书") as book:
        for n, name in enumerate(NAMES):
            book.put(f"{n}.vcf", card(f"uid-{n}", name))
        account = Account(thunderbird, book)
        expect(account.name(), "Büro 书")
        eventually(account.names, sorted(NAMES))


def changes_travel_both_ways(server: Server, work: pathlib.Path) -> None:
    with started(work) as thunderbird, server.book() as book:
        for uid in ("ada", "bob", "eve", "zed"):
            book.put(f"{uid}.vcf", card(uid, uid.title(), "X-KEEP:me"))
        account = Account(thunderbird, book)
        eventually(account.names, ["Ada", "Bob", "Eve", "Zed"])
        book.put("ada.vcf", card("ada", "Ada Lovelace"))
        book.put("new.vcf", card("new", "李小龙"))
        book.delete("eve.vcf")
        account.sync()
        eventually(account.names, ["Ada Lovelace", "Bob", "Zed", "李小龙"])
        account.add(card("tb", "Łukasz Żółć"))
        account.rename("bob", "Bob Dylan")
        account.remove("zed")
        names = ["Ada Lovelace", "Bob Dylan", "Łukasz Żółć", "李小龙"]
        eventually(book.names, names)
        assert "X-KEEP:me" in book.cards()["bob"]
        account.sync()
        eventually(account.names, names)


def photos_travel_both_ways(server: Server, work: pathlib.Path) -> None:
    with started(work) as thunderbird, server.book() as book:
        book.put("down.vcf", card("down", "Down", photo(30_000)))
        account = Account(thunderbird, book)
        eventually(account.names, ["Down"])
        data = photo(30_000).rpartition(":")[2]
        assert data in str(account.vcard("down")).replace("\r\n ", ""), account.vcard("down")
        account.add(card("up", "Up", photo(300_000)))
        eventually(book.names, ["Down", "Up"])
        [line] = [line for line in book.cards()["up"] if line.startswith("PHOTO")]
        assert line.endswith(photo(300_000).rpartition(":")[2]), line[:200]


def a_thousand_contacts_come_down(server: Server, work: pathlib.Path) -> None:
    with started(work) as thunderbird, server.book() as book:
        for n in range(1000):
            book.put(f"{n}.vcf", card(f"uid-{n}", f"Contact {n:04}"))
        account = Account(thunderbird, book)
        eventually(account.names, [f"Contact {n:04}" for n in range(1000)])


run(
    an_address_book_is_discovered_with_its_name_and_cards,
    changes_travel_both_ways,
    photos_travel_both_ways,
    a_thousand_contacts_come_down,
)
