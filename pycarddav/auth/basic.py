"""HTTP Basic (RFC 7617): a user and a password with every request."""

import unicodedata
from base64 import b64decode

from ..dav.errors import BASIC as CHALLENGE
from ..protocol.messages import Request
from . import Login, Scheme
from .names import MAX_NAME, normal

MAX_CREDENTIALS = 4096  # characters of base64


def read(encoded: str, request: Request) -> Login:
    """User and password; ValueError if these can be nobody's.

    Passwords are compared as RFC 8265 §4.2 says: canonically composed, otherwise as typed.
    """
    if len(encoded) > MAX_CREDENTIALS:
        raise ValueError("too long")
    user, colon, password = b64decode(encoded.strip(), validate=True).decode().partition(":")
    if not colon or any(unicodedata.category(char) == "Cc" for char in user + password):
        raise ValueError("no colon, or a control character")
    if not 0 < len(user.encode()) <= MAX_NAME:
        raise ValueError("nobody has such a name")
    return Login(normal(user), normal(password), request)


BASIC = Scheme("basic", read, lambda failure: [CHALLENGE])
