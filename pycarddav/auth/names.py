"""Which names a user may have.

A name is a folder, a URL segment and the left half of ``user:password``.  Case counts, as in
RFC 8265's UsernameCasePreserved: folding at login would let one account in by another's name.  In
exchange no name is given out that differs from an existing one in case, width or ligatures only
(two such folders are one on some file systems, and one to every reader).  Letters of different
scripts that look alike are not compared: only the administrator gives out names.
"""

import unicodedata
from collections.abc import Iterable

MAX_NAME = 255  # bytes: what a file system can hold


class UserNameRefused(ValueError):
    """A name that no user can have; the message says why."""


def normal(name: str) -> str:
    """How names are compared: canonically composed (NFC), as some keyboards do not send them."""
    return unicodedata.normalize("NFC", name)


def check_name(name: str) -> None:
    """UserNameRefused unless *name* can be a user's."""
    if not name or len(name.encode(errors="replace")) > MAX_NAME:
        raise UserNameRefused(f"a user name has 1 to {MAX_NAME} bytes")
    if name.startswith("."):
        raise UserNameRefused("a user name cannot begin with a dot")
    if name != normal(name) or name != name.strip():
        raise UserNameRefused("a user name cannot have decomposed letters or spaces around it")
    for char in name:
        # Control and format characters, surrogates, private ones, separators but the space.
        if char in "/:" or (char != " " and unicodedata.category(char)[0] in "CZ"):
            raise UserNameRefused(f"a user name cannot contain {char!r}")


def check_new_name(name: str, taken: Iterable[str]) -> None:
    """UserNameRefused unless *name* can be given out beside those that are *taken*."""
    check_name(name)
    twins = [other for other in taken if other != name and _skeleton(other) == _skeleton(name)]
    if twins:
        raise UserNameRefused(f"{name} looks like the user {twins[0]}")


def _skeleton(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
