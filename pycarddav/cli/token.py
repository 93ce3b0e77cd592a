"""``pycarddav token``: app passwords, one for each device or program of a user."""

import logging
import os
from argparse import ArgumentParser, Namespace
from datetime import datetime
from pathlib import Path
from typing import Any

from ..auth import accounts, tokens
from ..auth.tokens import Token
from ..config import Loaded
from ..serve import site
from . import console, moments, references, storage
from .console import Exit, Failure
from .failures import failures
from .options import add_options, loaded, utf8


def add_arguments(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="make an app password, and show it this once")
    listing = actions.add_parser("list", help="list app passwords and their last use")
    revoke = actions.add_parser("revoke", help="take an app password back")
    for action in (add, revoke):
        action.add_argument("user", metavar="USER", type=utf8)
        action.add_argument("name", metavar="NAME", type=utf8, help="of the device or program")
    add.add_argument("--read-only", action="store_true", help="it may change nothing")
    add.add_argument(
        "--book",
        metavar="BOOK",
        dest="books",
        action="append",
        type=utf8,
        help="it reaches this address book of USER alone; may be given again",
    )
    add.add_argument(
        "--expires",
        metavar="DATE|DAYS",
        type=moments.end,
        help="when it ends: 2027-01-31, or a number of days from now",
    )
    listing.add_argument("user", metavar="USER", nargs="?", type=utf8)
    listing.add_argument("--json", action="store_true", help="as one JSON object")
    for action in (add, listing, revoke):
        add_options(action, "storage", "auth")


def run(args: Namespace) -> int:
    found = loaded(args)
    with failures(), console.logged(logging.WARNING):
        ACTIONS[args.action](args, found)
    return Exit.OK


def add(args: Namespace, found: Loaded) -> None:
    htpasswd = found.config.auth.htpasswd
    _check_user(found, args.user)
    books = _books(args, found)
    password = tokens.add_token(
        tokens.beside(htpasswd),
        args.user,
        args.name,
        expires=args.expires.timestamp() if args.expires else None,
        read_only=args.read_only,
        books=books,
    )
    _leave_readable(htpasswd)
    print(password)
    console.note(f"this app password for {args.user} is shown this once")
    console.undo(args, "token", "revoke", args.user, args.name)


def revoke(args: Namespace, found: Loaded) -> None:
    path = tokens.beside(found.config.auth.htpasswd)
    mine = {token.name: token for token in tokens.tokens(path) if token.user == args.user}
    if args.name not in mine:
        raise Failure(
            f"{args.user} has no app password {args.name}",
            f"there is {', '.join(mine)}" if mine else "pycarddav token list",
            Exit.NOT_FOUND,
        )
    tokens.revoke(path, args.user, args.name)
    console.note(f"revoked {args.name} of {args.user}; what undoes it makes a new app password")
    console.undo(args, "token", "add", args.user, args.name, *_limits(mine[args.name]))


def listing(args: Namespace, found: Loaded) -> None:
    htpasswd = found.config.auth.htpasswd
    chosen = [
        token for token in tokens.tokens(tokens.beside(htpasswd)) if args.user in (None, token.user)
    ]
    if args.user and not chosen:
        _check_user(found, args.user)
    uses = site.uses(found.config)
    if args.json:
        console.show_json({"tokens": [_facts(token, uses) for token in chosen]})
        return
    console.table(
        ["user", "name", "may", "books", "expires", "last use", "program"],
        [_row(token, uses) for token in chosen],
    )


ACTIONS = {"add": add, "list": listing, "revoke": revoke}


def _check_user(found: Loaded, user: str) -> None:
    if not site.known(site.doors(found.config), user):
        raise accounts.UserNotFound(user)


def _books(args: Namespace, found: Loaded) -> tuple[str, ...] | None:
    """The names of the books that were asked for, which there are; None for all."""
    with storage.opened(found) as store:
        named = [references.book(store, f"{args.user}/{book}").name for book in args.books or ()]
    return tuple(dict.fromkeys(named)) or None


def _leave_readable(htpasswd: Path) -> None:
    """Root may not leave tokens that the server, who reads the users, cannot read."""
    if os.geteuid() == 0:
        path = tokens.beside(htpasswd)
        like = (htpasswd if htpasswd.exists() else path.parent).stat()
        os.chown(path, like.st_uid, like.st_gid)
        path.chmod(like.st_mode & 0o640)


def _limits(token: Token) -> list[str]:
    """The options that make another token of the same limits."""
    words = ["--read-only"] if token.read_only else []
    words += [word for book in token.books or () for word in ("--book", book)]
    if token.expires is not None:
        words += ["--expires", moments.written(_time(token.expires))]
    return words


def _facts(token: Token, uses: Path) -> dict[str, Any]:
    use = tokens.last_use(uses, token)
    return {
        "user": token.user,
        "name": token.name,
        "read_only": token.read_only,
        "books": None if token.books is None else list(token.books),
        "created": moments.written(_time(token.created)),
        "expires": None if token.expires is None else moments.written(_time(token.expires)),
        "last_use": use and {"at": moments.written(_time(use.at)), "user_agent": use.agent},
    }


def _row(token: Token, uses: Path) -> list[str]:
    use = tokens.last_use(uses, token)
    return [
        token.user,
        token.name,
        "read" if token.read_only else "read, write",
        "all" if token.books is None else " ".join(token.books),
        "never" if token.expires is None else moments.shown(_time(token.expires)),
        moments.shown(_time(use.at)) if use else "never",
        use.agent if use else "",
    ]


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds).astimezone()
