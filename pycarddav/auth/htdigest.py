"""Users in an htdigest file: ``user:realm:hash``, as Apache's htdigest writes it.

The hash (RFC 7616 §3.4.2) is of user, realm and password, and is as good as the password for
whoever reads it.  It is SHA-256 or, half as long, MD5; a user may have one line with each.
"""

import hashlib
import logging
import re
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from .files import edit
from .names import check_name, normal

log = logging.getLogger(__name__)

# By the names of RFC 7616 §6.1, the better one first, and how long they are in the file.
ALGORITHMS = {"SHA-256": "sha256", "MD5": "md5"}
LENGTHS = {64: "SHA-256", 32: "MD5"}

_HASH = re.compile("[0-9a-f]+")

Users = Mapping[str, Mapping[str, str]]  # algorithm -> hash, by user


def digest(algorithm: str, *parts: str) -> str:
    """What the RFC calls H(unq(X) ":" …), in hexadecimal."""
    data = ":".join(parts).encode()
    return hashlib.new(ALGORITHMS[algorithm], data, usedforsecurity=False).hexdigest()


def parse(data: bytes, realm: str) -> Users:
    """The users of *realm*; lines that cannot be used are skipped, with a warning."""
    users: dict[str, dict[str, str]] = {}
    wrong = []
    for number, line in enumerate(BytesIO(data), 1):
        try:
            text = line.decode().strip()
            if not text or text.startswith("#"):
                continue
            user, named, hashed = text.split(":")
            check_name(user)
            if not _HASH.fullmatch(hashed) or len(hashed) not in LENGTHS:
                raise ValueError("no hash")
            if named == realm:
                users.setdefault(user, {}).setdefault(LENGTHS[len(hashed)], hashed)
        except ValueError:
            wrong.append(str(number))
    if wrong:
        log.warning("no users in lines %s of the htdigest file", ", ".join(wrong[:20]))
    return users


def set_password(path: Path, realm: str, user: str, password: str) -> None:
    """Write a line with the better hash in place of all that the user has in *realm*."""
    check_name(user)
    line = f"{user}:{realm}:{digest('SHA-256', user, realm, normal(password))}\n"
    _replace(path, realm, user, [line.encode()])


def remove_user(path: Path, realm: str, user: str) -> None:
    _replace(path, realm, user, [])


def _replace(path: Path, realm: str, user: str, by: list[bytes]) -> None:
    head = f"{user}:{realm}:".encode()

    def replace(lines: list[bytes]) -> list[bytes]:
        return [line for line in lines if not line.startswith(head)] + by

    edit(path, replace, create=True)
