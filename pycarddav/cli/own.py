"""The server of this machine, as the doctor finds it: its storage, its users, and a way in."""

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from ..auth import accounts, tokens
from ..auth.htpasswd import HtpasswdUnreadable
from ..client import Access
from ..config.schema import Config, Server
from ..dav.errors import InsufficientStorage, Unavailable
from ..doctor import Ailment, Finding, Visit
from ..doctor.findings import ok
from ..serve.self_signed import AUTHORITY
from ..serve.sockets import is_unix
from ..store.filesystem import health
from . import console, serve, storage
from .console import Failure
from .storage import Ground

SCARCE = 2**30  # octets of a disk
NEARLY = 0.05  # of the disk
VALID = 600.0  # seconds that the doctor has a password for


def folder(config: Config) -> Iterator[Finding]:
    """Whether the storage is there, can be written, and is closed to others."""
    place = config.storage.folder
    try:
        if storage.ground(place) is not Ground.STORAGE:
            raise Ailment.no_storage.stop(folder=place)
        storage.check_access(place)
    except OSError as error:
        raise Ailment.storage_refused.stop(why=f"{place}: {error.strerror}") from None
    except Failure as failure:
        raise Ailment.storage_refused.stop(why=failure) from None
    yield ok(f"{place} can be written")
    try:
        storage.check_private(place)
    except Failure:
        yield Ailment.storage_open.found(folder=place)


def disk(config: Config) -> Iterator[Finding]:
    place = config.storage.folder
    usage = os.statvfs(place)
    left = health.free(usage)
    facts = {"folder": place, "free": f"{left >> 20} MB"}
    try:
        health.check_room(str(place))
        health.check_writable(str(place))
    except InsufficientStorage as error:
        raise Ailment.disk_full.stop(**facts, why=error) from None
    except Unavailable as error:
        raise Ailment.storage_refused.stop(why=error) from None
    if left < SCARCE and left < usage.f_blocks * usage.f_frsize * NEARLY:
        yield Ailment.disk_nearly_full.found(**facts)
    else:
        yield ok(f"{facts['free']} of disk are free")


def users(config: Config) -> Iterator[Finding]:
    if "htpasswd" not in config.auth.type:
        yield ok(f"users are known to {', '.join(config.auth.type)}")
        return
    htpasswd = config.auth.htpasswd
    try:
        found = accounts.users(htpasswd)
    except (OSError, HtpasswdUnreadable) as error:
        raise Ailment.no_users.stop(why=error) from None
    if not found:
        raise Ailment.no_users.stop(why=f"{htpasswd} names nobody")
    yield ok(f"{console.counted(len(found), 'user')} may log in")


def door(config: Config) -> Iterator[Finding]:
    """Whether the server listens where this command can visit it."""
    server = config.server
    if not _host(server):
        raise Ailment.not_by_http.stop(where=", ".join(server.host))
    if server.port == 0:
        raise Ailment.not_by_http.stop(where="any free port")
    yield ok(f"the server is to be at {url(config)}")


CHECKS: tuple[Callable[[Config], Iterator[Finding]], ...] = (folder, disk, users, door)


def url(config: Config) -> str:
    server = config.server
    scheme = "https" if server.certificate else "http"
    return serve.url(scheme, _host(server), server.port, server.base_path)


def _host(server: Server) -> str:
    """An address of the server by which this machine reaches it, if there is one."""
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    return next((anywhere.get(host, host) for host in server.host if not is_unix(host)), "")


@contextmanager
def visit(config: Config, user: str) -> Iterator[Visit]:
    """A visit as *user*, or the first one in the file, with an app password of its own.

    UserNotFound.
    """
    known = accounts.users(config.auth.htpasswd) if "htpasswd" in config.auth.type else ()
    if user and config.auth.type == ("htpasswd",) and user not in known:
        raise accounts.UserNotFound(user)
    chosen = user or next(iter(known), "")
    access = Access(chosen, ca=_authority(config), insecure=bool(config.server.certificate))
    with _password(config, access.user) if access.user else nullcontext("") as password:
        yield Visit(url(config), replace(access, password=password), own=True)


def _authority(config: Config) -> Path | None:
    """What ``pycarddav tls self-signed`` has left beside the certificate."""
    certificate = config.server.certificate
    made = certificate.with_name(AUTHORITY) if certificate else None
    return made if made and made.exists() else None


@contextmanager
def _password(config: Config, user: str) -> Iterator[str]:
    file, label = tokens.beside(config.auth.htpasswd), f"doctor {secrets.token_hex(4)}"
    password = tokens.add_token(file, user, label, expires=time.time() + VALID)
    try:
        yield password
    finally:
        tokens.revoke(file, user, label)
