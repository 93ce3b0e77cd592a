"""Answers by the octets of their requests: a phone asks for news in the same words every time.

Delete it, and nothing but the clock notices: what is in the same octets and from the same address
is the same request, and its answer is given again only where the application says that it holds.
"""

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b

from ..dav.headers import http_date
from ..haste import WouldWait, haste
from ..protocol.cache import Cache
from ..protocol.messages import Request, Response
from .log import Answer

BUDGET = 2**20  # octets of requests and answers
LARGEST = 2**13  # of one answer
HEARD = 4096  # digests of requests that have been answered once

_SECRET = re.compile(rb"\r\nauthorization:([^\r\n]*)", re.IGNORECASE)
_DATE = re.compile(rb"\r\nDate: [^\r\n]*")


Holds = Callable[[Request], bool]


@dataclass(frozen=True)
class Kept:
    """An answer: *head* with a place for the date, *body* as it was sent.

    The request is without its secret, which has no place in memory, and so is the response
    without what HEAD did not send of it.
    """

    request: Request
    status: int
    user: str
    holds: Holds
    body: bytes
    head: tuple[bytes, bytes] = (b"", b"")

    @classmethod
    def of(cls, request: Request, response: Response, sent: bytes) -> "Kept | None":
        """What may be kept of an answer; None if it cannot be told for how long it holds."""
        if response.holds is None or len(sent) > LARGEST:
            return None
        headers = {name: said for name, said in request.headers.items() if name != "authorization"}
        bare = replace(request, headers=headers)
        return cls(bare, response.status, response.user, response.holds, sent)

    def octets(self) -> bytes:
        """What is sent now."""
        before, after = self.head
        return b"".join((before, _date(int(time.time())), after, self.body))


class Recall:
    """What has been answered; *told* hears of what is answered from here."""

    def __init__(self, told: Callable[[Answer], None]) -> None:
        self._told = told
        self._key = secrets.token_bytes(32)
        self._kept: Cache[Kept] = Cache(BUDGET)
        self._heard: Cache[bool] = Cache(HEARD)  # what has been asked once, and may be again

    def keep(self, octets: bytes, peer: str, kept: Kept, head: bytes) -> None:
        """Remember the answer to these *octets* from *peer*, if it can be told whether it holds.

        Not the first time: most are asked for once.
        """
        digest = self._digest(octets, peer)
        if self._heard.get(digest) is None:
            self._heard.put(digest, True, 1)
            return
        date = _DATE.search(head)
        if date is None or not _still(kept, octets):
            return
        kept = replace(kept, head=(head[: date.start()], head[date.end() :]))
        self._kept.put(digest, kept, 2 * len(octets) + len(head) + len(kept.body))

    def find(self, octets: bytes, peer: str) -> bytes | None:
        """The answer to these octets, if it is known and holds."""
        start = time.perf_counter()
        kept = self._kept.get(self._digest(octets, peer))
        if kept is None or not _still(kept, octets):
            return None
        seconds = time.perf_counter() - start
        self._told(Answer(kept.request, kept.status, kept.user, seconds, len(kept.body)))
        return kept.octets()

    def _digest(self, octets: bytes, peer: str) -> bytes:
        return blake2b(peer.encode() + b"\n" + octets, key=self._key).digest()


def _still(kept: Kept, octets: bytes) -> bool:
    """Whether the answer holds, which is not worth waiting for."""
    try:
        with haste():
            return kept.holds(_with_secret(kept.request, octets))
    except (WouldWait, Exception):  # what is wrong is said by the way that answers anew
        return False


def _with_secret(request: Request, octets: bytes) -> Request:
    found = _SECRET.search(octets)
    if found is None:
        return request
    secret = found[1].strip(b" \t").decode("latin-1")
    return replace(request, headers={**request.headers, "authorization": secret})


@lru_cache(maxsize=1)
def _date(now: int) -> bytes:
    return f"\r\nDate: {http_date(now)}".encode()
