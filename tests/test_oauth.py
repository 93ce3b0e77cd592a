"""OAuth 2.0 tokens: what is forged, foreign, expired or revoked, and a real issuer."""

import hmac
import json
import subprocess
import sys
import time
import warnings
from base64 import b64encode, urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from threading import Event
from urllib.parse import urlencode

import pytest
from logins import served, who

from pycarddav.auth import DoorClosed, DoorUnusable, LoginFailed, keys, oauth, outage
from pycarddav.auth.gate import Gate
from pycarddav.auth.keys import Keys, parse, verified
from pycarddav.auth.oauth import Issuer, OAuth, confirm
from pycarddav.client.errors import Unreachable
from pycarddav.config import load
from pycarddav.config.schema import OAuth as Settings
from pycarddav.dav.errors import Unauthorized
from pycarddav.protocol.messages import Request

pyjwt = pytest.importorskip("jwt")
jose = pytest.importorskip("joserfc")

from joserfc import jwt  # noqa: E402
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey  # noqa: E402

ISSUER, AUDIENCE = "https://sso.example.org/", "https://contacts.example.org/"
EC = ECKey.generate_key("P-256", {"kid": "ec"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
OKP = OKPKey.generate_key("Ed25519", {"kid": "okp"})
OTHER = ECKey.generate_key("P-256", {"kid": "ec"})
CRYPT = ECKey.generate_key("P-256", {"kid": "crypt"})
PINNED = RSAKey.generate_key(2048, {"kid": "pinned"})
PUBLIC = {"keys": [key.as_dict(private=False) for key in (EC, RSA, OKP)]}
PUBLIC["keys"].append({**CRYPT.as_dict(private=False), "use": "enc"})
PUBLIC["keys"].append({**PINNED.as_dict(private=False), "alg": "PS256"})
SECRET = OctKey.import_key(b"a secret that is in the set of keys for no good reason")
PUBLIC["keys"].append({**SECRET.as_dict(), "kid": "oct"})
NOW = int(time.time())
GOOD = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": NOW + 86400, "iat": NOW}


def signed(key=EC, alg="ES256", header=None, **claims):
    """A token with these claims; None takes one away."""
    said = {name: value for name, value in {**GOOD, **claims}.items() if value is not None}
    with warnings.catch_warnings(action="ignore"):  # of EdDSA, whose name is to be more exact
        return jwt.encode({"alg": alg, "kid": key.kid} | (header or {}), said, key, [alg])


def part(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(header, claims=GOOD, signature=b""):
    return f"{part(header)}.{part(claims)}.{part(signature)}"


def with_hmac(secret, kid="ec"):
    """Signed with what everybody may know."""
    said = f"{part({'alg': 'HS256', 'kid': kid})}.{part(GOOD)}"
    return f"{said}.{part(hmac.digest(secret, said.encode(), 'sha256'))}"


TAKEN = {
    "ES256": signed(),
    "RS256": signed(RSA, "RS256"),
    "RS512": signed(RSA, "RS512"),
    "PS256": signed(RSA, "PS256"),
    "EdDSA": signed(OKP, "EdDSA"),
    "the key's only algorithm": signed(PINNED, "PS256"),
    "one of several audiences": signed(aud=["other", AUDIENCE]),
}
MIDDLE = signed().split(".")[1]
CRITICAL = pyjwt.encode(
    GOOD, EC.as_pem(private=True), "ES256", {"kid": "ec", "crit": ["x"], "x": 1}
)
REFUSED = {
    "expired": signed(exp=NOW - 60),
    "not yet": signed(nbf=NOW + 3600),
    "without an end": signed(exp=None),
    "an end that is none": signed(exp="tomorrow"),
    "of another issuer": signed(iss="https://evil.example/"),
    "of the issuer's neighbour": signed(iss=ISSUER + "x"),
    "of no issuer": signed(iss=None),
    "for another audience": signed(aud="https://mail.example.org/"),
    "for others": signed(aud=["a", "b"]),
    "for half of us": signed(aud=AUDIENCE[:-1]),
    "for nobody": signed(aud=None),
    "for an object": signed(aud={AUDIENCE: 1}),
    "another key of that name": signed(OTHER),
    "a key of another name": signed(header={"kid": "nobody"}),
    "no name, several keys": forged({"alg": "ES256"}, GOOD, b"x" * 64),
    "a key for encryption": signed(CRYPT),
    "not the key's algorithm": signed(PINNED, "RS256"),
    "none": forged({"alg": "none", "kid": "ec"}),
    "None": forged({"alg": "None", "kid": "ec"}),
    "nOnE with a signature": forged({"alg": "nOnE", "kid": "ec"}, GOOD, b"x" * 64),
    "no algorithm": forged({"kid": "ec"}),
    "an algorithm that is a list": forged({"alg": ["ES256"], "kid": "ec"}),
    "the public key as a secret": with_hmac(RSA.as_pem(private=False), kid="rsa"),
    "the public key in DER": with_hmac(EC.as_der(private=False)),
    "an empty secret": forged({"alg": "HS256", "kid": "ec"}, GOOD, b"x" * 32),
    "a secret in the set": with_hmac(SECRET.raw_value, kid="oct"),
    "its own key": signed(OTHER, header={"jwk": OTHER.as_dict(private=False)}),
    "its own place of keys": signed(OTHER, header={"jku": "https://evil.example/jwks"}),
    "another kind of key": forged({"alg": "ES256", "kid": "rsa"}, GOOD, b"x" * 64),
    "a psychic signature": forged({"alg": "ES256", "kid": "ec"}, GOOD, b"\0" * 64),
    "no signature": f"{signed().rpartition('.')[0]}.",
    "claims of another": f"{signed().split('.')[0]}.{part({**GOOD, 'sub': 'bob'})}."
    + signed().split(".")[2],
    "something critical": CRITICAL,
    "a key name that is none": forged({"alg": "ES256", "kid": {"a": 1}}, GOOD, b"x" * 64),
    "no JSON": f"{part(b'{')}.{MIDDLE}.x",
    "no object": f"{part([1])}.{MIDDLE}.x",
    "very deep": f"{part(b'[' * 9000)}.{MIDDLE}.x",
    "no UTF-8": f"{part(bytes([255, 254]))}.{MIDDLE}.x",
    "two parts": "a.b",
    "five parts": "a.b.c.d.e",
    "dots": "...",
    "one word": "alice",
    "long": "a" * 16000,
}  # fmt: skip


@pytest.fixture
def known():
    return Keys(lambda: json.dumps(PUBLIC).encode())


@pytest.mark.parametrize("case", TAKEN)
def test_a_token_of_the_issuer_for_us_is_taken(known, case):
    assert verified(TAKEN[case], known, ISSUER, AUDIENCE)["sub"] == "alice"


@pytest.mark.parametrize("claims", [{"exp": -5}, {"nbf": 5, "iat": 5}])
def test_clocks_may_differ_a_little(known, claims):
    now = int(time.time())
    token = signed(**{name: now + seconds for name, seconds in claims.items()})
    assert verified(token, known, ISSUER, AUDIENCE)["sub"] == "alice"


@pytest.mark.parametrize("case", REFUSED)
def test_any_other_token_is_refused(known, case):
    with pytest.raises(LoginFailed):
        verified(REFUSED[case], known, ISSUER, AUDIENCE)


SETTINGS = Issuer(ISSUER, AUDIENCE, "sub", "http://localhost/jwks", "", "", "", None)


@pytest.fixture
def gate(known):
    """A server that has the keys, and takes alice for an administrator elsewhere."""
    door = OAuth(SETTINGS)
    door._keys = known
    return Gate([door], ["alice"])


def bearer(gate, written):
    return gate(Request("GET", "/", {"authorization": written}, remote="192.0.2.1"))


def test_a_token_is_a_login_but_not_an_administrators(gate):
    for word in ("Bearer", "bearer", "BEARER"):
        found = bearer(gate, f"{word} {signed()}")
        assert (found.name, found.admin) == ("alice", False)


def test_names_are_compared_as_at_every_door(gate):
    assert bearer(gate, f"Bearer {signed(sub='jose' + chr(0x301))}").name == "jos\u00e9"


ACTIVE = {"active": True, "aud": AUDIENCE, "sub": "alice"}


@pytest.mark.parametrize(
    ("claims", "valid"),
    [
        ({}, True),
        ({"iss": ISSUER, "aud": ["x", AUDIENCE], "exp": 1001, "nbf": 1000}, True),
        ({"nbf": 1000 + keys.LEEWAY}, True),
        ({"active": False}, False),
        ({"active": None}, False),
        ({"active": "true"}, False),
        ({"active": 1}, False),
        ({"iss": ISSUER + "x"}, False),
        ({"iss": None}, False),
        ({"aud": "https://mail.example.org/"}, False),
        ({"aud": [AUDIENCE[:-1]]}, False),
        ({"aud": None}, False),
        ({"aud": []}, False),
        ({"aud": {AUDIENCE: 1}}, False),
        ({"exp": 1000}, False),
        ({"exp": "2000"}, False),
        ({"exp": True}, False),
        ({"exp": float("nan")}, False),
        ({"nbf": 1031}, False),
        ({"nbf": None}, False),
    ],
)
def test_what_the_issuer_says_of_a_token_is_read_strictly(claims, valid):
    if valid:
        confirm({**ACTIVE, **claims}, SETTINGS, 1000)
    else:
        with pytest.raises(LoginFailed):
            confirm({**ACTIVE, **claims}, SETTINGS, 1000)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../bob", "a/b", "a:b", "a\0b", "a\nb", ".htpasswd", "al\u00adice", "x" * 256,
     "x" * 9000, " alice", None, 1, ["alice"], {"alice": 1}, True],
    ids=lambda name: ascii(name)[:20],
)  # fmt: skip
def test_a_claim_that_is_no_users_name_lets_nobody_in(gate, name):
    with pytest.raises(LoginFailed):
        bearer(gate, f"Bearer {signed(sub=name)}")


@pytest.mark.parametrize(
    ("written", "challenge"),
    [
        ("", 'Bearer realm="pycarddav"'),
        ("Basic YTpi", 'Bearer realm="pycarddav"'),
        ("Bearer", 'Bearer realm="pycarddav", error="invalid_token"'),
        ("Bearer ä", 'Bearer realm="pycarddav", error="invalid_token"'),
        ("Bearer a\0b", 'Bearer realm="pycarddav", error="invalid_token"'),
        ("Bearer a\nb", 'Bearer realm="pycarddav", error="invalid_token"'),
        ("Bearer a b", 'Bearer realm="pycarddav", error="invalid_token"'),
        ("Bearer " + "a" * 10**6, 'Bearer realm="pycarddav", error="invalid_token"'),
        (f"Bearer {REFUSED['expired']}", 'Bearer realm="pycarddav", error="invalid_token"'),
    ],
    ids=lambda word: ascii(word)[:30],
)
def test_who_has_no_good_token_is_told_to_get_one(gate, written, challenge):
    with pytest.raises(Unauthorized) as refused:
        bearer(gate, written)
    assert refused.value.headers() == {"WWW-Authenticate": challenge}


def test_keys_are_asked_for_seldom_and_outlive_an_issuer_that_is_down():
    asked, now, answer = [], 1000.0, json.dumps(PUBLIC).encode()

    def get():
        asked.append(now)
        if answer is None:
            raise Unreachable("nobody there")
        return answer

    known = Keys(get, lambda: now)
    assert known.find("ec", "ES256")["kid"] == "ec"
    for _ in range(5):
        with pytest.raises(LoginFailed):
            known.find("nobody", "ES256")
    assert len(asked) == 1
    before = known.generation
    now += keys.AGAIN
    answer = json.dumps({"keys": [OKP.as_dict(private=False)]}).encode()
    assert known.find("okp", "EdDSA")
    assert len(asked) == 1
    with pytest.raises(LoginFailed):
        known.find("nobody", "ES256")
    assert len(asked) == 2
    assert known.generation != before
    now += keys.FRESH_FOR
    answer = None
    assert known.find("okp", "EdDSA")
    nowhere = Keys(get, lambda: now)
    for _ in range(2):  # and it is nobody's failure, however often it is tried
        with pytest.raises(DoorClosed):
            nowhere.find("okp", "EdDSA")


def test_a_slow_issuer_holds_one_thread_only():
    asking, answers, now = Event(), Event(), 1000.0

    def get():
        asking.set()
        answers.wait(10)
        return json.dumps(PUBLIC).encode()

    answers.set()
    known = Keys(get, lambda: now)
    known.find("ec", "ES256")
    asking.clear()
    answers.clear()
    now += keys.FRESH_FOR
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(known.find, "ec", "ES256")
        assert asking.wait(10)
        assert known.find("ec", "ES256")["kid"] == "ec"
        with pytest.raises(DoorClosed):  # it may be among those that are on their way
            known.find("nobody", "ES256")
        assert not waiting.done()
        answers.set()


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"keys": 1}', b'{"keys": [1]}', b"[" * 9999])
def test_what_is_no_set_of_keys_is_none(data):
    with pytest.raises(ValueError):  # noqa: PT011
        parse(data)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"issuer": ""}, "needs [oauth] issuer and audience"),
        ({"audience": ""}, "needs [oauth] issuer and audience"),
        ({"jwks": ""}, "jwks or introspection, one of them"),
        ({"introspection": "https://sso.example/i"}, "one of them"),
        ({"jwks": "http://sso.example/jwks"}, "in the clear"),
        ({"jwks": "", "introspection": "https://sso.example/i"}, "client_id and client_secret"),
    ],
)
def test_settings_that_let_nobody_in_or_anybody_are_refused(settings, message):
    with pytest.raises(DoorUnusable) as refused:
        OAuth(replace(SETTINGS, **settings))
    assert message in str(refused.value)


# A real issuer


@pytest.fixture(scope="module")
def issuer():
    """The port of an issuer in a process of its own."""
    pytest.importorskip("oauthlib")
    command = [sys.executable, Path(__file__).parent / "issuer.py"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield int(process.stdout.readline())
        process.terminate()


def post(port, path, **form):
    from issuer import CLIENT

    credentials = ":".join(urlencode({"": word})[1:] for word in CLIENT).encode()
    headers = {
        "Authorization": f"Basic {b64encode(credentials).decode()}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", path, urlencode(form), headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    assert response.status == 200, body
    return json.loads(body) if body else None


def token(port, lifetime=600, not_before=0, audience=AUDIENCE, user="alice", password="secret"):
    form = {"grant_type": "password", "username": user, "password": password}
    return post(
        port, "/token", **form, audience=audience, lifetime=lifetime, not_before=not_before
    )["access_token"]


@pytest.fixture
def configured(home, monkeypatch, issuer):
    """A server that asks the issuer in one of its two ways."""
    monkeypatch.setenv("PYCARDDAV_SERVER__PORT", "0")
    monkeypatch.setenv("PYCARDDAV_AUTH__TYPE", "oauth")
    monkeypatch.setattr(keys, "AGAIN", 0)
    monkeypatch.setattr(outage, "AGAIN", 0)
    monkeypatch.setattr(oauth, "ACTIVE_FOR", 0)
    monkeypatch.setattr("pycarddav.auth.gate.CLOSED_FOR", 0)

    def configure(way, port=issuer, secret=None):
        from issuer import CLIENT

        settings = {
            "jwks": {"jwks": f"http://127.0.0.1:{port}/jwks"},
            "introspection": {
                "introspection": f"http://127.0.0.1:{port}/introspect",
                "client_id": CLIENT[0],
                "client_secret": secret or CLIENT[1],
            },
        }
        return replace(
            load().config, oauth=Settings(issuer=ISSUER, audience=AUDIENCE, **settings[way])
        )

    return configure


@pytest.mark.slow
@pytest.mark.parametrize("way", ["jwks", "introspection"])
def test_tokens_of_a_real_issuer(configured, issuer, way):
    with served(configured(way)) as client:
        found = {
            name: who(client, f"Authorization: Bearer {offered}")
            for name, offered in {
                "alice": token(issuer),
                "bob": token(issuer, user="bob", password="hunter2"),
                "for us, too": token(issuer, audience=f"other {AUDIENCE}"),
                "for others": token(issuer, audience="https://mail.example.org/"),
                "expired": token(issuer, lifetime=-60),
                "not yet": token(issuer, not_before=300),
                "forged": signed(OTHER, header={"kid": "key1"}),
                "none": forged({"alg": "none", "kid": "key1"}),
                "no token": "x",
            }.items()
        }
    assert found == {
        "alice": "alice", "bob": "bob", "for us, too": "alice", "for others": 401, "expired": 401,
        "not yet": 401, "forged": 401, "none": 401, "no token": 401,
    }  # fmt: skip


@pytest.mark.slow
def test_a_revoked_token_is_out(configured, issuer):
    mine = token(issuer)
    with served(configured("introspection")) as client:
        assert who(client, f"Authorization: Bearer {mine}") == "alice"
        post(issuer, "/revoke", token=mine)
        assert who(client, f"Authorization: Bearer {mine}") == 401


@pytest.mark.slow
def test_the_issuer_is_not_overrun_and_who_is_in_stays_in(configured, issuer):
    mine = f"Authorization: Bearer {token(issuer)}"
    with served(configured("introspection")) as client:
        assert who(client, mine) == "alice"
        found = [who(client, f"Authorization: Bearer guess{number}") for number in range(30)]
        assert found == [401] * 21 + [429] * 9
        assert who(client, mine) == "alice"


@pytest.mark.slow
def test_an_issuer_may_change_its_keys(configured, issuer):
    before = token(issuer)
    with served(configured("jwks")) as client:
        assert who(client, f"Authorization: Bearer {before}") == "alice"
        post(issuer, "/rotate")
        assert who(client, f"Authorization: Bearer {token(issuer)}") == "alice"
        assert who(client, f"Authorization: Bearer {before}") == 401


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "settings"),
    [
        ("jwks", {"port": 9}),
        ("introspection", {"port": 9}),
        ("introspection", {"secret": "wrong"}),
    ],
)
def test_an_issuer_that_cannot_be_asked_lets_nobody_in(configured, issuer, way, settings):
    with served(configured(way, **settings)) as client:
        assert who(client, f"Authorization: Bearer {token(issuer)}") == 503
