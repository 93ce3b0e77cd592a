"""App passwords: made, used, limited, expired and revoked."""

import base64
import json
import re
import stat

import pytest

from pycarddav.auth import Identity, Login, LoginFailed, accounts, passwords
from pycarddav.auth.gate import Gate
from pycarddav.auth.htpasswd import Htpasswd
from pycarddav.auth.throttle import Throttle, Turnstile
from pycarddav.auth.tokens import (
    Token,
    TokenExists,
    TokenNotFound,
    TokenRefused,
    Tokens,
    Use,
    add_token,
    beside,
    last_use,
    revoke,
    revoke_all,
    tokens,
)
from pycarddav.model import Principal
from pycarddav.protocol.messages import Request

ALICE = Identity("alice", personal=False)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "htpasswd.tokens"


@pytest.fixture
def uses(tmp_path):
    return tmp_path / "uses"


@pytest.fixture
def verifier(file, uses, clock):
    return Tokens(file, uses, {"alice", "bob"}.__contains__, clock)


def test_a_token_logs_its_user_in_and_nobody_else(file, verifier):
    assert verifier.verify(Login("alice", "anything")) is None
    password = add_token(file, "alice", "Pixel")
    assert re.fullmatch(r"[a-z2-9]{4}(-[a-z2-9]{4}){4}", password)
    assert verifier.verify(Login("alice", password)) == ALICE
    assert verifier.verify(Login("bob", password)) is None
    assert verifier.verify(Login("alice", password[:-1])) is None
    assert verifier.verify(Login("alice", "")) is None


def test_a_token_may_be_typed_in_other_letters(file, verifier):
    password = add_token(file, "alice", "Pixel")
    for typed in (password.upper(), password.replace("-", ""), password.capitalize()):
        assert verifier.verify(Login("alice", typed)) == ALICE


def test_the_file_gives_no_token_away_and_is_its_owners_alone(file):
    password = add_token(file, "alice", "Pixel")
    assert password not in file.read_text()
    assert password.replace("-", "") not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_limits_follow_from_the_token(file, verifier):
    password = add_token(file, "alice", "Kiosk", read_only=True, books=("friends",))
    expected = Identity("alice", personal=False, read_only=True, books=("friends",))
    assert verifier.verify(Login("alice", password)) == expected


def test_a_token_ends_when_it_was_said(file, verifier, clock):
    password = add_token(file, "alice", "Guest", expires=clock.now + 60)
    before = verifier.generation()
    clock.now += 59
    assert verifier.verify(Login("alice", password)) == ALICE
    assert verifier.generation() == before
    clock.now += 1
    assert verifier.generation() != before
    with pytest.raises(LoginFailed) as failed:
        verifier.verify(Login("alice", password))
    assert failed.value.reason == "expired"


def test_a_revoked_token_is_out_at_once(file, verifier):
    kept, gone = add_token(file, "alice", "kept"), add_token(file, "alice", "gone")
    before = verifier.generation()
    revoke(file, "alice", "gone")
    assert verifier.generation() != before
    assert verifier.verify(Login("alice", gone)) is None
    assert verifier.verify(Login("alice", kept)) == ALICE
    with pytest.raises(TokenNotFound):
        revoke(file, "alice", "gone")
    with pytest.raises(TokenNotFound):
        revoke(file, "bob", "kept")


def test_deleting_the_file_revokes_all(file, verifier):
    password = add_token(file, "alice", "Pixel")
    assert verifier.verify(Login("alice", password))
    file.unlink()
    assert verifier.verify(Login("alice", password)) is None


def test_a_name_is_used_once_for_each_user(file):
    add_token(file, "alice", "Pixel")
    add_token(file, "bob", "Pixel")
    with pytest.raises(TokenExists):
        add_token(file, "alice", "Pixel")
    for name in ("", "x" * 101, "a\nb", "a\x1b[31m"):
        with pytest.raises(TokenRefused):
            add_token(file, "alice", name)
    assert [(token.user, token.name) for token in tokens(file)] == [
        ("alice", "Pixel"),
        ("bob", "Pixel"),
    ]


def test_without_a_file_there_are_no_tokens(file):
    assert tokens(file) == []
    assert revoke_all(file, "alice") == 0
    assert not file.exists()


def test_who_is_removed_loses_all_tokens(tmp_path, monkeypatch):
    monkeypatch.setattr(passwords, "bcrypt_cost", lambda: 4)
    htpasswd = tmp_path / "htpasswd"
    accounts.add_user(htpasswd, "alice", "secret")
    password = add_token(beside(htpasswd), "alice", "Pixel")
    verifier = Tokens(beside(htpasswd), tmp_path / "uses", Htpasswd(htpasswd).knows)
    assert verifier.verify(Login("alice", password))
    accounts.remove_user(htpasswd, "alice")
    assert verifier.verify(Login("alice", password)) is None
    accounts.add_user(htpasswd, "alice", "secret")
    assert verifier.verify(Login("alice", password)) is None


def test_a_user_that_is_not_known_has_no_use_for_a_token(file, verifier):
    assert verifier.verify(Login("carol", add_token(file, "carol", "Pixel"))) is None


def test_the_last_use_is_known(file, uses, verifier, clock):
    password = add_token(file, "alice", "Pixel")
    (token,) = tokens(file)
    assert last_use(uses, token) is None
    verifier.verify(Login("alice", password, Request("GET", "/", {"user-agent": "DAVx5/4.5"})))
    assert last_use(uses, token) == Use(clock.now, "DAVx5/4.5")
    assert [stat.S_IMODE(path.stat().st_mode) & 0o077 for path in (uses,)] == [0]


def test_a_use_that_cannot_be_written_down_is_a_use(file, uses, verifier, caplog):
    uses.write_text("in the way")
    assert verifier.verify(Login("alice", add_token(file, "alice", "Pixel"))) == ALICE
    assert len(caplog.records) == 1


GOOD = {
    "user": "alice", "name": "x", "digest": "0", "created": 1, "expires": None,
    "read_only": True, "books": ["friends"],
}  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "", "no json", "[]", "null", '"x"', "{}", "\xff",
        json.dumps({name: value for name, value in GOOD.items() if name != "books"}),
        json.dumps({**GOOD, "read_only": "yes"}),
        json.dumps({**GOOD, "user": "a/b"}),
        json.dumps({**GOOD, "user": None}),
        json.dumps({**GOOD, "expires": "tomorrow"}),
        json.dumps({**GOOD, "limit_of_tomorrow": True}),
    ],
)  # fmt: skip
def test_a_line_that_is_not_whole_is_no_token(file, line):
    file.write_text(f"{json.dumps(GOOD)}\n{line}\n{json.dumps({**GOOD, 'digest': '1'})}\n")
    assert [token.digest for token in tokens(file)] == ["0", "1"]
    assert tokens(file)[0] == Token("alice", "x", "0", 1, None, True, ("friends",))


# Behind HTTP Basic


class Turned(Turnstile):
    """Counts who had to wait for a turn."""

    def __init__(self):
        super().__init__()
        self.turns = 0

    def turn(self):
        self.turns += 1
        return super().turn()


def test_a_token_waits_for_no_guesser(file, uses, tmp_path, monkeypatch):
    monkeypatch.setattr(passwords, "bcrypt_cost", lambda: 4)
    accounts.add_user(tmp_path / "htpasswd", "alice", "secret")
    users = Htpasswd(tmp_path / "htpasswd")
    turnstile, throttle = Turned(), Throttle()
    basic = Gate([Tokens(file, uses, users.knows), users], (), throttle, turnstile)

    def login(password):
        encoded = base64.b64encode(f"alice:{password}".encode()).decode()
        headers = {"authorization": f"Basic {encoded}", "user-agent": "DAVx5"}
        return basic(Request("GET", "/", headers, remote="192.0.2.1"))

    for _ in range(100):
        throttle.failed("alice", "192.0.2.1")
    token = add_token(file, "alice", "Pixel")
    assert login(token) == login(token) == Principal("alice")
    assert turnstile.turns == 0
    assert last_use(uses, tokens(file)[0]).agent == "DAVx5"
    throttle.passed("alice", "192.0.2.1")
    assert login("secret") == Principal("alice")
    revoke(file, "alice", "Pixel")
    with pytest.raises(LoginFailed):
        login(token)
