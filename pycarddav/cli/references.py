"""What a command is about: USER/BOOK and USER/BOOK/CARD, read as the URLs they are the end of."""

import getpass

from .. import __version__
from ..model import AddressBook, Author, Resource, Unmapped, encode
from ..protocol import urls
from ..store import Store
from .console import Exit, Failure


def resolve(store: Store, reference: str) -> Resource | Unmapped:
    """What *reference* names, or could name; BadRequest, NotFound."""
    return urls.resolve("/" + "/".join(map(encode, reference.split("/"))), store)


def depth(reference: str) -> int:
    """2 for USER/BOOK."""
    return len([part for part in reference.split("/") if part])


def book(store: Store, reference: str) -> AddressBook:
    """The address book; Failure."""
    found = resolve(store, reference)
    if isinstance(found, AddressBook):
        return found
    user = reference.partition("/")[0]
    known = ", ".join(f"{book.owner}/{book.name}" for book in store.books(user))
    raise Failure(
        f"there is no address book {reference}",
        f"there is {known}" if known else "pycarddav book list",
        Exit.NOT_FOUND,
    )


def author(command: str) -> Author:
    """Who is to blame for what this command changes."""
    return Author(login_name(), f"pycarddav/{__version__} {command}")


def login_name() -> str:
    """Who is at the keyboard; ``user`` where nobody knows (a container's user has no name)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "user"
