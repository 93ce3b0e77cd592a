"""Looking after a storage: what was, bringing it back, checking, copying."""

import json
import logging
import re
import shlex
import time
from datetime import UTC, datetime, timedelta

import pytest
from command import on_a_terminal
from conftest import ALICE, vcard

from pycarddav.cli import moments
from pycarddav.cli.references import login_name
from pycarddav.dav.headers import ANYTHING
from pycarddav.serve.tidying import tidied
from pycarddav.store.filesystem import FilesystemStore

CARD = "anna/contacts/ada.vcf"


@pytest.fixture
def folder(home, anna):
    """The storage, in which anna has an address book."""
    return home / ".local/share/pycarddav"


class Phone:
    """Changes cards behind the command line's back, as a client does."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, **cards):
        """Put each card, by the first part of its name, or delete it for None."""
        store = FilesystemStore(self.folder, "stat")
        book = store.book("anna", "contacts")
        for name, fn in cards.items():
            if fn:
                data = vcard(name, fn)
                store.put(book, f"{name}.vcf", data, name, ANYTHING, ALICE)
            else:
                (entry,) = store.entries(book, [f"{name}.vcf"])
                store.delete(entry, ANYTHING, ALICE)
            time.sleep(0.002)  # the history tells milliseconds apart
        store.close()

    def cards(self):
        store = FilesystemStore(self.folder, "stat")
        book = store.book("anna", "contacts")
        found = {card.name: card.data for card in store.cards(book)} if book else None
        store.close()
        return found


@pytest.fixture
def phone(folder):
    return Phone(folder)


@pytest.fixture
def undo(cli):
    """Run what a command has said would undo it."""

    def run(err):
        (line,) = [line for line in err.splitlines() if line.startswith("undo: pycarddav ")]
        code, _, said = cli(*shlex.split(line.removeprefix("undo: pycarddav ")))
        assert code == 0, said

    return run


def versions(cli, reference):
    return json.loads(cli("history", reference, "--json")[1])["versions"]


# history


def test_history_says_what_was_and_who_made_it_so(cli, phone):
    phone(ada="Ada")
    phone(ada="Ada Lovelace", bob="Bob", cyd="Cyd \x1b[31m")
    phone(ada=None)
    rows = [line.split("\t") for line in cli("history", "anna/contacts")[1].splitlines()]
    assert [[number, card, name, what, by] for number, _, card, name, what, by, _ in rows] == [
        ["1", "ada.vcf", "Ada", "put", "alice, pytest"],
        ["2", "ada.vcf", "Ada Lovelace", "put", "alice, pytest"],
        ["3", "bob.vcf", "Bob", "put", "alice, pytest"],
        ["4", "cyd.vcf", "Cyd \ufffd[31m", "put", "alice, pytest"],
        ["5", "ada.vcf", "Ada Lovelace", "delete", "alice, pytest"],
    ]
    numbers = [line.split("\t")[0] for line in cli("history", CARD)[1].splitlines()]
    assert numbers == ["1", "2", "5"]


def test_history_as_json(cli, phone):
    phone(ada="Ada")
    (version,) = versions(cli, CARD)
    since = datetime.fromisoformat(version.pop("since"))
    assert abs(datetime.now(UTC) - since) < timedelta(minutes=1)
    assert version == {
        "version": 1,
        "card": "ada.vcf",
        "name": "Ada",
        "reason": "put",
        "user": "alice",
        "agent": "pytest",
        "kept": True,
    }


# restore


def test_a_card_that_was_deleted_comes_back_and_goes_again(cli, phone, undo):
    phone(ada="Ada")
    before = phone.cards()
    phone(ada=None)
    code, _, err = cli("restore", CARD)
    assert (code, phone.cards()) == (0, before)
    assert err.startswith(f"{CARD}: 1 card restored, 0 that came later removed\n")
    undo(err)
    assert phone.cards() == {}


def test_a_card_that_was_changed_comes_back_and_changes_again(cli, phone, undo):
    phone(ada="Ada")
    before = phone.cards()
    phone(ada="Mallory")
    after = phone.cards()
    code, _, err = cli("restore", CARD)
    assert (code, phone.cards()) == (0, before)
    undo(err)
    assert phone.cards() == after


def test_any_version_of_a_card_can_be_had(cli, phone):
    phone(ada="One")
    one = phone.cards()
    phone(ada="Two")
    phone(ada="Three")
    assert cli("restore", CARD, "--version", "1")[0] == 0
    assert phone.cards() == one
    assert cli("restore", CARD, "--version", "1")[2] == f"{CARD} is as it was\n"


def test_a_card_comes_back_as_it_was_at_a_time(cli, phone):
    phone(ada="One")
    phone(ada="Two")
    two = phone.cards()
    phone(ada="Three")
    then = versions(cli, CARD)[1]["since"]
    assert cli("restore", CARD, "--at", then)[0] == 0
    assert phone.cards() == two


def test_a_book_comes_back_as_it_was_at_a_time_and_can_be_had_again(cli, phone, undo):
    phone(ada="Ada", bob="Bob")
    before = phone.cards()
    then = versions(cli, "anna/contacts")[-1]["since"]
    phone(ada="Mallory", bob=None, cyd="Cyd")
    after = phone.cards()
    code, _, err = cli("restore", "anna/contacts", "--at", then)
    assert (code, phone.cards()) == (0, before)
    assert err.startswith("anna/contacts: 2 cards restored, 1 that came later removed\n")
    undo(err)
    assert phone.cards() == after
    assert cli("restore", "anna/contacts", "--at", "0m")[2] == "anna/contacts is as it was\n"


def test_an_empty_book_is_as_it_was(cli, folder):
    assert cli("restore", "anna/contacts", "--at", "0m")[::2] == (0, "anna/contacts is as it was\n")


def test_a_book_that_was_deleted_comes_back(cli, phone, undo):
    phone(ada="Ada")
    before = phone.cards()
    code, _, err = cli("book", "delete", "anna/contacts", "--yes")
    assert (code, phone.cards()) == (0, None)
    assert cli("history", "anna/contacts")[2] == (
        "pycarddav: error: there is no address book anna/contacts\n"
        f"hint: it was deleted by {login_name()}: pycarddav restore anna/contacts\n"
    )
    undo(err)
    assert phone.cards() == before
    assert cli("history", CARD)[0] == 0


def test_what_is_lost_is_said(cli, phone, folder):
    phone(ada="Ada", bob="Bob")
    then = versions(cli, "anna/contacts")[-1]["since"]
    phone(ada="Mallory", bob=None)
    for kept in (folder / ".pycarddav/anna/contacts/history").iterdir():
        kept.unlink()
    code, _, err = cli("restore", "anna/contacts", "--at", then)
    assert code == 5
    assert "pycarddav: warning: ada.vcf: this version is not kept\n" in err
    assert "undo:" not in err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["anna/contacts"], 2, "as of when is anna/contacts to be restored?"),
        (["anna/contacts", "--version", "1"], 2, "anna/contacts is no card: --version is one of a"),
        (["anna/contacts", "--at", "yesterday"], 2, 'argument --at: "yesterday" is no time, such'),
        (["anna/contacts", "--at", "2000-01-01"], 3, "what is known of the book begins at 2"),
        (["anna/work"], 3, "there is no address book anna/work"),
        (["anna"], 2, "anna is not of the form USER/BOOK[/CARD]"),
        (["anna/contacts/a/b"], 2, "anna/contacts/a/b is not of the form USER/BOOK[/CARD]"),
        (["anna/contacts/zoe.vcf"], 3, "nothing is known of such a card"),
        ([CARD], 3, f"no such version of {CARD} is known"),
        ([CARD, "--version", "7"], 3, f"no such version of {CARD} is known"),
        ([CARD, "--at", "2000-01-01"], 3, f"no such version of {CARD} is known"),
    ],
)
def test_what_cannot_be_restored(cli, phone, words, code, message):
    phone(ada="Ada")
    before = phone.cards()
    found, out, err = cli("restore", *words)
    assert (found, out, phone.cards()) == (code, "", before)
    assert err.startswith(f"pycarddav: error: {message}")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23", datetime(2026, 11, 23).astimezone()),
        ("2026-11-23T10:30", datetime(2026, 11, 23, 10, 30).astimezone()),
        ("2026-11-23 10:30:15", datetime(2026, 11, 23, 10, 30, 15).astimezone()),
        ("2026-11-23T10:30Z", datetime(2026, 11, 23, 10, 30, tzinfo=UTC)),
        ("2026-11-23T10:30:15.123+02:00", datetime(2026, 11, 23, 8, 30, 15, 123000, UTC)),
    ],
)
def test_a_time_is_read(text, moment):
    assert moments.moment(text) == moment


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90m", timedelta(minutes=90)),
        ("3h", timedelta(hours=3)),
        ("2d", timedelta(days=2)),
        ("1w", timedelta(weeks=1)),
    ],
)
def test_a_time_ago_is_read(text, ago):
    moment = datetime.now(UTC) - ago
    assert timedelta(0) <= moments.moment(text) - moment < timedelta(minutes=1)


# verify


def test_a_storage_that_is_as_it_should_be(cli, phone):
    phone(ada="Ada")
    assert cli("verify") == (0, "", "all is well\n")
    assert json.loads(cli("verify", "--json")[1]) == {"schema": 1, "findings": []}


def test_a_broken_card_is_found_and_repaired(cli, phone, folder):
    phone(ada="Ada")
    before = phone.cards()
    store = FilesystemStore(folder, "stat")
    store.book("anna", "contacts")
    store.tidy()  # the history now has a copy
    store.close()
    file = folder / "anna/contacts/ada.vcf"
    file.write_bytes(b"BEGIN:VCARD\r\n")
    code, out, err = cli("verify")
    (line,) = out.splitlines()
    assert (code, err) == (1, "1 problem, 0 of them repaired\n")
    assert line.split("\t")[:2] == ["broken", str(file)]
    code, out, err = cli("verify", "--repair")
    assert (code, err) == (0, "1 problem, 1 of them repaired\n")
    assert out.rstrip("\n").endswith("\trepaired")
    assert phone.cards() == before
    assert cli("verify")[2] == "all is well\n"


def test_findings_as_json(cli, phone, folder):
    (folder / "anna/contacts/notes.txt").write_text("x")
    code, out, _ = cli("verify", "--json")
    assert code == 1
    assert json.loads(out)["findings"] == [
        {
            "kind": "stranger",
            "path": str(folder / "anna/contacts/notes.txt"),
            "message": "this is no card",
            "advice": "move it elsewhere",
            "repaired": False,
        }
    ]


def test_progress_is_shown_on_a_terminal(phone):
    phone(ada="Ada")
    code, said = on_a_terminal(["verify"])
    assert code == 0
    assert "Verifying" in said


def test_what_the_storage_logs_is_a_warning_of_the_command(cli, phone, folder):
    (folder / "anna/contacts/junk.vcf").write_text("junk")
    code, _, err = cli("book", "list")
    assert code == 0
    (line,) = err.splitlines()
    assert line.startswith(f"pycarddav: warning: {folder}/anna/contacts/junk.vcf: ")
    assert not logging.getLogger("pycarddav").handlers


# backup


def test_a_backup_is_a_storage(cli, phone, home):
    phone(ada="Ada")
    code, out, err = cli("backup", str(home / "copy"))
    assert (code, out) == (0, "")
    assert err == f"copied 1 card in 1 address book to {home}/copy\n"
    assert cli("user", "list", "--storage", str(home / "copy"))[1] == "anna\tlog in\tcontacts\n"
    assert Phone(home / "copy").cards() == phone.cards()


def test_dated_backups_are_kept_up_to_a_number(cli, phone, home):
    folder = home / "copies"
    for name in ("2020-01-01T000000Z", "2021-01-01T000000Z", "2022-01-01T000000Z.unfinished"):
        (folder / name).mkdir(parents=True)
    (folder / "mine").mkdir()
    code, out, err = cli("backup", "--keep", "2", str(folder))
    assert (code, out) == (0, "")
    left = sorted(path.name for path in folder.iterdir())
    assert [left[0], *left[2:]] == ["2021-01-01T000000Z", "mine"]
    assert (folder / left[1] / ".pycarddav").is_dir()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d{6}Z", left[1])
    assert err.splitlines()[1:] == [
        f"removed {folder}/2020-01-01T000000Z",
        f"removed {folder}/2022-01-01T000000Z.unfinished",
    ]


def test_a_backup_that_fails_removes_none(cli, home):
    folder = home / "copies"
    (folder / "2020-01-01T000000Z").mkdir(parents=True)
    assert cli("backup", "--keep", "0", str(folder))[0] == 2
    assert cli("backup", "--keep", "1", str(folder))[0] == 3
    assert (folder / "2020-01-01T000000Z").is_dir()


def test_a_backup_says_that_users_elsewhere_are_not_in_it(cli, phone, home, folder):
    (folder / ".htpasswd").rename(home / "users")
    err = cli("backup", str(home / "copy"), "--htpasswd", str(home / "users"))[2]
    assert err.endswith(f"the users are not in it: they are in {home}/users\n")


@pytest.mark.parametrize(
    ("target", "code", "message"),
    [
        ("", 4, "{home} is there already"),
        (".local/share/pycarddav/x", 2, "{home}/.local/share/pycarddav/x is inside of the storage"),
        ("no/where", 1, "{home}/no is no folder"),
    ],
)
def test_where_no_backup_can_go(cli, phone, home, target, code, message):
    found, out, err = cli("backup", str(home / target))
    assert (found, out) == (code, "")
    assert err.startswith(f"pycarddav: error: {message.format(home=home)}")


@pytest.mark.parametrize(
    "words", [["verify"], ["history", "a/b"], ["restore", "a/b"], ["backup", "/tmp/x"]]
)
def test_without_a_storage_there_is_nothing_to_look_after(cli, home, words):
    code, _, err = cli(*words)
    assert (code, list(home.iterdir())) == (3, [])
    assert err.startswith("pycarddav: error: there is no storage in ")


# tidying


def test_a_server_tidies_now_and_then(phone, folder):
    phone(ada="Ada")
    store = FilesystemStore(folder, "stat")
    book = store.book("anna", "contacts")
    kept = store.opened(book).history
    assert kept.etags() == set()
    with tidied(store, first=0, each=0.01):
        until = time.monotonic() + 20
        while not kept.etags() and time.monotonic() < until:
            time.sleep(0.01)
    assert kept.etags() == {entry.etag for entry in store.entries(book)}
    store.close()
