"""HTTP Basic: what is read from the header, what is remembered, what is slowed down."""

import base64
import json
import logging

import pytest

from pycarddav.auth import GOOD_FOR, Identity, LoginFailed
from pycarddav.auth.basic import BASIC
from pycarddav.auth.gate import WRONG_FOR, Gate
from pycarddav.auth.secure import over_tls
from pycarddav.auth.throttle import REMEMBERED, Throttle, Turnstile, block
from pycarddav.dav.errors import Busy, Forbidden, TooManyRequests, Unauthorized
from pycarddav.model import Principal
from pycarddav.protocol.messages import Request


class Users:
    """A door that counts how often it is asked."""

    scheme = BASIC
    guessable = costly = True

    def __init__(self, **passwords):
        self.passwords = passwords
        self.asked = 0

    def generation(self):
        return tuple(self.passwords.items())

    def verify(self, login):
        self.asked += 1
        if self.passwords.get(login.user) != login.secret:
            raise LoginFailed("bad-password" if login.user in self.passwords else "unknown-user")
        return Identity(login.user)


@pytest.fixture
def users():
    return Users(alice="secret", bob="hunter2", josé="pässword")


@pytest.fixture
def basic(users, clock):
    return Gate([users], (), Throttle(clock), Turnstile(), clock)


def encoded(credentials):
    raw = credentials if isinstance(credentials, bytes) else credentials.encode()
    return base64.b64encode(raw).decode()


def request(authorization=None, remote="192.0.2.1", agent=""):
    headers = {"user-agent": agent}
    if authorization is not None:
        headers["authorization"] = authorization
    return Request("PROPFIND", "/", headers, remote=remote)


def login(basic, credentials, remote="192.0.2.1"):
    """Who is in, or the error that says why not."""
    try:
        return basic(request(f"Basic {encoded(credentials)}", remote)).name
    except (LoginFailed, TooManyRequests) as error:
        return type(error)


@pytest.mark.parametrize("header", [None, "", "Bearer abc", "Digest username=x", "nonsense"])
def test_who_offers_nothing_is_nobody_yet(basic, header):
    with pytest.raises(Unauthorized) as asked:
        basic(request(header))
    assert type(asked.value) is Unauthorized


@pytest.mark.parametrize(
    "header",
    [
        f"Basic {encoded('alice:secret')}",
        f"basic {encoded('alice:secret')}",
        f"BASIC   {encoded('alice:secret')} ",
    ],
)
def test_the_scheme_is_read_in_any_case(basic, header):
    assert basic(request(header)) == Principal("alice")


def test_letters_outside_ascii_are_utf8_in_either_normal_form(basic):
    assert login(basic, "josé:pässword") == "josé"
    assert login(basic, "jose\u0301:pa\u0308ssword") == "josé"


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "=",
        "a",
        "alice:secret",
        "YWxpY2U6c2VjcmV0\x00",
        "YWxp Y2U6 c2VjcmV0",
        "äöü",
        encoded("alice"),
        encoded("josé:pässword".encode("latin-1")),
        encoded("alice:sec\0ret"),
        encoded("alice:secret\n"),
        encoded("ali\x7fce:secret"),
        encoded("x" * 256 + ":secret"),
        encoded("alice:" + "x" * 10**6),
    ],
    ids=lambda value: value[:20],
)
def test_what_cannot_be_read_does_not_log_in(basic, users, encoded):
    with pytest.raises(LoginFailed) as failed:
        basic(request(f"Basic {encoded}"))
    assert (failed.value.reason, users.asked) == ("malformed", 0)


def test_a_refusal_does_not_say_who_exists(basic):
    said = set()
    for credentials in ("alice:wrong", "nobody:wrong", "alice"):
        with pytest.raises(LoginFailed) as failed:
            basic(request(f"Basic {encoded(credentials)}"))
        said.add((failed.value.body(), failed.value.status))
    assert len(said) == 1


def test_a_good_login_is_not_verified_again_for_a_while(basic, users, clock):
    for _ in range(3):
        assert login(basic, "alice:secret") == "alice"
    assert users.asked == 1
    clock.now += GOOD_FOR
    assert login(basic, "alice:secret") == "alice"
    assert users.asked == 2


def test_a_changed_password_ends_what_was_remembered(basic, users):
    assert login(basic, "alice:secret") == "alice"
    users.passwords["alice"] = "new"
    assert login(basic, "alice:secret") == LoginFailed
    assert login(basic, "alice:new") == "alice"


def test_a_password_that_was_right_once_is_wrong_like_any_other(basic, users):
    assert login(basic, "alice:secret") == "alice"
    users.passwords["alice"] = "new"
    users.asked = 0
    assert [login(basic, "alice:secret") for _ in range(9)] == [LoginFailed] * 9
    assert users.asked == 1


def test_a_wrong_password_that_becomes_right_is_right_at_once(basic, users):
    assert login(basic, "alice:new") == LoginFailed
    users.passwords["alice"] = "new"
    assert login(basic, "alice:new") == "alice"


def test_what_is_remembered_is_bounded(basic, users):
    for number in range(2000):
        users.passwords[f"user{number}"] = "secret"
    for number in range(2000):
        assert login(basic, f"user{number}:secret") == f"user{number}"
    assert len(basic._entrances[0]._right._outcomes) == 1024


def guesses(basic, clock, count, **kwargs):
    """Wrong passwords for alice, one a millisecond; what came out."""
    found = []
    for _ in range(count):
        clock.now += 0.001
        found.append(login(basic, f"alice:guess{clock.now}", **kwargs))
    return found


def test_guessing_gets_slow(basic, users, clock):
    assert guesses(basic, clock, 100) == [LoginFailed] * 6 + [TooManyRequests] * 94
    users.asked = 0
    for _ in range(24 * 3600 // 10):
        clock.now += 10
        login(basic, f"alice:guess{clock.now}")
    assert users.asked < 200  # passwords a day


def test_the_answer_says_when_to_come_back(basic, clock):
    guesses(basic, clock, 6)
    with pytest.raises(TooManyRequests) as error:
        basic(request(f"Basic {encoded('alice:x')}"))
    assert error.value.headers() == {"Retry-After": "2"}
    clock.now += 2
    assert login(basic, "alice:secret") == "alice"


def test_a_guesser_elsewhere_does_not_lock_the_owner_out(basic, clock):
    guesses(basic, clock, 100, remote="198.51.100.7")
    assert login(basic, "alice:secret", remote="192.0.2.1") == "alice"


def test_a_guesser_in_the_house_does_not_lock_out_who_is_in(basic, clock):
    assert login(basic, "alice:secret") == "alice"
    guesses(basic, clock, 100)
    assert login(basic, "alice:secret") == "alice"
    clock.now += GOOD_FOR
    guesses(basic, clock, 100)
    assert login(basic, "alice:secret") == "alice"


def test_a_phone_with_the_old_password_does_not_lock_out_the_laptop(basic, users, clock):
    for _ in range(200):
        clock.now += 15 * 60 / 200
        assert login(basic, "alice:old") == LoginFailed
    assert users.asked <= 15 * 60 / WRONG_FOR + 1
    assert login(basic, "alice:secret") == "alice"


def test_one_address_cannot_try_many_users(basic, users, clock):
    found = [login(basic, f"user{number}:123456") for number in range(100)]
    assert found == [LoginFailed] * 21 + [TooManyRequests] * 79
    assert login(basic, "bob:hunter2") == TooManyRequests
    assert login(basic, "bob:hunter2", remote="192.0.2.2") == "bob"


def test_an_account_of_ones_own_does_not_help_in_guessing(basic, users, clock):
    for number in range(100):
        users.passwords["carol"] = str(number)  # so that nothing is remembered
        assert login(basic, "bob:hunter2") == "bob"
        login(basic, f"user{number}:123456")
    assert users.asked == 100 + 21


def test_a_guesser_with_many_addresses_is_slowed_and_the_owner_gets_in(basic, users, clock):
    assert login(basic, "alice:secret", remote="192.0.2.1") == "alice"
    for number in range(1000):
        login(basic, f"alice:guess{number}", remote=f"2001:db8:{number:x}::1")
    assert users.asked == 1 + 101
    assert login(basic, "alice:secret", remote="192.0.2.1") == "alice"
    assert login(basic, "alice:secret ", remote="192.0.2.1") == LoginFailed  # and not held back
    assert login(basic, "alice:secret", remote="192.0.2.9") == "alice"  # remembered
    clock.now += 30
    assert login(basic, "alice:secret\u0020", remote="2001:db8:ffff::1") == LoginFailed


def test_what_is_known_about_guessers_is_bounded(clock):
    throttle = Throttle(clock)
    for number in range(3 * REMEMBERED):
        throttle.failed(f"user{number}", f"2001:db8:{number:x}::1")
        throttle.passed(f"user{number}", f"2001:db8:{number:x}::1")
        throttle.failed(f"user{number}", f"2001:db8:{number:x}::1")
    sizes = [len(counter._failures) for counter in (throttle._here, throttle._block)]
    assert [*sizes, len(throttle._known)] == [REMEMBERED] * 3


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("localhost", "localhost"),
        ("", ""),
    ],
)
def test_a_guesser_owns_a_block(address, expected):
    assert block(address) == expected


def test_a_failure_is_one_line_that_cannot_be_forged(basic, caplog):
    user = 'x" from=198.51.100.1 user="y'
    header = f"Basic {encoded(user + ':wrong')}"
    with pytest.raises(LoginFailed):
        basic(request(header, remote="2001:db8::7", agent='a"b\x1b[31m'))
    with pytest.raises(LoginFailed):
        basic(request("Basic ?", agent="curl"))
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert [record.getMessage() for record in caplog.records] == [
        f"auth login failed from=2001:db8::7 user={json.dumps(user)} reason=unknown-user"
        ' ua="a\\"b\\u001b[31m"',
        'auth login failed from=192.0.2.1 user="" reason=malformed ua="curl"',
    ]


def test_no_more_than_a_few_wait_for_a_verification():
    turnstile = Turnstile(running=1, waiting=0)
    with turnstile.turn(), pytest.raises(Busy), turnstile.turn():
        pass
    with turnstile.turn():
        pass


@pytest.mark.parametrize(
    ("origin", "remote", "expected"),
    [
        ("https://dav.example.org", "203.0.113.9", True),
        ("https://dav.example.org", "8.8.8.8", True),
        ("http://localhost:5236", "127.0.0.1", True),
        ("http://nas.local", "192.168.1.7", True),
        ("http://nas.local", "::ffff:192.168.1.7", True),
        ("http://nas.local", "fe80::1%eth0", True),
        ("http://nas.local", "fd00::1", True),
        ("http://nas.ts.net", "100.100.1.2", True),
        ("http://dav.example.org", "localhost", True),
        ("http://dav.example.org", "8.8.8.8", False),
        ("http://dav.example.org", "::ffff:8.8.8.8", False),
        ("http://dav.example.org", "2606:4700::1111", False),
    ],
)
def test_passwords_do_not_cross_the_internet_in_the_clear(basic, origin, remote, expected):
    check = over_tls(basic)
    headers = {"authorization": f"Basic {encoded('alice:secret')}"}
    for offered in (headers, {}):
        asked = Request("GET", "/", offered, remote=remote, origin=origin)
        if expected and offered:
            assert check(asked) == Principal("alice")
        else:
            with pytest.raises(Unauthorized if expected else Forbidden):
                check(asked)
