"""Digest authentication (RFC 7616): what Baïkal wants unless somebody has chosen Basic."""

import hashlib
import re
import secrets
from dataclasses import dataclass

_LONGEST = 4096  # characters of a header that are looked at

# The scheme, where a challenge begins, and one parameter (RFC 9110 §11.6.1).
_PARAMETER = re.compile(r'(?:([\w-]+)\s+)?([\w-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]+)')
_HASHES = {"MD5": "md5", "SHA-256": "sha256"}


@dataclass
class Challenge:
    """What the server has asked for; *count* is how often it was answered."""

    realm: str
    nonce: str
    opaque: str | None
    algorithm: str | None
    qop: bool
    count: int = 0

    def answer(self, method: str, target: str, user: str, password: str) -> str:
        """The Authorization header of the next request."""
        self.count += 1
        # As what comes in a header: each character is an octet, of UTF-8 (RFC 7616 §4).
        user, password = (text.encode().decode("latin-1") for text in (user, password))
        client, count = secrets.token_hex(8), f"{self.count:08x}"
        secret = self._hash(f"{user}:{self.realm}:{password}")
        if (self.algorithm or "").upper().endswith("-SESS"):
            secret = self._hash(f"{secret}:{self.nonce}:{client}")
        what = self._hash(f"{method}:{target}")
        middle = f"{self.nonce}:{count}:{client}:auth" if self.qop else self.nonce
        quoted = {
            "username": user,
            "realm": self.realm,
            "nonce": self.nonce,
            "uri": target,
            "response": self._hash(f"{secret}:{middle}:{what}"),
            "opaque": self.opaque,
            "cnonce": client,
        }
        plain = {"algorithm": self.algorithm} | ({"qop": "auth", "nc": count} if self.qop else {})
        parts = [f"{name}={_quoted(value)}" for name, value in quoted.items() if value is not None]
        return f"Digest {', '.join(parts + [f'{k}={v}' for k, v in plain.items() if v])}"

    def _hash(self, text: str) -> str:
        name = (self.algorithm or "MD5").upper().removesuffix("-SESS")
        return hashlib.new(_HASHES[name], text.encode("latin-1"), usedforsecurity=False).hexdigest()


def challenge(header: str) -> Challenge | None:
    """The first challenge in a WWW-Authenticate header that can be answered."""
    found: list[dict[str, str]] = []
    for scheme, name, value in _PARAMETER.findall(header[:_LONGEST]):
        if scheme:
            found.append({"": scheme.lower()})
        if found:
            found[-1][name.lower()] = _unquoted(value)
    return next(filter(None, map(_known, found)), None)


def _known(said: dict[str, str]) -> Challenge | None:
    algorithm, qop = said.get("algorithm"), said.get("qop", "").replace(",", " ").split()
    known = (algorithm or "MD5").upper().removesuffix("-SESS") in _HASHES
    if said[""] != "digest" or not known or "nonce" not in said or (qop and "auth" not in qop):
        return None
    return Challenge(said.get("realm", ""), said["nonce"], said.get("opaque"), algorithm, bool(qop))


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
