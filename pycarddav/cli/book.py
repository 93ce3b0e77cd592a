"""``pycarddav book``: the address books of a user."""

from argparse import ArgumentParser, Namespace
from typing import Any

from ..config import Loaded
from ..model import AddressBook
from ..store import Store
from ..store.filesystem import FilesystemStore
from . import console, references, storage
from .console import Exit, Failure
from .failures import failures
from .options import add_options, loaded, utf8


def add_arguments(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="create an address book")
    delete = actions.add_parser("delete", help="delete an address book")
    listing = actions.add_parser("list", help="list address books")
    for action in (create, delete):
        action.add_argument("book", metavar="USER/BOOK", type=utf8)
    create.add_argument("--displayname", metavar="NAME", type=utf8, help="what clients show")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    listing.add_argument("user", metavar="USER", type=utf8, nargs="?", help="only this user's")
    listing.add_argument("--json", action="store_true", help="as one JSON object")
    for action in (create, delete, listing):
        add_options(action, "storage", "auth")


def run(args: Namespace) -> int:
    found = loaded(args)
    with failures(), storage.opened(found) as store:
        ACTIONS[args.action](args, found, store)
    return Exit.OK


def create(args: Namespace, found: Loaded, store: Store) -> None:
    target = references.new_book(found, store, args.book)
    store.save_book(AddressBook(target.owner, target.name, displayname=args.displayname))
    console.note(f"created {args.book}")
    console.undo(args, "book", "delete", args.book)


def delete(args: Namespace, found: Loaded, store: FilesystemStore) -> None:
    book = references.book(store, args.book)
    cards = console.counted(_count(store, book), "card")
    if not args.yes and not console.confirmed(f"Delete {args.book} with {cards}?"):
        raise Failure("nothing was deleted", "--yes does not ask", Exit.USAGE)
    store.delete_book(book, references.author("book delete"))
    console.note(f"deleted {args.book} with {cards}")
    console.undo(args, "restore", args.book)


def listing(args: Namespace, found: Loaded, store: Store) -> None:
    owners = [args.user] if args.user else store.owners()
    if args.user and not store.home(args.user):
        raise Failure(f"{args.user} has no address books", code=Exit.NOT_FOUND)
    books = [_facts(store, book) for owner in owners for book in store.books(owner)]
    if args.json:
        console.show_json({"books": books})
    else:
        console.table(["book", "cards", "displayname"], [list(facts.values()) for facts in books])


ACTIONS = {"create": create, "delete": delete, "list": listing}


def _facts(store: Store, book: AddressBook) -> dict[str, Any]:
    return {
        "book": f"{book.owner}/{book.name}",
        "cards": _count(store, book),
        "displayname": book.displayname or "",
    }


def _count(store: Store, book: AddressBook) -> int:
    return sum(1 for _ in store.entries(book))
