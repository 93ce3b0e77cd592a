"""Taking over address books straight from the storage of another server."""

import json
import sqlite3
import subprocess

import pytest
from conftest import vcard

from pycarddav.model import Home
from pycarddav.store.filesystem import FilesystemStore

ADA, BOB = vcard("ada", "Ada"), vcard("bob", "Bob", version="4.0")
CARDS = {"ada.vcf": ADA, "b b.vcf": BOB}
COLOUR = "{http://inf-it.com/ns/ab/}addressbook-color"
RED = '<addressbook-color xmlns="http://inf-it.com/ns/ab/">#ff0000ff</addressbook-color>'

# What Baïkal makes of an empty file, as far as address books go.
TABLES = """
    CREATE TABLE addressbooks (id integer primary key asc NOT NULL, principaluri text NOT NULL,
        displayname text, uri text NOT NULL, description text, synctoken integer DEFAULT 1);
    CREATE TABLE cards (id integer primary key asc NOT NULL, addressbookid integer NOT NULL,
        carddata blob, uri text NOT NULL, lastmodified integer, etag text, size integer);
    CREATE TABLE propertystorage (id integer primary key asc NOT NULL, path text NOT NULL,
        name text NOT NULL, valuetype integer NOT NULL, value string);
    CREATE TABLE users (id integer primary key asc NOT NULL, username TEXT NOT NULL,
        digesta1 TEXT NOT NULL, UNIQUE(username));
"""


def fill(folder, cards=CARDS):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in cards.items():
        (folder / name).write_bytes(data)
    return folder


def radicale(folder):
    book = fill(folder / "collection-root/alice/friends")
    props = {
        "tag": "VADDRESSBOOK",
        "D:displayname": "Friends",
        "CR:addressbook-description": "and foes",
        COLOUR: "#ff0000ff",
        "RADICALE:x": "its own",
    }
    (book / ".Radicale.props").write_text(json.dumps(props))
    fill(book / ".Radicale.cache/item", {"ada.vcf": b"cache"})
    (calendar := folder / "collection-root/alice/plans").mkdir()
    (calendar / ".Radicale.props").write_text('{"tag": "VCALENDAR"}')
    (folder / "collection-root/alice/nothing").mkdir()
    return folder


def xandikos(folder, config=".xandikos", head="[DEFAULT]"):
    book = fill(folder / "alice/contacts/friends")
    fill(book, {"readme.txt": b"no card"})
    (book / config).parent.mkdir(exist_ok=True)
    (book / config).write_text(
        f"{head}\ntype = addressbook\ndisplayname = Friends\ndescription = and foes\n"
        "color = #ff0000ff\nresource-id = x\n"
    )
    calendar = fill(folder / "alice/calendars/plans", {".xandikos": b"[DEFAULT]\ntype=calendar\n"})
    assert calendar.is_dir()
    return folder


def baikal(folder):
    folder.mkdir()
    with sqlite3.connect(file := folder / "db.sqlite") as database:
        database.executescript(TABLES)
        for number, user in enumerate(("bob", "alice")):
            database.execute("INSERT INTO users VALUES (?, ?, '')", (number, user))
            books = "INSERT INTO addressbooks VALUES (?, ?, 'Friends', 'friends', 'and foes', 1)"
            database.execute(books, (number, f"principals/{user}"))
        cards = "INSERT INTO cards VALUES (NULL, ?, ?, ?, 1, ?, ?)"
        for name, data in CARDS.items():
            database.execute(cards, (1, data, name, f'"{name}"', len(data)))
        database.execute(cards, (0, ADA, "bobs.vcf", "x", len(ADA)))
        database.execute(
            "INSERT INTO propertystorage VALUES (1, 'addressbooks/alice/friends', ?, 1, ?)",
            (COLOUR, "#ff0000ff"),
        )
    database.close()
    return file


@pytest.fixture
def storage(home):
    folder = home / ".local/share/pycarddav"
    FilesystemStore(folder).save_home(Home("anna"))
    folder.joinpath(".htpasswd").write_text("anna:$2b$never\n")
    return folder


@pytest.fixture
def migrate(cli, storage):
    """Run the command for Alice's address books: (exit code, what it says as JSON, errors)."""

    def run(kind, path, user="alice"):
        words = ("migrate", kind, str(path), "--user", user, "--to", "anna", "--json")
        code, out, err = cli(*words)
        return code, json.loads(out)["books"] if out else None, err

    return run


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.vcf")}


MAKERS = {"radicale": radicale, "xandikos": xandikos, "baikal": baikal}


@pytest.mark.parametrize("kind", MAKERS)
def test_everything_comes_as_it_was_and_comes_once(migrate, storage, tmp_path, kind):
    path = MAKERS[kind](tmp_path / "old")
    code, (done,), _ = migrate(kind, path)
    assert (code, done["book"], done["added"], done["cards"]) == (0, "anna/friends", 2, [])
    assert contents(storage / "anna/friends") == CARDS
    book = FilesystemStore(storage).book("anna", "friends")
    assert (book.displayname, book.description) == ("Friends", "and foes")
    assert book.dead == ((COLOUR, RED),)
    _, (again,), _ = migrate(kind, path)
    assert (again["unchanged"], again["added"], again["new"]) == (2, 0, False)


@pytest.mark.parametrize(
    ("config", "head"),
    [(".xandikos/config", "[DEFAULT]"), (".git/config", "[core]\n\tbare = false\n[xandikos]")],
)
def test_xandikos_has_its_settings_in_several_places(migrate, tmp_path, config, head):
    _, (done,), _ = migrate("xandikos", xandikos(tmp_path / "old", config, head))
    assert done["added"] == 2


def test_one_address_book_of_xandikos_alone(migrate, tmp_path):
    folder = xandikos(tmp_path / "old") / "alice/contacts/friends"
    _, (done,), _ = migrate("xandikos", folder)
    assert (done["book"], done["added"]) == ("anna/friends", 2)


def test_the_files_of_radicale_can_be_used_where_they_are(cli, tmp_path, home):
    """Its collection-root is a storage: the same files, and what they are called comes along."""
    root = radicale(tmp_path / "old") / "collection-root"
    root.joinpath(".htpasswd").write_text("alice:$2b$never\n")
    files = {path.name: path.stat().st_ino for path in root.glob("alice/friends/*.vcf")}
    where = ("--storage", str(root), "--htpasswd", str(root / ".htpasswd"))
    code, out, err = cli("migrate", "radicale", str(root), "--to", "alice", "--json", *where)
    (done,) = json.loads(out)["books"]
    assert (code, done["unchanged"], done["new"]) == (0, 2, False)
    assert "alice/plans is no address book: clients see an empty one; move it away" in err
    assert {path.name: path.stat().st_ino for path in root.glob("alice/friends/*.vcf")} == files
    assert FilesystemStore(root).book("alice", "friends").displayname == "Friends"


def broken_card(folder):
    (folder / "collection-root/alice/friends/bad.vcf").write_bytes(b"<html>")


def link(folder):
    (folder / "collection-root/alice/friends/bad.vcf").symlink_to("/etc/passwd")


def fifo(folder):
    subprocess.run(["mkfifo", folder / "collection-root/alice/friends/bad.vcf"], check=True)


@pytest.mark.parametrize("spoil", [broken_card, link, fifo])
def test_a_file_that_is_no_card_is_reported(migrate, storage, tmp_path, spoil):
    spoil(folder := radicale(tmp_path / "old"))
    code, (done,), _ = migrate("radicale", folder)
    assert (code, done["added"], done["refused"]) == (5, 2, 1)
    assert [item["card"] for item in done["cards"]] == ["friends/bad.vcf"]
    assert contents(storage / "anna/friends") == CARDS


def no_user(folder):
    return "radicale", radicale(folder) / "collection-root", "../alice"


def no_folder(folder):
    return "xandikos", folder, "alice"


def garbled_props(folder):
    (radicale(folder) / "collection-root/alice/friends/.Radicale.props").write_text("{")
    return "radicale", folder, "alice"


def garbled_config(folder):
    (xandikos(folder) / "alice/contacts/friends/.xandikos").write_text("type = x")
    return "xandikos", folder, "alice"


def bare(folder):
    for name in ("objects", "refs"):
        (folder / "alice/friends" / name).mkdir(parents=True)
    (folder / "alice/friends/HEAD").write_text("ref: refs/heads/master\n")
    return "xandikos", folder, "alice"


def no_database(folder):
    folder.write_bytes(b"SQLite format 3\0 but no more")
    return "baikal", folder, "alice"


def another_database(folder):
    sqlite3.connect(folder).executescript("CREATE TABLE users (id integer);").connection.close()
    return "baikal", folder, "alice"


@pytest.mark.parametrize(
    "make",
    [no_user, no_folder, garbled_props, garbled_config, bare, no_database, another_database],
)
def test_what_is_no_such_storage_is_one_line(migrate, storage, tmp_path, make):
    code, done, err = migrate(*make(tmp_path / "old"))
    assert (code, done) == (1, None)
    assert err.startswith(f"pycarddav: error: {tmp_path}/old")
    assert len(err.splitlines()) == 1
    assert [path for path in (storage / "anna").iterdir() if path.is_dir()] == []


@pytest.mark.parametrize("words", [["radicale"], ["https://a", "b"], ["cyrus", "/x"]])
def test_where_from_is_a_url_or_a_kind_and_a_path(cli, storage, words):
    code, _, err = cli("migrate", *words, "--to", "anna")
    assert (code, err.splitlines()[0]) == (2, "pycarddav: error: where from?")


def test_a_card_that_is_twice_in_the_database_is_taken_once(migrate, storage, tmp_path):
    """sabre/dav's table does not say that a URI is unique."""
    with sqlite3.connect(file := baikal(tmp_path / "old")) as database:
        database.execute(
            "INSERT INTO cards SELECT NULL, 1, ?, uri, 2, 'x', 1 FROM cards WHERE id < 3", (BOB,)
        )
    database.close()
    code, (done,), _ = migrate("baikal", file)
    assert (code, done["added"], done["skipped"], done["refused"]) == (5, 2, 0, 2)
    assert contents(storage / "anna/friends") == CARDS
