"""What a command is about: USER/BOOK and USER/BOOK/CARD, read as the URLs they are the end of."""

import getpass

from .. import __version__
from ..auth import accounts
from ..auth.names import check_name
from ..config import Loaded
from ..dav.errors import Conflict
from ..model import (
    AddressBook,
    Author,
    Resource,
    Unmappable,
    Unmapped,
    UnmappedBook,
    encode,
)
from ..protocol import urls
from ..serve import site
from ..store import Store
from ..store.filesystem import FilesystemStore, deleted
from ..store.filesystem.deleted import Deleted
from .console import Exit, Failure


def resolve(store: Store, reference: str) -> Resource | Unmapped:
    """What *reference* names, or could name; BadRequest, NotFound."""
    return urls.resolve("/" + "/".join(map(encode, reference.split("/"))), store)


def depth(reference: str) -> int:
    """2 for USER/BOOK."""
    return len([part for part in reference.split("/") if part])


def book(store: FilesystemStore, reference: str) -> AddressBook:
    """The address book; Failure."""
    found = resolve(store, reference)
    if isinstance(found, AddressBook):
        return found
    raise Failure(
        f"there is no address book {reference}", _instead(store, reference), Exit.NOT_FOUND
    )


def books(store: FilesystemStore, reference: str) -> list[AddressBook]:
    """USER or USER/BOOK: that book, or all of the user's; Failure."""
    if depth(reference) == 2:
        return [book(store, reference)]
    user = reference.strip("/")
    if depth(reference) != 1 or not store.home(user):
        raise Failure(f"{reference} has no address books", code=Exit.NOT_FOUND)
    return store.books(user)


def new_book(found: Loaded, store: Store, reference: str) -> UnmappedBook:
    """Where a book can be made; Failure, Conflict, or why nothing can be there."""
    target = resolve(store, reference)
    if isinstance(target, AddressBook):
        raise Conflict(f"there is an address book {reference} already")
    if isinstance(target, Unmappable) and depth(reference) == 2:
        raise target.why
    if not isinstance(target, UnmappedBook):
        raise Failure(f"{reference} is not of the form USER/BOOK", code=Exit.USAGE)
    check_owner(found, store, target.owner)
    return target


def check_owner(found: Loaded, store: Store, name: str) -> None:
    """UserNotFound, UserNameRefused, unless *name* is somebody who has books, or could log in."""
    check_name(name)
    if name not in store.owners() and not site.known(site.doors(found.config), name):
        raise accounts.UserNotFound(name)


def parts(store: FilesystemStore, reference: str) -> tuple[AddressBook, str | None]:
    """USER/BOOK or USER/BOOK/CARD: the address book, and the name of a card, if one is named."""
    match reference.strip("/").split("/"):
        case [_, _]:
            return book(store, reference), None
        case [user, name, card]:
            return book(store, f"{user}/{name}"), card
    raise Failure(f"{reference} is not of the form USER/BOOK[/CARD]", code=Exit.USAGE)


def _instead(store: FilesystemStore, reference: str) -> str:
    """What somebody who asked for a book that is not there may have meant."""
    if gone := lost(store, reference):
        by = f" by {gone.author.user}" if gone.author.user else ""
        return f"it was deleted{by}: pycarddav restore {reference}"
    known = [f"{book.owner}/{book.name}" for book in store.books(reference.partition("/")[0])]
    return f"there is {', '.join(known)}" if known else "pycarddav book list"


def lost(store: FilesystemStore, reference: str) -> Deleted | None:
    """The book of this name that was deleted last, while there is no other."""
    wanted = reference.strip("/")
    found = [book for book in deleted.books(store.root) if f"{book.owner}/{book.name}" == wanted]
    return found[-1] if found and not isinstance(resolve(store, reference), AddressBook) else None


def author(command: str) -> Author:
    """Who is to blame for what this command changes."""
    return Author(login_name(), f"pycarddav/{__version__} {command}")


def login_name() -> str:
    """Who is at the keyboard; ``user`` where nobody knows (a container's user has no name)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "user"
