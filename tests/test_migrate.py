"""Taking over address books from another server: what comes, what stays, and what goes wrong."""

import json
import os
import signal
from urllib.parse import quote, unquote
from xml.etree.ElementTree import fromstring

import pytest
from conftest import vcard
from elsewhere import about, book, elsewhere, home, nobody, principal, says
from wire import serving

from pycarddav.dav.headers import ANYTHING
from pycarddav.dav.names import CARDDAV, DAV
from pycarddav.dav.xml import E
from pycarddav.model import AddressBook, Author, Home, Principal
from pycarddav.protocol.app import App
from pycarddav.store import etag
from pycarddav.store.filesystem import FilesystemStore
from pycarddav.transfer.servers.carddav import octets
from pycarddav.vcard import content
from pycarddav.vcard.convert import repaired

HOME, BOOK = "/dav/alice/", "/dav/alice/friends/"
ADA, BOB, EVE = vcard("ada", "Ada"), vcard("bob", "Bob"), vcard("eve", "Eve", version="4.0")
OLDEST = vcard("x", "X", version="2.1")
COLOUR = "{http://inf-it.com/ns/ab/}addressbook-color"


class Old:
    """A server with one book, whose *cards* are by href; *failing* hrefs answer with a status."""

    def __init__(self, there):
        self.there, self.url = there, there.url
        self.cards = {f"{BOOK}ada.vcf": ADA, f"{BOOK}b%20b.vcf": BOB, f"{BOOK}eve.vcf": EVE}
        self.failing = {}
        self.multiget = self.answer_multiget
        self.props = [E(DAV.displayname, "Friends & foes"), E(COLOUR, "#ff0000ff")]
        there.replies = {
            ("PROPFIND", "/"): says(principal(HOME, "/")),
            ("PROPFIND", HOME): lambda asked: asked.say(*self.home(asked)),
            ("PROPFIND", BOOK): lambda asked: asked.say(*self.listing(asked)),
            ("REPORT", BOOK): lambda asked: self.multiget(asked),
        }
        there.otherwise = lambda asked: self.get(asked)

    def home(self, asked):
        return says(book(BOOK)) if asked.headers["Depth"] == "1" else says(home(HOME, HOME))

    def listing(self, asked):
        if asked.headers["Depth"] == "0":
            return says(book(BOOK, *self.props))
        rows = [
            about(href, E(DAV.getetag, etag(data)), E(DAV.getcontentlength, str(len(data))))
            for href, data in self.cards.items()
        ]
        return says(book(BOOK), *rows)

    def answer_multiget(self, asked):
        wanted = [item.text for item in fromstring(asked.body).iter(DAV.href)]
        cards = {href: self.cards[href] for href in wanted if href not in self.failing}
        asked.say(
            *says(*(about(href, data_of(data)) for href, data in cards.items())),
        )

    def get(self, asked):
        if asked.path in self.cards and asked.path not in self.failing:
            asked.say(200, {}, self.cards[asked.path])
        else:
            asked.say(self.failing.get(asked.path, 404), {}, b"")

    def fetched(self):
        """The requests for cards since the last time."""
        asked = [(method, path) for method, path in self.there.asked if method != "PROPFIND"]
        self.there.asked.clear()
        return asked


def data_of(data):
    """As most servers write it: a reader of XML sees no CR."""
    return E(CARDDAV.address_data, data.decode().replace("\r\n", "\n"))


@pytest.fixture
def old():
    with elsewhere() as there:
        yield Old(there)


@pytest.fixture
def storage(home):
    """A storage that Anna may log in to."""
    folder = home / ".local/share/pycarddav"
    FilesystemStore(folder).save_home(Home("anna"))
    folder.joinpath(".htpasswd").write_text(f"anna:$2b$04${'.' * 53}\n")
    return folder


@pytest.fixture
def migrate(cli, typed, storage, old):
    """Run the command: (exit code, what it says as JSON, standard error)."""

    def run(*options, url=old.url):
        typed("secret")
        whom = ("--user", "alice", "--to", "anna", "--password-stdin")
        code, out, err = cli("migrate", url, *whom, "--json", *options)
        return code, json.loads(out) if out else None, err

    return run


@pytest.fixture
def here(storage):
    """What Anna has in the book."""
    return lambda: {
        path.name: path.read_bytes() for path in (storage / "anna/friends").glob("*.vcf")
    }


def counts(said):
    (done,) = said["books"]
    words = ("added", "updated", "unchanged", "skipped", "refused", "repaired")
    return {word: done[word] for word in words if done[word]}


def whys(said):
    return {item["card"]: item["why"] for done in said["books"] for item in done["cards"]}


def test_everything_comes_as_it_was(migrate, old, here, storage):
    code, said, err = migrate()
    assert (code, counts(said)) == (0, {"added": 3})
    assert here() == {"ada.vcf": ADA, "b b.vcf": BOB, "eve.vcf": EVE}
    assert [method for method, _ in old.fetched()] == ["REPORT"]
    assert set(old.there.logins) == {"Basic YWxpY2U6c2VjcmV0"}
    assert "undo: pycarddav book delete anna/friends" in err
    found = FilesystemStore(storage).book("anna", "friends")
    assert found.displayname == "Friends & foes"
    assert [name for name, _ in found.dead] == [COLOUR]


def test_again_takes_only_what_has_changed(migrate, old, here):
    migrate()
    old.fetched()
    assert counts(migrate()[1]) == {"unchanged": 3}
    assert old.fetched() == []
    old.cards[f"{BOOK}ada.vcf"] = new = vcard("ada", "Ada L.")
    old.cards[f"{BOOK}new.vcf"] = vcard("new", "New")
    assert counts(migrate()[1]) == {"added": 1, "updated": 1, "unchanged": 2}
    assert here()["ada.vcf"] == new


def test_what_it_remembers_may_be_lost(migrate, old, storage):
    migrate()
    (memory,) = (storage / ".pycarddav/anna/friends").glob("migrated-*")
    memory.write_bytes(memory.read_bytes()[:-70] + b"\xff\n[1]\n")
    old.fetched()
    assert counts(migrate()[1]) == {"unchanged": 3}
    assert old.fetched() == [("GET", f"{BOOK}eve.vcf")]


def test_what_was_changed_or_deleted_here_stays_so(migrate, old, here, storage):
    migrate()
    folder = storage / "anna/friends"
    folder.joinpath("ada.vcf").write_bytes(mine := vcard("ada", "Mine"))
    folder.joinpath("eve.vcf").unlink()
    old.cards[f"{BOOK}ada.vcf"] = vcard("ada", "Theirs")
    code, said, _ = migrate()
    assert (code, counts(said)) == (0, {"unchanged": 1, "skipped": 2})
    assert whys(said) == {
        f"{BOOK}ada.vcf": "it was changed there, but here as well",
        f"{BOOK}eve.vcf": "it was deleted here",
    }
    assert here() == {"ada.vcf": mine, "b b.vcf": BOB}


def test_a_book_that_is_in_use_here_keeps_its_name(cli, migrate, old, storage):
    cli("book", "create", "anna/friends", "--displayname", "New")
    store = FilesystemStore(storage)
    migrate()  # into an empty one
    assert store.book("anna", "friends").displayname == "Friends & foes"
    old.props = [E(DAV.displayname, "Others")]
    migrate()
    assert store.book("anna", "friends").displayname == "Friends & foes"


def test_a_card_that_is_here_under_this_name_stays(cli, migrate, here, storage):
    cli("book", "create", "anna/friends")
    folder = storage / "anna/friends"
    folder.joinpath("ada.vcf").write_bytes(mine := vcard("other", "Other"))
    _, said, err = migrate()
    assert counts(said) == {"added": 2, "skipped": 1}
    assert here()["ada.vcf"] == mine
    assert "undo: pycarddav restore anna/friends --at " in err


def test_a_rehearsal_changes_nothing(migrate, old, storage, here):
    old.cards[f"{BOOK}ada.vcf"] = b"<html>"
    code, said, _ = migrate("--dry-run")
    assert (code, counts(said)) == (5, {"added": 2, "refused": 1})
    assert here() == {}
    assert not (storage / "anna/friends").exists()


BROKEN = {
    "no card": (b"<!DOCTYPE html>", {"refused": 1}, None),
    "vCard 2.1": (OLDEST, {"added": 1, "repaired": 1}, repaired(OLDEST)),
    "control": (vcard("x", "X\0"), {"added": 1, "repaired": 1}, vcard("x", "X\ufffd")),
    "not UTF-8": (
        vcard("x", "?").replace(b"?", b"\xe4"), {"added": 1, "repaired": 1}, vcard("x", "ä"),
    ),
    "only LF": (ADA.replace(b"\r", b""), {"added": 1}, ADA.replace(b"\r", b"")),
    "byte order mark": (b"\xef\xbb\xbf" + ADA, {"added": 1, "repaired": 1}, ADA),
    "too large": (vcard("x", "X", "NOTE:" + "x" * 11_000_000), {"refused": 1}, None),
}  # fmt: skip


@pytest.mark.parametrize(("data", "expected", "kept"), BROKEN.values(), ids=BROKEN)
def test_a_card_that_cannot_be_kept_as_it_is(migrate, old, here, data, expected, kept):
    old.cards = {f"{BOOK}x.vcf": data}
    code, said, _ = migrate()
    assert (code, counts(said)) == (5 if "refused" in expected else 0, expected)
    assert here().get("x.vcf") == kept


def refuse(asked):
    asked.say(500, {}, b"")


def garbage(asked):
    asked.say(207, {}, b"<D:multistatus xmlns:D='DAV:'><D:resp")


def nothing(asked):
    asked.say(*says())


def converted(asked):
    """RFC 6352 §10.4: whoever asks for nothing gets 3.0; RFC 6350 is not what was stored."""
    hrefs = [item.text for item in fromstring(asked.body).iter(DAV.href)]
    asked.say(*says(*(about(href, data_of(b"BEGIN:VCARD\n")) for href in hrefs)))


@pytest.mark.parametrize("multiget", [refuse, garbage, nothing, converted])
def test_cards_are_fetched_one_by_one_where_they_do_not_come_together(migrate, old, here, multiget):
    old.multiget = multiget
    assert counts(migrate()[1]) == {"added": 3}
    assert here() == {"ada.vcf": ADA, "b b.vcf": BOB, "eve.vcf": EVE}
    assert [method for method, _ in old.fetched()] == ["REPORT", "GET", "GET", "GET"]


def test_a_multiget_that_fails_twice_is_not_tried_again(migrate, old):
    old.multiget = refuse
    old.cards = {f"{BOOK}{number}.vcf": vcard(str(number), "X") for number in range(110)}
    assert counts(migrate()[1]) == {"added": 110}
    assert [method for method, _ in old.fetched()].count("REPORT") == 2


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_card_that_is_listed_and_not_delivered_is_reported(migrate, old, here, status):
    old.failing = {f"{BOOK}b%20b.vcf": status}
    code, said, _ = migrate()
    assert (code, counts(said)) == (5, {"added": 2, "refused": 1})
    assert f": {status} " in whys(said)[f"{BOOK}b%20b.vcf"]
    old.failing = {}
    code, said, _ = migrate()
    assert (code, counts(said)) == (0, {"added": 1, "unchanged": 2})


ASTRAY = {
    "/etc/passwd": "is not in",
    f"{BOOK}../../../etc/passwd": "is not in",
    f"{BOOK}deeper/ada.vcf": "is not in",
    "https://thief.example/ada.vcf": "another server",
    "http://[": "no URL",
    f"{BOOK}b b.vcf": "there are two cards of this name",
    f"{BOOK}%ff.vcf": "is not UTF-8",
}


@pytest.mark.parametrize(("href", "why"), ASTRAY.items(), ids=ASTRAY)
def test_an_href_leads_nowhere_else(migrate, old, here, href, why):
    old.cards = {f"{BOOK}b%20b.vcf": BOB, href: ADA}
    code, said, _ = migrate()
    assert (code, counts(said)) == (5, {"added": 1, "refused": 1})
    assert why in whys(said)[href]
    assert here() == {"b b.vcf": BOB}


@pytest.mark.parametrize("name", ["..", ".hidden.vcf", "a/b.vcf", "a\0.vcf", "x" * 254 + ".vcf"])
def test_a_card_whose_name_cannot_be_kept_has_another(migrate, old, here, storage, name):
    old.cards = {BOOK + quote(name, safe="").replace("..", "%2e%2E"): ADA}
    code, said, _ = migrate()
    assert (code, counts(said)) == (0, {"added": 1})
    ((kept, data),) = here().items()
    assert data == ADA
    assert list(whys(said).values()) == [f"here its name is {kept}"]
    assert counts(migrate()[1]) == {"unchanged": 1}


@pytest.mark.parametrize(
    ("path", "reply"),
    [
        ("/", (500, {}, b"")),
        (HOME, (500, {}, b"")),
        (BOOK, (500, {}, b"")),
        (BOOK, (207, {}, b"<")),
        (BOOK, (301, {"Location": BOOK}, b"")),
        (BOOK, (301, {"Location": "/"}, b"")),
        (BOOK, (301, {"Location": "https://thief.example/"}, b"")),
    ],
)
def test_a_source_that_does_not_work_is_one_line(migrate, old, storage, path, reply):
    old.there.replies["PROPFIND", path] = reply
    code, said, err = migrate()
    assert (code, said) == (1, None)
    assert err.startswith("pycarddav: error: ")
    assert "Traceback" not in err
    assert not (storage / "anna/friends").exists()


def test_a_source_that_is_down(migrate):
    code, said, err = migrate(url=(url := nobody()))
    assert (code, said) == (1, None)
    assert err == f"pycarddav: error: {url}: Connection refused\n"


def test_a_wrong_password_is_said_to_be_one(migrate, old):
    old.there.replies["PROPFIND", "/"] = 401, {"WWW-Authenticate": "Basic"}, b""
    code, _, err = migrate()
    assert code == 1
    assert "the server does not take this user and password" in err
    assert "hint: --user NAME" in err


def test_where_the_source_ends_the_next_run_goes_on(migrate, old, here):
    """Each card is fetched once, in however many runs."""
    old.multiget = refuse
    gets = []

    def get(asked):
        gets.extend([asked.path] if asked.command == "GET" else [])
        if len(gets) > 2:
            asked.say(503, {}, b"")
        else:
            old.get(asked)

    old.there.otherwise = get
    code, said, err = migrate()
    assert (code, counts(said)) == (1, {"added": 2})
    assert "503" in err
    assert "hint: what was done stays; the same command goes on where this ended" in err
    assert here() == {"ada.vcf": ADA, "b b.vcf": BOB}
    old.there.otherwise = old.get
    old.fetched()
    assert counts(migrate()[1]) == {"added": 1, "unchanged": 2}
    assert old.fetched() == [("GET", f"{BOOK}eve.vcf")]


def test_a_source_that_falls_silent_is_not_waited_for_a_thousand_times(migrate, old):
    old.multiget = refuse
    old.cards = {f"{BOOK}{number}.vcf": vcard(str(number), "X") for number in range(9)}

    def cut(asked):
        if asked.command == "GET":
            asked.close_connection = True
        else:
            old.get(asked)

    old.there.otherwise = cut
    code, said, _ = migrate()
    assert (code, counts(said)) == (1, {"refused": 2})


def test_interrupted_it_says_what_was_done_and_goes_on_later(migrate, old, here):
    old.multiget = refuse

    def get(asked):
        if asked.path == f"{BOOK}b%20b.vcf":
            os.kill(os.getpid(), signal.SIGINT)
        old.get(asked)

    old.there.otherwise = get
    code, said, err = migrate()
    assert (code, counts(said)) == (130, {"added": 2})
    assert "interrupted: the same command goes on" in err
    assert here() == {"ada.vcf": ADA, "b b.vcf": BOB}
    old.there.otherwise = old.get
    assert counts(migrate()[1]) == {"added": 1, "unchanged": 2}


def test_without_room_what_came_before_is_kept(migrate, old, here, monkeypatch):
    monkeypatch.setenv("PYCARDDAV_STORAGE__QUOTA", str(len(ADA) + len(BOB)))
    code, said, err = migrate()
    assert (code, counts(said)) == (1, {"added": 2})
    assert "no more room" in err
    assert here() == {"ada.vcf": ADA, "b b.vcf": BOB}


def test_two_cards_with_one_uid_are_both_kept(migrate, old, here):
    """Xandikos and sabre/dav let that happen; the phone has both of them."""
    old.cards = {f"{BOOK}1.vcf": ADA, f"{BOOK}2.vcf": vcard("ada", "Ada as well")}
    code, said, _ = migrate()
    assert (code, counts(said)) == (0, {"added": 2, "repaired": 1})
    assert whys(said) == {f"{BOOK}2.vcf": "repaired: a UID of its own: 1.vcf has the one it had"}
    cards = here()
    uid = content.parse(cards["2.vcf"]).uid
    assert cards == {"1.vcf": ADA, "2.vcf": vcard(uid, "Ada as well")}
    assert counts(migrate()[1]) == {"unchanged": 2}
    old.cards[f"{BOOK}2.vcf"] = vcard("ada", "Ada again")
    assert counts(migrate()[1]) == {"updated": 1, "unchanged": 1, "repaired": 1}


def test_one_address_book_of_several(migrate, old, storage):
    old.there.replies["PROPFIND", HOME] = lambda asked: asked.say(
        *(
            says(book(BOOK), book(f"{HOME}more/"))
            if asked.headers["Depth"] == "1"
            else old.home(asked)
        )
    )
    old.there.replies["PROPFIND", f"{HOME}more/"] = 500, {}, b""
    assert counts(migrate("--book", "friends")[1]) == {"added": 3}
    code, _, err = migrate("--book", "foes")
    assert code == 3
    assert "there is no address book foes there, but friends, more" in err


def test_a_user_who_is_not_here_is_not_made(cli, storage, old):
    code, _, err = cli("migrate", old.url, "--to", "bob", "--password-stdin")
    assert (code, err) == (3, "pycarddav: error: there is no user bob\n")


def test_from_a_server_of_our_own(migrate, here, tmp_path):
    store = FilesystemStore(tmp_path / "old")
    store.save_book(AddressBook("alice", "friends", displayname="F", description="D"))
    author = Author("alice")
    cards = {"a@b c.vcf": ADA, "ü.vcf": BOB, "no-ending": EVE}
    for name, data in cards.items():
        store.put(store.book("alice", "friends"), name, data, None, ANYTHING, author)
    application = App(store, lambda request: Principal("alice"))
    with serving(application.serve) as (host, port):
        code, said, _ = migrate(url=f"http://{host}:{port}")
    assert (code, counts(said)) == (0, {"added": 3})
    assert {
        unquote(name.removesuffix(".noext.vcf")): data for name, data in here().items()
    } == cards


@pytest.mark.parametrize(
    ("text", "size", "data"),
    [
        ("A\nB\n", 6, b"A\r\nB\r\n"),
        ("A\nB\n", 4, b"A\nB\n"),
        ("A\r\nB\r\n", 6, b"A\r\nB\r\n"),
        ("A\nB", 6, None),
        ("ä\n", 4, "ä\r\n".encode()),
        ("\n  A\nB  \n", None, b"A\r\nB\r\n"),
    ],
)
def test_the_octets_of_a_card_are_told_from_its_text(text, size, data):
    assert octets(text, size) == data
