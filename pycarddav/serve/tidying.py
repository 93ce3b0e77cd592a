"""What is done now and then while the server runs."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..dav.errors import Error
from ..store.filesystem import FilesystemStore

log = logging.getLogger(__name__)

FIRST, EACH = 300.0, 3600.0  # seconds: not during a start, but also where one restarts every day


@contextmanager
def tidied(store: FilesystemStore, first: float = FIRST, each: float = EACH) -> Iterator[None]:
    """Tidy the storage, in a thread, while the block runs."""
    ended = threading.Event()

    def tidy() -> None:
        pause = first
        while not ended.wait(pause):
            pause = each
            try:
                store.tidy()
            except Error as error:
                log.warning("the storage was not tidied: %s", error)
            except Exception:
                log.exception("tidying")

    thread = threading.Thread(target=tidy, name="tidying", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(5)
