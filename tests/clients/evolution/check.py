"""evolution-data-server, the engine of Evolution and GNOME Contacts: check.py URL USER PASSWORD"""

import pathlib
import threading
import urllib.parse

import gi

gi.require_version("EBook", "1.2")
gi.require_version("EBookContacts", "1.2")
gi.require_version("EDataServer", "1.2")
from gi.repository import EBook, EBookContacts, EDataServer, GLib  # noqa: E402
from harness import NAMES, Book, Server, card, eventually, expect, photo, run  # noqa: E402

EVERYTHING = '(contains "x-evolution-any-field" "")'


class Account:
    """An address book as Evolution has it after somebody typed in its URL and password."""

    def __init__(self, book: Book) -> None:
        self.credentials = credentials(book.server)
        source(book.server, book.path, uid=book.name)
        self.source = REGISTRY.ref_source(book.name)
        self.source.connect("credentials-required", self.log_in)
        self.client = EBook.BookClient.connect_sync(self.source, 30, None)

    def log_in(self, source: EDataServer.Source, *why: object) -> None:
        source.invoke_authenticate_sync(self.credentials, None)

    def refresh(self) -> None:
        self.client.refresh_sync(None)

    def contacts(self) -> list[EBookContacts.Contact]:
        return self.client.get_contacts_sync(EVERYTHING, None)[1]

    def names(self) -> list[str]:
        return sorted(contact.get_property("full-name") for contact in self.contacts())

    def find(self, uid: str) -> EBookContacts.Contact:
        [found] = [contact for contact in self.contacts() if contact.get_property("id") == uid]
        return found

    def add(self, text: str) -> None:
        contact = EBookContacts.Contact.new_from_vcard(text)
        self.client.add_contact_sync(contact, EBookContacts.BookOperationFlags.NONE, None)

    def rename(self, uid: str, name: str) -> None:
        contact = self.find(uid)
        contact.set_property("full-name", name)
        self.client.modify_contact_sync(contact, EBookContacts.BookOperationFlags.NONE, None)

    def remove(self, uid: str) -> None:
        flags = EBookContacts.BookOperationFlags.NONE
        self.client.remove_contact_by_uid_sync(uid, flags, None)


def credentials(server: Server) -> EDataServer.NamedParameters:
    parameters = EDataServer.NamedParameters.new()
    parameters.set("username", server.user)
    parameters.set("password", server.password)
    return parameters


def source(server: Server, path: str, uid: str) -> EDataServer.Source:
    """The settings that Evolution's dialog writes for a CardDAV address book."""
    parts = urllib.parse.urlsplit(server.url)
    made = EDataServer.Source.new_with_uid(uid, None)
    made.set_display_name(uid)
    made.get_extension("Address Book").set_backend_name("carddav")
    made.get_extension("Security").set_method("tls" if parts.scheme == "https" else "none")
    made.get_extension("WebDAV Backend").set_resource_path(path)
    made.get_extension("Offline").set_stay_synchronized(True)
    login = made.get_extension("Authentication")
    login.set_host(parts.hostname)
    login.set_port(parts.port or {"http": 80, "https": 443}[parts.scheme])
    login.set_user(server.user)
    login.set_method("plain/password")
    REGISTRY.commit_source_sync(made, None)
    return made


def the_address_books_are_discovered_from_the_root(server: Server, work: pathlib.Path) -> None:
    with server.book("Büro 书") as book:
        [_, _, _, found, _] = EDataServer.webdav_discover_sources_sync(
            source(server, "/", uid=f"root-{book.name}"),
            server.url + "/",
            EDataServer.WebDAVDiscoverSupports.CONTACTS,
            credentials(server),
            None,
        )
        names = {urllib.parse.urlsplit(each.href).path: each.display_name for each in found}
        expect(names.get(book.path), "Büro 书")


def new_contacts_travel_both_ways_with_names_of_the_world(
    server: Server, work: pathlib.Path
) -> None:
    with server.book() as book:
        for n, name in enumerate(NAMES[::2]):
            book.put(f"{n}.vcf", card(f"server-{n}", name))
        account = Account(book)
        eventually(account.names, sorted(NAMES[::2]))
        for n, name in enumerate(NAMES[1::2]):
            account.add(card(f"evolution-{n}", name))
        expect(book.names(), sorted(NAMES))
        account.refresh()
        eventually(account.names, sorted(NAMES))


def edits_and_deletions_travel_both_ways(server: Server, work: pathlib.Path) -> None:
    with server.book() as book:
        for uid in ("ada", "bob", "eve", "zed"):
            book.put(f"{uid}.vcf", card(uid, uid.title(), "X-KEEP:me"))
        account = Account(book)
        eventually(account.names, ["Ada", "Bob", "Eve", "Zed"])
        book.put("ada.vcf", card("ada", "Ada Lovelace"))
        book.delete("eve.vcf")
        account.refresh()
        eventually(account.names, ["Ada Lovelace", "Bob", "Zed"])
        account.rename("bob", "Bob Dylan")
        account.remove("zed")
        expect(book.names(), ["Ada Lovelace", "Bob Dylan"])
        assert "X-KEEP:me" in book.cards()["bob"]


def photos_travel_both_ways(server: Server, work: pathlib.Path) -> None:
    sizes = [30_000, 300_000]
    with server.book() as book:
        book.put("down.vcf", card("down", "Down", photo(sizes[0])))
        account = Account(book)
        eventually(account.names, ["Down"])
        uri = account.find("down").get_property("photo").get_uri()
        expect(len(pathlib.Path(GLib.filename_from_uri(uri)[0]).read_bytes()), sizes[0])
        account.add(card("up", "Up", photo(sizes[1])))
        [line] = [line for line in book.cards()["up"] if line.startswith("PHOTO")]
        expect(line.rpartition(":")[2], photo(sizes[1]).rpartition(":")[2])


def a_thousand_contacts_come_down(server: Server, work: pathlib.Path) -> None:
    with server.book() as book:
        for n in range(1000):
            book.put(f"{n}.vcf", card(f"uid-{n}", f"Contact {n:04}"))
        account = Account(book)
        eventually(account.names, [f"Contact {n:04}" for n in range(1000)])


def both_sides_agree_after_an_edit_of_an_outdated_contact(
    server: Server, work: pathlib.Path
) -> None:
    with server.book() as book:
        book.put("ada.vcf", card("ada", "Ada"))
        account = Account(book)
        eventually(account.names, ["Ada"])
        book.put("ada.vcf", card("ada", "Ada of the server"))
        account.rename("ada", "Ada of Evolution")
        account.refresh()
        [name] = book.names()
        eventually(account.names, [name])


threading.Thread(target=GLib.MainLoop().run, daemon=True).start()  # delivers Evolution's signals
REGISTRY = EDataServer.SourceRegistry.new_sync(None)
run(
    the_address_books_are_discovered_from_the_root,
    new_contacts_travel_both_ways_with_names_of_the_world,
    edits_and_deletions_travel_both_ways,
    photos_travel_both_ways,
    a_thousand_contacts_come_down,
    both_sides_agree_after_an_edit_of_an_outdated_contact,
)
