"""A CardDAV client: what ``serve --check``, ``migrate`` and ``doctor`` ask other servers with.

It is lenient as to what servers answer, and strict as to where a password may go.
"""

from .errors import (
    ClientError,
    ForeignHost,
    Garbled,
    LoginRefused,
    TooLarge,
    TooManyRedirects,
    Unexpected,
    Unreachable,
)
from .http import Access, Answer
from .multistatus import Multistatus, Response
from .webdav import Client

__all__ = [
    "Access",
    "Answer",
    "Client",
    "ClientError",
    "ForeignHost",
    "Garbled",
    "LoginRefused",
    "Multistatus",
    "Response",
    "TooLarge",
    "TooManyRedirects",
    "Unexpected",
    "Unreachable",
]
