"""What is done now and then while the server runs."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..dav.errors import Error
from ..store.filesystem import FilesystemStore

log = logging.getLogger(__name__)

FIRST, EACH = 300.0, 3600.0  # seconds: not during a start, but also where one restarts every day
SOON = 5.0  # seconds after which a card is copied to the history


@contextmanager
def tidied(store: FilesystemStore, first: float = FIRST, each: float = EACH) -> Iterator[None]:
    """Tidy the storage, in a thread, while the block runs."""
    with _repeated(store.tidy, first, each):
        yield


@contextmanager
def kept_up(store: FilesystemStore, each: float = SOON) -> Iterator[None]:
    """Copy what is new to the history, in a thread, while the block runs."""
    with _repeated(store.keep_up, each, each):
        yield


@contextmanager
def _repeated(do: Callable[[], None], first: float, each: float) -> Iterator[None]:
    ended = threading.Event()

    def run() -> None:
        pause = first
        while not ended.wait(pause):
            pause = each
            try:
                do()
            except Error as error:
                log.warning("%s: %s", do.__name__, error)
            except Exception:
                log.exception(do.__name__)

    thread = threading.Thread(target=run, name=do.__name__, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(5)
