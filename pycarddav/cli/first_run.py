"""The first start: a user, a password, an address book, and what to do next."""

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from ..auth import Login, LoginFailed, accounts, htdigest
from ..auth.htpasswd import Htpasswd
from ..auth.names import UserNameRefused, check_name
from ..auth.passwords import random_password
from ..config import Loaded
from ..config.schema import Config
from ..model import Principal
from ..serve import site
from . import storage
from .references import login_name


@dataclass(frozen=True)
class Account:
    """The first user; where there is no terminal, *file* has the password."""

    user: str
    password: str
    file: Path | None
    books: tuple[str, ...]


def wanted(config: Config) -> bool:
    """Whether a new storage is to get a first user: not where the users are kept elsewhere."""
    htpasswd = config.auth.htpasswd
    files = {"htpasswd", "digest"} & set(config.auth.type)
    here = files and htpasswd.parent == config.storage.folder
    return bool(here) and not htpasswd.exists()


def begin(config: Config) -> Account:
    """Make the first user, named after whoever is logged in, with an address book.

    A terminal shows the password once; a log is kept and read by others, so there it is a file's.
    """
    user, password = first_user(login_name()), random_password()
    file = None if sys.stdout.isatty() else initial_password(config.auth.htpasswd)
    if file:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w") as opened:
            opened.write(f"{password}\n")
    accounts.add_user(config.auth.htpasswd, user, password)
    set_digest(config, user, password)
    return Account(user, password, file, welcome(config, user))


def set_digest(config: Config, user: str, password: str) -> None:
    """Keep what HTTP Digest needs as well, where that is a way to log in."""
    if "digest" in config.auth.type:
        htdigest.set_password(config.digest.file, config.digest.realm, user, password)


def welcome(config: Config, user: str) -> tuple[str, ...]:
    """Give a user what there is from the first login on; how their address books are called."""
    with site.store(storage.at_once(config)) as store:
        site.app(config, store).welcome(Principal(user))
        return tuple(book.displayname or book.name for book in store.books(user))


def first_user(login: str) -> str:
    try:
        check_name(login)
    except UserNameRefused:
        return "user"
    return login


def initial_password(htpasswd: Path) -> Path:
    """Where the first password waits for its owner: hidden, so that it can be nobody's home."""
    return htpasswd.with_name(storage.INITIAL_PASSWORD)


def waiting(htpasswd: Path, user: str) -> Path | None:
    """The file with the first password, if it is there and the password is this user's."""
    file = initial_password(htpasswd)
    with suppress(FileNotFoundError, LoginFailed):
        if Htpasswd(htpasswd).verify(Login(user, file.read_text().strip())):
            return file
    return None


def banner(found: Loaded, address: str, account: Account, passwd: str) -> list[str]:
    """What the first start prints: eight lines at most.  *passwd* changes the password."""
    password = f"{account.password}   (shown once; change it: {passwd})"
    if account.file:
        password = f"in {account.file} until it is changed: {passwd}"
    return [
        f"pycarddav {__version__}: address books for your phones",
        f"Data in {found.config.storage.folder} (mode 0700)"
        f", settings from {found.file or 'built-in defaults'}",
        f"  Open      {address}",
        f"  User      {account.user}",
        f"  Password  {password}",
        f"  Books     {', '.join(account.books)}",
        "What next: README.md says how phones connect. Ctrl-C stops the server.",
    ]
