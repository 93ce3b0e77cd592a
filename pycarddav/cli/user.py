"""``pycarddav user``: who may log in."""

from argparse import ArgumentParser, Namespace
from typing import Any

from ..auth import accounts, htdigest
from ..auth.names import check_name
from ..config import Loaded
from ..serve import site
from ..store import Store
from . import console, first_run, passwords, storage
from .console import Exit
from .failures import failures
from .options import add_options, loaded, utf8


def add_arguments(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="add a user, with an address book")
    passwd = actions.add_parser("passwd", help="change a user's password")
    remove = actions.add_parser("remove", help="remove a user; the address books stay")
    listing = actions.add_parser("list", help="list users and their address books")
    for action in (add, passwd, remove):
        action.add_argument("user", metavar="USER", type=utf8)
    for action in (add, passwd):
        passwords.add_argument(action)
    add.add_argument("--init", action="store_true", help=storage.INIT)
    listing.add_argument("--json", action="store_true", help="as one JSON object")
    for action in (add, passwd, remove, listing):
        add_options(action, "storage", "auth")


def run(args: Namespace) -> int:
    found = loaded(args)
    with failures():
        ACTIONS[args.action](args, found)
    return Exit.OK


def add(args: Namespace, found: Loaded) -> None:
    folder, htpasswd = found.config.storage.folder, found.config.auth.htpasswd
    check_name(args.user)
    if not {"htpasswd", "digest"} & set(found.config.auth.type):
        console.warn(f"[auth] type has no htpasswd: nobody logs in by {htpasswd}")
    new = storage.is_new(found, init=args.init)
    storage.check_access(folder)
    password = passwords.chosen(args, f"Password for {args.user}: ")
    if new:
        storage.begin(folder)
    accounts.add_user(htpasswd, args.user, password)
    first_run.set_digest(found.config, args.user, password)
    books = first_run.welcome(found.config, args.user)
    console.note(f"added {args.user}, who has: {', '.join(books)}")
    console.undo(args, "user", "remove", args.user)


def passwd(args: Namespace, found: Loaded) -> None:
    htpasswd = found.config.auth.htpasswd
    if args.user not in accounts.users(htpasswd):
        raise accounts.UserNotFound(args.user)
    password = passwords.chosen(args, f"Password for {args.user}: ")
    first = first_run.waiting(htpasswd, args.user)
    accounts.set_password(htpasswd, args.user, password)
    first_run.set_digest(found.config, args.user, password)
    if first:
        first.unlink(missing_ok=True)
    console.note(f"changed the password of {args.user}")


def remove(args: Namespace, found: Loaded) -> None:
    htpasswd = found.config.auth.htpasswd
    first = first_run.waiting(htpasswd, args.user)
    accounts.remove_user(htpasswd, args.user)
    digest = found.config.digest
    if digest.file.exists():
        htdigest.remove_user(digest.file, digest.realm, args.user)
    if first:
        first.unlink(missing_ok=True)
    home = found.config.storage.folder / args.user
    console.note(f"removed {args.user}, who can no longer log in; the address books stay in {home}")
    console.undo(args, "user", "add", args.user)


def listing(args: Namespace, found: Loaded) -> None:
    with storage.opened(found) as store:
        users = _users(found, store)
    if args.json:
        console.show_json({"users": users})
        return
    console.table(
        ["user", "may", "books"],
        [[user["name"], _may(user), " ".join(user["books"])] for user in users],
    )


ACTIONS = {"add": add, "passwd": passwd, "remove": remove, "list": listing}


def _users(found: Loaded, store: Store) -> list[dict[str, Any]]:
    """Everyone who may log in, and everyone else who has a home."""
    doors = site.doors(found.config)
    htpasswd = found.config.auth.htpasswd
    names = accounts.users(htpasswd) if htpasswd.exists() else []
    return [
        {
            "name": name,
            "login": site.known(doors, name),
            "admin": name in found.config.rights.admins,
            "books": [book.name for book in store.books(name)],
        }
        for name in dict.fromkeys([*names, *store.owners()])
    ]


def _may(user: dict[str, Any]) -> str:
    if not user["login"]:
        return "not log in"
    return "everything" if user["admin"] else "log in"
