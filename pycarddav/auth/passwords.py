"""Hashes of passwords, as they stand in an htpasswd file: one row a kind.

A dispatch of our own, because passlib's takes a hash it does not know for a password in plain
text: the hash itself then logs in.  What is not in the table never does.
"""

import re
import secrets
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha1
from hmac import compare_digest
from importlib.util import find_spec
from math import ceil, log2

VERIFICATION = 0.05  # seconds at least that checking a hash of ours takes where it was made
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without what looks alike
COSTS = range(8, 15)  # of bcrypt, each twice the one before


class PasswordRefused(ValueError):
    """A new password that could not be kept whole, or never be sent; the message says why."""


@dataclass(frozen=True)
class Kind:
    """*pattern* matches the whole hash; a *weak* kind counts only where it is asked for."""

    name: str
    pattern: re.Pattern[str]
    verify: Callable[[bytes, str], bool]
    weak: bool = False


def _bcrypt(password: bytes, hashed: str) -> bool:
    import bcrypt  # the first login pays for it, the start does not

    # Apache reads 72 bytes and says nothing; bcrypt 5 raises.
    return bcrypt.checkpw(password[:72], hashed.encode())


def _passlib(handler: str) -> Callable[[bytes, str], bool]:
    def verify(password: bytes, hashed: str) -> bool:
        from passlib import hash as handlers  # 30 to 70 ms and 9 MB, for old hashes alone

        return bool(getattr(handlers, handler).verify(password, hashed))

    return verify


def _argon2(password: bytes, hashed: str) -> bool:
    import argon2  # an optional package

    try:
        return bool(argon2.PasswordHasher().verify(hashed, password))
    except argon2.exceptions.Argon2Error:
        return False


def _sha1(password: bytes, hashed: str) -> bool:
    digest = sha1(password, usedforsecurity=False).digest()
    return compare_digest(b64encode(digest), hashed.removeprefix("{SHA}").encode())


def _plain(password: bytes, hashed: str) -> bool:
    return compare_digest(password, hashed.removeprefix("{PLAIN}").encode())


_CRYPT = "[./A-Za-z0-9]"
_ROUNDS = r"(rounds=\d{4,7}\$)?[^$:]{0,16}"

KINDS = (
    Kind("bcrypt", re.compile(rf"\$2[aby]\$\d\d\${_CRYPT}{{53}}"), _bcrypt),
    Kind("apr1", re.compile(rf"\$apr1\$[^$:]{{0,8}}\${_CRYPT}{{22}}"), _passlib("apr_md5_crypt")),
    Kind("sha256", re.compile(rf"\$5\${_ROUNDS}\${_CRYPT}{{43}}"), _passlib("sha256_crypt")),
    Kind("sha512", re.compile(rf"\$6\${_ROUNDS}\${_CRYPT}{{86}}"), _passlib("sha512_crypt")),
    *(
        [Kind("argon2", re.compile(r"\$argon2(id|i|d)\$[^:]+"), _argon2)]
        if find_spec("argon2")
        else []
    ),
    Kind("sha1", re.compile(r"\{SHA\}[A-Za-z0-9+/]{27}="), _sha1, weak=True),
    Kind("des", re.compile(rf"{_CRYPT}{{13}}"), _passlib("des_crypt"), weak=True),
    Kind("plain", re.compile(r"\{PLAIN\}.+"), _plain, weak=True),
)
WEAK = frozenset(kind.name for kind in KINDS if kind.weak)


def kind_of(hashed: str) -> Kind | None:
    """What kind of hash this is; None for anything that must never log anybody in."""
    return next((kind for kind in KINDS if kind.pattern.fullmatch(hashed)), None)


def verify(password: str, hashed: str) -> bool:
    """Whether *password* is the one that *hashed* was made of."""
    kind = kind_of(hashed)
    return kind is not None and kind.verify(password.encode(), hashed)


def hash_password(password: str) -> str:
    """A hash to be written; PasswordRefused if *password* is no good as one.

    ``$2y$`` is the name under which Apache and nginx know what the library calls ``$2b$``.
    """
    import bcrypt  # only who sets a password pays for it

    if not password or any(ord(char) < 32 or ord(char) == 127 for char in password):
        raise PasswordRefused("a password cannot be empty or have control characters")
    if len(password.encode()) > 72:
        raise PasswordRefused("a password cannot be longer than 72 bytes")
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(bcrypt_cost())).decode()
    return "$2y$" + hashed.removeprefix("$2b$")


def random_password(groups: int = 4) -> str:
    """Fit for being typed on a phone, 20 bits a group: ``k7vq-3mzt-9hxw-p2cd``."""
    letters = [secrets.choice(ALPHABET) for _ in range(4 * groups)]
    return "-".join("".join(letters[start::groups]) for start in range(groups))


@cache
def bcrypt_cost() -> int:
    """The cost at which this machine takes one to two times VERIFICATION."""
    import bcrypt

    def seconds() -> float:
        start = time.perf_counter()
        bcrypt.hashpw(secrets.token_bytes(16), bcrypt.gensalt(6))
        return time.perf_counter() - start

    wanted = 6 + ceil(log2(VERIFICATION / min(seconds() for _ in range(3))))
    return min(max(wanted, COSTS[0]), COSTS[-1])
