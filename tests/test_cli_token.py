"""``pycarddav token``, as a user meets it."""

import json
import re
import shlex
import time
from datetime import datetime, timedelta

import pytest

from pycarddav.auth import Identity, Login
from pycarddav.auth.tokens import Tokens, beside, tokens
from pycarddav.protocol.messages import Request

pytestmark = pytest.mark.usefixtures("home", "anna")

PASSWORD = r"[a-z2-9]{4}(-[a-z2-9]{4}){4}\n"


@pytest.fixture
def data(home):
    return home / ".local/share/pycarddav"


@pytest.fixture
def verify(data):
    """Log in with a password, as the server would."""

    def ask(password, agent=""):
        uses = data / ".pycarddav/.tokens"
        request = Request("GET", "/", {"user-agent": agent})
        return Tokens(beside(data / ".htpasswd"), uses, {"anna"}.__contains__).verify(
            Login("anna", password.strip(), request)
        )

    return ask


def test_a_token_is_shown_once_and_logs_in(cli, verify, data):
    code, out, err = cli("token", "add", "anna", "Pixel 9")
    assert code == 0
    assert re.fullmatch(PASSWORD, out)
    assert err == (
        "this app password for anna is shown this once\n"
        "undo: pycarddav token revoke anna 'Pixel 9'\n"
    )
    assert verify(out) == Identity("anna", personal=False)
    assert out.strip() not in beside(data / ".htpasswd").read_text()


def test_the_limits_are_those_asked_for(cli, verify):
    assert cli("book", "create", "anna/work")[0] == 0
    words = ["--read-only", "--book", "work", "--book", "contacts", "--book", "work"]
    out = cli("token", "add", "anna", "Kiosk", *words)[1]
    assert verify(out) == Identity(
        "anna", personal=False, read_only=True, books=("work", "contacts")
    )


def test_what_is_revoked_is_out_and_can_be_made_again(cli, verify, data):
    words = ["--read-only", "--book", "contacts", "--expires", "30"]
    out = cli("token", "add", "anna", "Kiosk", *words)[1]
    (before,) = tokens(beside(data / ".htpasswd"))
    code, said, err = cli("token", "revoke", "anna", "Kiosk")
    assert (code, said, verify(out)) == (0, "", None)
    note, undo = err.splitlines()
    assert note == "revoked Kiosk of anna; what undoes it makes a new app password"
    assert cli(*shlex.split(undo.removeprefix("undo: pycarddav ")))[0] == 0
    (after,) = tokens(beside(data / ".htpasswd"))
    assert (after.read_only, after.books) == (before.read_only, before.books)
    assert abs(after.expires - before.expires) < 0.01


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30", lambda: time.time() + 30 * 86400),
        ("2099-01-31", lambda: datetime.fromisoformat("2099-01-31").timestamp()),
        ("2099-01-31T10:00Z", lambda: datetime.fromisoformat("2099-01-31T10:00+00:00").timestamp()),
    ],
)
def test_a_token_expires_at_a_date_or_after_days(cli, data, text, expected):
    assert cli("token", "add", "anna", "Guest", "--expires", text)[0] == 0
    (token,) = tokens(beside(data / ".htpasswd"))
    assert abs(token.expires - expected()) < 3700  # a night in which the clock is changed


def test_the_list_says_who_used_what(cli, verify):
    assert cli("token", "list") == (0, "", "")
    tomorrow = datetime.now().astimezone().replace(microsecond=0) + timedelta(days=1)
    words = ["--read-only", "--book", "contacts", "--expires", tomorrow.isoformat()]
    pixel = cli("token", "add", "anna", "Pixel")[1]
    cli("token", "add", "anna", "Kiosk", *words)
    verify(pixel, "DAVx5/4.5\x1b[31m")
    first, second = (line.split("\t") for line in cli("token", "list", "anna")[1].splitlines())
    used = first.pop(5)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", used)
    assert first == ["anna", "Pixel", "read, write", "all", "never", "DAVx5/4.5\ufffd[31m"]
    ends = tomorrow.strftime("%Y-%m-%d %H:%M:%S")
    assert second == ["anna", "Kiosk", "read", "contacts", ends, "never", ""]
    shown = json.loads(cli("token", "list", "--json")[1])
    assert shown["schema"] == 1
    assert shown["tokens"][0]["last_use"]["user_agent"] == "DAVx5/4.5\x1b[31m"
    kiosk = shown["tokens"][1]
    assert abs(time.time() - datetime.fromisoformat(kiosk.pop("created")).timestamp()) < 60
    assert kiosk == {
        "user": "anna",
        "name": "Kiosk",
        "read_only": True,
        "books": ["contacts"],
        "expires": tomorrow.isoformat(timespec="milliseconds"),
        "last_use": None,
    }


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["add", "bert", "Pixel"], 3, "there is no user bert"),
        (["add", "anna", "Pixel"], 4, "there is an app password Pixel already"),
        (["add", "anna", ""], 2, "a token's name has 1 to 100 characters that can be shown"),
        (["add", "anna", "a\nb"], 2, "a token's name has 1 to 100 characters that can be shown"),
        (["add", "anna", "x", "--book", "wrk"], 3, "there is no address book anna/wrk"),
        (["add", "anna", "x", "--book", ""], 3, "there is no address book anna/"),
        (["add", "anna", "x", "--book", "../anna"], 2, "a path has no empty or relative segments"),
        (["add", "anna", "x", "--expires", "0"], 2, 'argument --expires: "0" is not in the future'),
        (
            ["add", "anna", "x", "--expires", "2020-01-01"],
            2,
            'argument --expires: "2020-01-01" is not in the future',
        ),
        (
            ["add", "anna", "x", "--expires", "soon"],
            2,
            'argument --expires: "soon" is no date, such as 2027-01-31, or days',
        ),
        (["list", "bert"], 3, "there is no user bert"),
        (["revoke", "anna", "Pxel"], 3, "anna has no app password Pxel"),
        (["revoke", "bert", "Pixel"], 3, "bert has no app password Pixel"),
    ],
)
def test_what_cannot_be_done_changes_nothing(cli, data, words, code, message):
    cli("token", "add", "anna", "Pixel")
    before = beside(data / ".htpasswd").read_bytes()
    said = cli("token", *words)
    assert (said[0], said[1]) == (code, "")
    assert said[2].splitlines()[0] == f"pycarddav: error: {message}"
    assert beside(data / ".htpasswd").read_bytes() == before


def test_a_line_that_is_no_token_is_a_warning(cli, data):
    cli("token", "add", "anna", "Pixel")
    with beside(data / ".htpasswd").open("a") as file:
        file.write("nonsense\n")
    code, out, err = cli("token", "list")
    assert (code, out.count("\n")) == (0, 1)
    assert err == "pycarddav: warning: no tokens in lines 2\n"
