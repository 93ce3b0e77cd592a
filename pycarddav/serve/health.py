"""GET /.health: for whatever watches over the server.  Anybody may ask, and learns one word."""

import logging
import time
from collections.abc import Callable
from math import inf
from threading import Lock

from .. import haste
from ..dav.errors import Error, InsufficientStorage
from ..protocol.messages import Request, Response
from ..store.filesystem import FilesystemStore
from .log import HEALTH

EACH = 30.0  # seconds between two times that it is tried whether the storage can be written
PATIENCE = 10.0  # seconds that this may take

log = logging.getLogger(__name__)

Serve = Callable[[Request], Response]


class Health:
    """Whether changes can be stored: looked up each time, tried out now and then."""

    def __init__(self, store: FilesystemStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._clock = store, clock
        self._looking = Lock()
        self._since = self._due = -inf
        self._unwritable: Error | None = None
        self._trouble: Error | None = None

    def trouble(self) -> str:
        """What is wrong, in a word or three; "" when all is well.

        Only one thread waits for a disk that does not answer: the others are there for requests.
        """
        haste.wait()
        now = self._clock()
        if self._looking.acquire(blocking=False):
            try:
                self._since = now
                self._look(now)
            finally:
                self._looking.release()
        elif now > self._since + PATIENCE:
            return "storage does not answer"
        return _word(self._trouble)

    def _look(self, now: float) -> None:
        if now >= self._due:
            self._due = now + EACH
            self._unwritable = _failure(self._store.check_writable)
        found = self._unwritable or _failure(self._store.check_room)
        if found and _word(found) != _word(self._trouble):
            log.warning("health: %s", found)
        self._trouble = found


def _failure(check: Callable[[], None]) -> Error | None:
    try:
        check()
    except Error as error:
        return error
    return None


def _word(trouble: Error | None) -> str:
    if trouble is None:
        return ""
    full = isinstance(trouble, InsufficientStorage)
    return "disk nearly full" if full else "storage unavailable"


def with_health(serve: Serve, health: Health) -> Serve:
    """*serve*, and /.health before anybody is asked who they are."""

    def answer(request: Request) -> Response:
        if request.path != HEALTH or request.method not in ("GET", "HEAD"):
            return serve(request)
        trouble = health.trouble()
        plain = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}
        return Response(503 if trouble else 200, plain, f"{trouble or 'ok'}\n".encode())

    return answer
