"""The command line as a user meets it: results, errors, exit codes."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from command import on_a_terminal, python

from pycarddav import __version__
from pycarddav.auth import Login, LoginFailed
from pycarddav.auth.htpasswd import Htpasswd
from pycarddav.cli import parser

ROOT = Path(__file__).parent.parent


pytestmark = pytest.mark.usefixtures("home")


def test_version(cli):
    assert cli("version") == (0, f"pycarddav {__version__}\n", "")
    code, out, _ = cli("version", "--json")
    assert (code, json.loads(out)) == (0, {"schema": 1, "version": __version__})


SELDOM = {"bcrypt", "filelock", "passlib", "ssl", "tqdm", "vobject"}


@pytest.mark.parametrize(
    ("words", "left_out"),
    [
        (["version"], SELDOM | {"defusedxml", "waitress", "xml"}),
        (["user", "list"], SELDOM),
        (["serve"], SELDOM),
    ],
)
def test_a_command_imports_what_it_needs(words, left_out):
    """Less than half the time and 20 MB less, of what a Raspberry Pi has little."""
    listed = python("-X", "importtime", "-m", "pycarddav", *words, "--help").stderr
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in listed.splitlines()}
    assert "argparse" in imported
    assert imported & left_out == set()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "which command?"),
        (["version", "--nonsense"], "unrecognized arguments: --nonsense"),
        (["config", "show", "--port", "x"], '--port: "x" is not a port number (0 to 65535)'),
        (["config", "check", "--config", "/nowhere/x.ini"], "cannot read /nowhere/x.ini: No such"),
        (["--config", "/nowhere/x.ini", "config", "check"], "cannot read /nowhere/x.ini: No such"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(cli, words, message):
    code, out, err = cli(*words)
    assert (code, out) == (2, "")
    first, *hints = err.splitlines()
    assert first.startswith(f"pycarddav: error: {message}")
    assert all(line.startswith("hint: ") for line in hints)
    assert len(hints) <= 1


def test_an_unknown_command_is_answered_with_the_known_ones(cli):
    code, _, err = cli("srve")
    assert code == 2
    assert "'srve'" in err
    assert "config" in err


def test_debug_shows_where_an_error_came_from(cli):
    _, _, err = cli("config", "check", "--config", "/nowhere/x.ini", "--debug")
    assert "Traceback" in err
    assert "pycarddav: error: cannot read" in err


def test_config_show_says_what_is_in_effect_and_why(cli, home, monkeypatch):
    (home / "config.ini").write_text("[server]\nport = 1\n[rights]\nadmins = anna, bert\n")
    monkeypatch.setenv("PYCARDDAV_LOG__LEVEL", "debug")
    code, out, _ = cli("config", "show", "--config", str(home / "config.ini"), "--storage", "/s")
    assert code == 0
    rows = dict(line.split("\t", 1) for line in out.splitlines())
    assert rows["server.host"] == "127.0.0.1\tdefault"
    assert rows["server.port"] == f"1\t{home}/config.ini:2"
    assert rows["rights.admins"] == f"anna, bert\t{home}/config.ini:4"
    assert rows["storage.folder"] == "/s\t--storage"
    assert rows["auth.htpasswd"] == "/s/.htpasswd\tdefault"
    assert rows["log.level"] == "debug\tPYCARDDAV_LOG__LEVEL"


def test_config_show_as_json(cli, home):
    shown = json.loads(cli("config", "show", "--json")[1])
    assert (shown["schema"], shown["files"]) == (1, [])
    assert {
        "section": "storage",
        "key": "folder",
        "value": f"{home}/.local/share/pycarddav",
        "origin": "default",
    } in shown["settings"]


def test_config_check(cli, home):
    (home / "config.ini").write_text("[server]\nport = 1\n")
    file = str(home / "config.ini")
    assert cli("config", "check", "--config", file) == (0, f"{file}: ok\n", "")
    assert cli("config", "check") == (0, "no file, defaults: ok\n", "")


def test_an_unknown_variable_is_a_warning(cli, monkeypatch):
    monkeypatch.setenv("PYCARDDAV_SERVER__PROT", "1")
    code, _, err = cli("config", "check")
    assert code == 0
    assert err == (
        "pycarddav: warning: unknown variable PYCARDDAV_SERVER__PROT"
        ' - did you mean "PYCARDDAV_SERVER__PORT"?\n'
    )


def test_a_path_on_the_command_line_starts_where_one_is(cli, home, monkeypatch):
    monkeypatch.chdir(home)
    out = cli("config", "show", "--storage", "a $b", "--htpasswd", "users")[1]
    assert f"storage.folder\t{home}/a $b\t--storage\n" in out
    assert f"auth.htpasswd\t{home}/users\t--htpasswd\n" in out


def test_python_m_pycarddav_is_the_same_command():
    run = python("-m", "pycarddav", "config", "check", PYCARDDAV_CONFIG="/nowhere/x.ini")
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "pycarddav: error: cannot read /nowhere/x.ini: No such file or directory\n"


@pytest.mark.parametrize(
    ("command", "code", "err"),
    [
        ("config example | head -n 0", 0, ""),
        ("config example > /dev/full", 1, "cannot write the output: No space left on device"),
    ],
)
def test_an_output_that_fails_is_no_traceback(command, code, err):
    shell = ["bash", "-c", f"{sys.executable} -m pycarddav {command}"]
    run = subprocess.run(shell, capture_output=True, text=True, check=False, timeout=60)
    assert (run.returncode, run.stdout) == (code, "")
    assert run.stderr == (f"pycarddav: error: {err}\n" if err else "")


def test_a_locale_that_lacks_a_letter_is_no_traceback(cli, anna, home):
    cli("book", "create", "anna/☃")
    run = python("-m", "pycarddav", "book", "list", PYTHONIOENCODING="ascii")
    assert (run.returncode, run.stderr) == (0, "")
    assert "anna/\\u2603" in run.stdout


def examples():
    """The commands that the documentation shows."""
    for page in [*ROOT.glob("docs/**/*.md"), ROOT / "README.md"]:
        text = page.read_text() if page.exists() else ""
        yield from re.findall(r"^\$ pycarddav (.*)$", text, re.MULTILINE)


@pytest.mark.parametrize("line", sorted(set(examples())))
def test_the_documentation_shows_commands_that_exist(line):
    words = shlex.split(line)
    assert parser(words).parse_args(words).command == words[0]


# user


def data(home):
    return home / ".local/share/pycarddav"


def logs_in(home, user, password):
    try:
        return Htpasswd(data(home) / ".htpasswd").verify(Login(user, password)) is not None
    except LoginFailed:
        return False


def test_a_user_is_added_with_an_address_book(cli, typed, home):
    typed("correct horse")
    code, out, err = cli("user", "add", "anna", "--password-stdin")
    assert (code, out) == (0, "")
    assert err == "added anna, who has: Contacts\nundo: pycarddav user remove anna\n"
    assert logs_in(home, "anna", "correct horse")
    assert cli("user", "list") == (0, "anna\tlog in\tcontacts\n", "")


def test_what_undoes_a_command_is_for_the_same_storage(cli, typed, home):
    typed("correct horse")
    err = cli("user", "add", "anna", "--password-stdin", "--storage", f"{home}/a b")[2]
    assert err.endswith(f"undo: pycarddav user remove anna --storage '{home}/a b'\n")
    assert not data(home).exists()


def test_a_user_is_added_once(cli, typed, anna, home):
    typed("other")
    assert cli("user", "add", anna, "--password-stdin") == (
        4,
        "",
        "pycarddav: error: there is a user anna already\n",
    )
    assert logs_in(home, anna, "correct horse")


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "a:b", "a\n", " a", "a" * 256])
def test_a_name_that_cannot_be_a_folder_is_refused_and_nothing_is_made(cli, typed, home, name):
    typed("correct horse")
    code, _, err = cli("user", "add", "--password-stdin", "--", name)
    assert code == 2
    assert err.startswith("pycarddav: error: a user name ")
    assert list(home.iterdir()) == []


def test_a_password_is_never_read_from_a_pipe_by_accident(cli, typed, home):
    typed("correct horse")
    assert cli("user", "add", "anna") == (
        2,
        "",
        "pycarddav: error: a password is typed on a terminal, and this is none\n"
        "hint: --password-stdin\n",
    )
    assert list(home.iterdir()) == []


def test_an_empty_password_changes_nothing(cli, typed, anna, home):
    typed("")
    code, _, err = cli("user", "passwd", anna, "--password-stdin")
    assert (code, err.splitlines()[0]) == (
        2,
        "pycarddav: error: a password cannot be empty or have control characters",
    )
    assert logs_in(home, anna, "correct horse")


def test_a_password_is_changed(cli, typed, anna, home):
    typed("battery staple")
    assert cli("user", "passwd", anna, "--password-stdin")[0] == 0
    assert logs_in(home, anna, "battery staple")
    assert not logs_in(home, anna, "correct horse")


def test_a_password_is_typed_twice_on_a_terminal(anna, home):
    code, said = on_a_terminal(["user", "passwd", anna], "battery staple", "battery staple")
    assert code == 0, said
    assert "battery" not in said
    assert logs_in(home, anna, "battery staple")
    code, said = on_a_terminal(["user", "passwd", anna], "one", "another")
    assert code == 2
    assert "the passwords are not the same" in said
    assert logs_in(home, anna, "battery staple")


def test_a_removed_user_can_be_added_again_and_has_everything(cli, typed, anna, home):
    code, _, err = cli("user", "remove", anna)
    assert code == 0
    assert f"the address books stay in {data(home)}/anna" in err
    assert err.endswith("undo: pycarddav user add anna\n")
    assert cli("user", "list")[1] == "anna\tnot log in\tcontacts\n"
    assert not logs_in(home, anna, "correct horse")
    typed("correct horse")
    assert cli("user", "add", anna, "--password-stdin")[0] == 0
    assert cli("user", "list")[1] == "anna\tlog in\tcontacts\n"


def test_users_as_json(cli, anna, monkeypatch):
    monkeypatch.setenv("PYCARDDAV_RIGHTS__ADMINS", "anna")
    assert json.loads(cli("user", "list", "--json")[1]) == {
        "schema": 1,
        "users": [{"name": "anna", "login": True, "admin": True, "books": ["contacts"]}],
    }


@pytest.mark.parametrize("words", [["passwd", "zoe", "--password-stdin"], ["remove", "zoe"]])
def test_a_user_that_does_not_exist_is_exit_3(cli, typed, anna, words):
    typed("x")
    assert cli("user", *words) == (3, "", "pycarddav: error: there is no user zoe\n")


# book


def test_a_book_is_created_listed_and_deleted(cli, anna):
    code, _, err = cli("book", "create", "anna/work", "--displayname", "Work\tand \x1b[31mmore")
    assert (code, err) == (0, "created anna/work\nundo: pycarddav book delete anna/work\n")
    listed = "anna/contacts\t0\tContacts\nanna/work\t0\tWork\ufffdand \ufffd[31mmore\n"
    assert cli("book", "list") == (0, listed, "")
    assert cli("book", "list", "anna") == (0, listed, "")
    assert cli("book", "delete", "anna/work", "--yes")[0] == 0
    assert cli("book", "list")[1] == "anna/contacts\t0\tContacts\n"


def test_books_as_json(cli, anna):
    assert json.loads(cli("book", "list", "--json")[1]) == {
        "schema": 1,
        "books": [{"book": "anna/contacts", "cards": 0, "displayname": "Contacts"}],
    }


def test_a_book_is_not_deleted_without_a_yes(cli, anna):
    assert cli("book", "delete", "anna/contacts") == (
        2,
        "",
        "pycarddav: error: nothing was deleted\nhint: --yes does not ask\n",
    )
    code, said = on_a_terminal(["book", "delete", "anna/contacts"], "n")
    assert code == 2
    assert "Delete anna/contacts with 0 cards? [y/N]" in said
    assert cli("book", "list")[1] == "anna/contacts\t0\tContacts\n"
    assert on_a_terminal(["book", "delete", "anna/contacts"], "y")[0] == 0
    assert cli("book", "list")[1] == ""


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["create", "anna/contacts"], 4, "there is an address book anna/contacts already"),
        (["create", "zoe/work"], 3, "there is no user zoe"),
        (["create", "anna"], 2, "anna is not of the form USER/BOOK"),
        (["create", "anna/a/b"], 2, "anna/a/b is not of the form USER/BOOK"),
        (["create", "anna/contacts/b"], 2, "anna/contacts/b is not of the form USER/BOOK"),
        (["create", "anna/.b"], 2, "names that begin with a dot are the server's own"),
        (["create", "anna/.."], 2, "a path has no empty or relative segments"),
        (["create", "../anna"], 2, "a path has no empty or relative segments"),
        (["create", "/"], 2, "/ is not of the form USER/BOOK"),
        (["create", "anna/b\x00"], 2, "a name has no slash and no control characters"),
        (["create", "anna/" + "b" * 300], 2, "a name has at most 255 octets"),
        (["delete", "anna/work", "--yes"], 3, "there is no address book anna/work"),
        (["delete", "anna", "--yes"], 3, "there is no address book anna"),
        (["list", "zoe"], 3, "zoe has no address books"),
    ],
)
def test_what_cannot_be_done_with_a_book(cli, anna, words, code, message):
    found, out, err = cli("book", *words)
    assert (found, out, err.splitlines()[0]) == (code, "", f"pycarddav: error: {message}")
    assert cli("book", "list")[1] == "anna/contacts\t0\tContacts\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["book", "create", "anna/\udcff"], "argument USER/BOOK: this is not UTF-8"),
        (["book", "create", "anna/b", "--displayname", "\udcff"], "argument --displayname: this"),
        (["book", "list", "\udcff"], "argument USER: this is not UTF-8"),
        (["user", "add", "\udcff"], "argument USER: this is not UTF-8"),
        (["user", "passwd", "anna", "--password-stdin"], "the password is not UTF-8"),
    ],
)
def test_octets_that_are_no_text_are_refused(cli, typed, anna, words, message):
    typed("\udcff")
    code, out, err = cli(*words)
    assert (code, out) == (2, "")
    assert err.startswith(f"pycarddav: error: {message}")


@pytest.mark.parametrize("words", [["user", "list"], ["book", "list"], ["book", "create", "a/b"]])
def test_looking_at_a_storage_does_not_make_one(cli, home, words):
    code, _, err = cli(*words)
    assert (code, err.splitlines()[0]) == (
        3,
        f"pycarddav: error: there is no storage in {data(home)}",
    )
    assert list(home.iterdir()) == []


# How much is said


def test_quiet_leaves_results_warnings_and_errors(cli, anna, monkeypatch):
    monkeypatch.setenv("PYCARDDAV_SERVER__PROT", "1")
    warned = "pycarddav: warning: unknown variable PYCARDDAV_SERVER__PROT"
    code, _, err = cli("-q", "book", "create", "anna/work")
    assert (code, err.count("\n"), err.startswith(warned)) == (0, 1, True)
    code, _, err = cli("book", "create", "anna/work", "--quiet")
    assert (code, err.splitlines()[1:]) == (
        4,
        ["pycarddav: error: there is an address book anna/work already"],
    )
    assert cli("book", "list", "-q")[1] == "anna/contacts\t0\tContacts\nanna/work\t0\t\n"
    assert "undo: " in cli("book", "create", "anna/more")[2]


def test_a_terminal_gets_colours_unless_somebody_objects(anna, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    words = ["user", "remove", "zoe"]
    red = "\x1b[31merror:\x1b[0m"
    assert f"pycarddav: {red} there is no user zoe" in on_a_terminal(words)[1]
    assert "\x1b" not in on_a_terminal([*words, "--no-color"])[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in on_a_terminal(words)[1]
