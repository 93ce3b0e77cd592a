"""HTTP Digest: the RFC's numbers, what is replayed or made up, and curl."""

import re
import shutil
import stat
import subprocess
import tracemalloc
from dataclasses import replace
from urllib.parse import quote

import pytest
from conftest import Clock
from hypothesis import given
from hypothesis import strategies as st
from logins import basic, challenge, proof
from wire import running

from pycarddav.auth import LoginFailed, htdigest
from pycarddav.auth.digest import LIFETIME, REMEMBERED, WINDOW, Digest, Nonces, Proof, Use, fields
from pycarddav.auth.gate import Gate
from pycarddav.auth.htdigest import digest, parse
from pycarddav.auth.throttle import Throttle
from pycarddav.auth.tokens import Tokens, add_token
from pycarddav.client.http import Access, Http
from pycarddav.config import load
from pycarddav.dav.errors import TooManyRequests
from pycarddav.model import Principal
from pycarddav.protocol.messages import Request
from pycarddav.serve import site

HTTP_AUTH = ("http-auth@example.org", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
             "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "Circle of Life")  # fmt: skip
TESTREALM = ("testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093", "0a4f113b",
             "Circle Of Life")  # fmt: skip


@pytest.mark.parametrize(
    ("algorithm", "told", "response"),
    [
        # RFC 7616 §3.9.1
        ("MD5", HTTP_AUTH, "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", HTTP_AUTH, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        # RFC 2617 §3.5
        ("MD5", TESTREALM, "6629fae49393a05397450978507c4ef1"),
    ],
)
def test_the_standards_own_examples(algorithm, told, response):
    realm, nonce, cnonce, password = told
    proof = Proof("Mufasa", algorithm, nonce, "00000001", cnonce, "/dir/index.html", response)
    hashed = digest(algorithm, "Mufasa", realm, password)
    assert proof.expected(hashed, "GET") == response


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('username="a", nc=1', {"username": "a", "nc": "1"}),
        ('USERNAME = "a" ,nc= 1', {"username": "a", "nc": "1"}),
        (r'username="a\"b\\c, d"', {"username": 'a"b\\c, d'}),
        ('username=""', {"username": ""}),
        ("username*=UTF-8''j%C3%BCrgen", {"username*": "UTF-8''j%C3%BCrgen"}),
        ("a=b,", {"a": "b"}),
        ("", {}),
        ("a=b, a=c", None),
        ("a=b, A=c", None),
        ("a", None),
        ("a=", None),
        ('a="b', None),
        ('a="b"c="d"', None),
        (',a="b"', None),
        ("a=b;c=d", {"a": "b;c=d"}),
        ('a="' + '\\"' * 4000, None),
        ("a=b, " * 2000, None),
    ],
    ids=lambda value: str(value)[:20],
)
def test_parameters_are_read_once_each(written, expected):
    if expected is None:
        with pytest.raises(ValueError):  # noqa: PT011
            fields(written)
    else:
        assert fields(written) == expected


def test_a_file_of_users_is_read_for_its_realm(caplog):
    hashes = digest("MD5", "alice", "r", "x"), digest("SHA-256", "alice", "r", "x")
    lines = [
        f"alice:r:{hashes[0]}", f"alice:r:{hashes[1]}", f"bob:other:{hashes[0]}", "", "# comment",
        f"alice:r:{'0' * 32}", "carol:r:secret", "carol:r", f"a/b:r:{hashes[0]}",
        f".x:r:{hashes[0]}", f":r:{hashes[0]}", f"carol:r:{hashes[0]}:x", "carol:r:" + "A" * 32,
    ]  # fmt: skip
    data = "\n".join(lines).encode() + b"\n\xff:r:" + hashes[0].encode()
    assert parse(data, "r") == {"alice": {"MD5": hashes[0], "SHA-256": hashes[1]}}
    assert "lines 7, 8, 9, 10, 11, 12, 13, 14" in caplog.text


# A client


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "htdigest"
    htdigest.set_password(path, "pycarddav", "alice", "secret")
    htdigest.set_password(path, "pycarddav", "jürgen", "pässword")
    return path


@pytest.fixture
def gate(file, clock):
    return Gate([Digest(file, "pycarddav", clock=clock)], ["alice"], Throttle(clock), clock=clock)


def ask(gate, written, method="GET", path="/a"):
    return gate(Request(method, path, {"authorization": written}, remote="192.0.2.1"))


def refused(gate, written, **kwargs):
    """Whether the challenge after it says that the password was right."""
    request = Request("GET", "/a", {"authorization": written}, remote="192.0.2.1")
    return challenge(gate, replace(request, **kwargs)).get("stale") == "true"


def test_an_app_password_is_forgotten_with_its_user_whatever_the_door(file, tmp_path):
    door = Digest(file, "pycarddav")
    password = add_token(tmp_path / "tokens", "alice", "Pixel")
    gate = Gate([door, Tokens(tmp_path / "tokens", tmp_path / "uses", door.knows)])
    assert ask(gate, basic(f"alice:{password}")).name == "alice"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if not line.startswith("alice:")))
    with pytest.raises(LoginFailed):
        ask(gate, basic(f"alice:{password}"))


def test_who_knows_the_password_is_in(gate):
    told = challenge(gate)
    assert (told["qop"], told["algorithm"], told["charset"]) == ("auth", "SHA-256", "UTF-8")
    assert "stale" not in told
    assert ask(gate, proof(told)) == Principal("alice", admin=True)
    assert ask(gate, proof(told, count=2, method="PUT", uri="/b?c"), "PUT", "/b").name == "alice"
    assert ask(gate, proof(told, uri="http://localhost/a", count=3)).name == "alice"


@pytest.mark.parametrize(
    "said",
    [
        {"username": "jürgen"},
        {"username": "ju\u0308rgen"},
        {"username": None, "username*": "UTF-8''" + quote("jürgen")},
    ],
)
def test_names_outside_ascii_come_in_two_spellings(gate, said):
    told = challenge(gate)
    assert ask(gate, proof(told, user="jürgen", password="pässword", **said)).name == "jürgen"


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "wrong"},
        {"user": "nobody"},
        {"response": ""},
        {"response": None},
        {"response": "0" * 64},
        {"response": "ä"},
        {"realm": "other"},
        {"realm": None},
        {"username": None},
        {"username": ""},
        {"username": "jürgen"},
        {"username": "ali\0ce"},
        {"username": "ali\nce"},
        {"username": "../alice"},
        {"username": "al\u0131ce"},
        {"username": "x" * 256},
        {"username": "x" * 10**6},
        {"username*": "UTF-8''%ff"},
        {"username*": "ISO-8859-1''alice"},
        {"uri": "/b"},
        {"qop": None},  # RFC 2069: could be replayed
        {"qop": "auth-int"},
        {"algorithm": "SHA-256-sess"},
        {"algorithm": "SHA-512-256"},
        {"algorithm": "MD5"},
        {"algorithm": None},
        {"nc": None},
        {"nc": "1"},
        {"nc": "0000000g"},
        {"nc": "00000002"},
        {"cnonce": None},
        {"cnonce": "abcd"},
        {"cnonce": "ä"},
        {"uri": "/ä"},
        {"userhash": "true"},
        {"nonce": None},
    ],
    ids=lambda value: ascii(value)[:32],
)
def test_anything_else_is_wrong(gate, wrong):
    names = {"user", "password"} & set(wrong)
    written = proof(challenge(gate), **{name: wrong[name] for name in names},
                    **{name: wrong[name] for name in set(wrong) - names})  # fmt: skip
    assert refused(gate, written) is False


@pytest.mark.parametrize(
    "written", ["Digest", "Digest x", 'Digest username="a', "Digest \xff=\xff"]
)
def test_what_cannot_be_read_does_not_log_in(gate, written):
    with pytest.raises(LoginFailed) as failed:
        ask(gate, written)
    assert failed.value.reason == "malformed"


def test_a_proof_is_good_for_its_request_alone(gate):
    told = challenge(gate)
    assert refused(gate, proof(told), method="DELETE") is False
    assert refused(gate, proof(told), path="/b") is False
    assert ask(gate, proof(told)).name == "alice"


def test_a_proof_is_good_once(gate, caplog):
    told = challenge(gate)
    assert ask(gate, proof(told)).name == "alice"
    assert refused(gate, proof(told)) is True
    assert refused(gate, proof(told)) is True
    assert ask(gate, proof(told, count=2)).name == "alice"
    assert refused(gate, proof(told, count=1)) is True
    assert caplog.records == []  # who repeats does not guess


def test_requests_may_overtake_each_other_but_not_by_far():
    nonces = Nonces(Clock())
    nonce = nonces.new()

    def counts(*values):
        found = []
        for value in values:
            try:
                nonces.use(nonce, value, "alice")
                found.append(value)
            except LoginFailed:
                pass
        return found

    assert counts(0, 1, 3, 2, 2, 3, 1) == [1, 3, 2]
    assert counts(WINDOW + 3, 3, 4, 4, 5) == [WINDOW + 3, 4, 5]
    assert counts(10**6, WINDOW + 4, 10**6 - WINDOW + 1, 10**6 - WINDOW) == [
        10**6, 10**6 - WINDOW + 1,
    ]  # fmt: skip


@given(st.lists(st.integers(0, 3 * WINDOW), max_size=60))
def test_no_count_is_taken_twice_and_none_in_order_is_refused(counts):
    use, taken = Use("alice"), []
    for count in counts:
        after = use.with_count(count)
        if after:
            use, taken = after, [*taken, count]
        else:
            assert count in taken or count <= use.highest - WINDOW or count == 0
    assert len(taken) == len(set(taken))


def test_a_count_takes_no_more_memory_than_another():
    tracemalloc.start()
    try:
        assert Use("alice", 2**32 - 1, 1).with_count(1) is None
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_an_old_nonce_is_replaced_without_asking_for_the_password(gate, clock):
    told = challenge(gate)
    assert ask(gate, proof(told)).name == "alice"
    clock.now += LIFETIME + 1
    assert refused(gate, proof(told, password="wrong", count=2)) is False
    request = Request("GET", "/a", {"authorization": proof(told, count=3)}, remote="192.0.2.1")
    again = challenge(gate, request)
    assert again["stale"] == "true"
    assert ask(gate, proof(again)).name == "alice"


@pytest.mark.parametrize("nonce", ["", "x", "0" * 60, "f" * 60])
def test_a_nonce_is_the_servers(gate, nonce):
    told = {**challenge(gate), "nonce": nonce}
    assert refused(gate, proof(told)) is True


def test_a_nonce_belongs_to_who_used_it_first(gate):
    told = challenge(gate)
    assert ask(gate, proof(told)).name == "alice"
    assert refused(gate, proof(told, user="jürgen", password="pässword", count=2)) is True


def test_nonces_that_are_remembered_are_bounded_and_none_counts_twice():
    clock = Clock()
    nonces = Nonces(clock)
    first = nonces.new()
    nonces.use(first, 1, "alice")
    for _ in range(REMEMBERED):
        clock.now += 0.001
        nonces.use(nonces.new(), 1, "alice")
    assert len(nonces._uses) == REMEMBERED
    with pytest.raises(LoginFailed):
        nonces.use(first, 1, "alice")


def test_guessing_gets_slow_and_who_is_in_stays_in(gate, clock):
    told = challenge(gate)
    assert ask(gate, proof(told)).name == "alice"
    found = []
    for number in range(20):
        clock.now += 0.001
        with pytest.raises((LoginFailed, TooManyRequests)) as error:
            ask(gate, proof(challenge(gate), password=f"guess{number}"))
        found.append(type(error.value))
        assert ask(gate, proof(told, count=number + 2)).name == "alice"
    assert found == [LoginFailed] * 6 + [TooManyRequests] * 14


def test_what_every_user_has_a_hash_for_is_offered(file, clock):
    def offered():
        door = Digest(file, "pycarddav", clock=clock)
        return [fields(line.partition(" ")[2])["algorithm"] for line in door.challenges(None)]

    def md5(user):
        with file.open("a") as opened:
            opened.write(f"{user}:pycarddav:{digest('MD5', user, 'pycarddav', 'secret')}\n")

    assert offered() == ["SHA-256"]
    md5("alice")
    assert offered() == ["SHA-256"]
    md5("jürgen")
    assert offered() == ["SHA-256", "MD5"]
    md5("carol")
    assert offered() == ["MD5"]


# For real


@pytest.fixture
def config(home, monkeypatch, cli, typed):
    """Alice and Jürgen, from the command line; they may log in by Basic, too."""
    monkeypatch.setattr("pycarddav.auth.passwords.bcrypt_cost", lambda: 4)
    monkeypatch.setenv("PYCARDDAV_SERVER__PORT", "0")
    monkeypatch.setenv("PYCARDDAV_AUTH__TYPE", "digest, htpasswd")
    for user in ("alice", "jürgen", "gone"):
        typed("sécret")
        assert cli("user", "add", user, "--password-stdin")[0] == 0
    typed("secret")
    assert cli("user", "passwd", "alice", "--password-stdin")[0] == 0
    assert cli("user", "remove", "gone")[0] == 0
    return load().config


def test_the_command_line_keeps_the_hashes_to_their_owner(config):
    assert list(parse(config.digest.file.read_bytes(), "pycarddav")) == ["jürgen", "alice"]
    assert stat.S_IMODE(config.digest.file.stat().st_mode) == 0o600


CURL = {
    ("--digest", "alice:secret"): [401, 200],
    ("--anyauth", "alice:secret"): [401, 200],
    ("--basic", "alice:secret"): [200],
    ("--digest", "jürgen:sécret"): [401, 200],
    ("--digest", "alice:wrong"): [401, 401],
    ("--digest", "gone:sécret"): [401, 401],
}


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl(config):
    found = {}
    with site.listening(config) as bound, site.serving(config, bound) as server, running(server):
        for how, credentials in CURL:
            home = quote(credentials.partition(":")[0])
            url = f"http://127.0.0.1:{server.address[1]}/{home}/contacts/?x=1"
            command = ["curl", "-s", "-v", how, "-u", credentials, url]
            said = subprocess.run(command, capture_output=True, timeout=60, check=False).stderr
            statuses = re.findall(rb"(?m)^< HTTP/1.1 (\d+)", said)
            found[how, credentials] = [int(status) for status in statuses]
            assert (b"Authorization: Basic" in said) == (how == "--basic")
    assert found == CURL


@pytest.mark.parametrize(("user", "password"), [("alice", "secret"), ("jürgen", "sécret")])
def test_a_client_asks_again_and_again_with_one_nonce(config, user, password):
    """Ours, which was written for the servers of others."""
    with site.listening(config) as bound, site.serving(config, bound) as server, running(server):
        url = f"http://127.0.0.1:{server.address[1]}/{quote(user)}/contacts/"
        with Http(url, Access(user, password)) as http:
            found = [http.request("PROPFIND", "").status for _ in range(5)]
        with Http(url, Access(user, "wrong")) as http:
            assert http.request("PROPFIND", "").status == 401
    assert found == [207] * 5
