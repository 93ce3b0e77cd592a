"""Anna's address books, behind the command line's back."""

from conftest import ALICE

from pycarddav.dav.headers import ANYTHING
from pycarddav.store.filesystem import FilesystemStore


def opened(home):
    return FilesystemStore(home / ".local/share/pycarddav", "stat")


def cards(home, book="contacts"):
    """name -> bytes; None where there is no such book."""
    store = opened(home)
    found = store.book("anna", book)
    try:
        return {card.name: card.data for card in store.cards(found)} if found else None
    finally:
        store.close()


def put(home, name, data, uid):
    """What a phone would do."""
    store = opened(home)
    store.put(store.book("anna", "contacts"), name, data, uid, ANYTHING, ALICE)
    store.close()
