"""``pycarddav serve``."""

import ipaddress
import os
import signal
import socket
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from itertools import chain

from ..auth import accounts
from ..config import Loaded
from ..config.schema import Config
from ..serve import log, memory, site
from ..serve.sockets import UNIX, CannotListen, is_unix, own_names
from ..serve.waitress import address
from ..serve.workers import Workers
from . import console, first_run, storage
from .console import Exit, Failure
from .failures import failures
from .first_run import Account
from .options import add_options, loaded


def add_arguments(parser: ArgumentParser) -> None:
    add_options(parser, "server", "storage", "auth")
    parser.add_argument("--init", action="store_true", help=storage.INIT)
    parser.add_argument(
        "--check", action="store_true", help="try everything out with throw-away data, and end"
    )


def run(args: Namespace) -> int:
    found = loaded(args)
    if args.check:
        # A doctor takes 20 ms that a server does not spend.
        code: int = import_module(f"{__package__}.check").run(found.config)
        return code
    memory.give_back()
    with failures(), stoppable():
        serve(args, found)
    return Exit.OK


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM is an orderly end from the beginning on, not only once the server runs."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(Exit.OK))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def serve(args: Namespace, found: Loaded) -> None:
    """Serve until somebody says stop; Failure, and then nothing was created."""
    config = found.config
    new = storage.is_new(found, init=args.init)
    first = new and first_run.wanted(config)
    check_storage(config, new)
    if not first:
        check_users(config)
    for name in config.auth.type:
        if not (first and name == "htpasswd"):  # whose file is still to be made
            site.door(name, config)
    certificate = site.certificate(config)
    if certificate and (trouble := certificate.trouble()):
        console.warn(trouble)
    scheme = "https" if certificate else "http"
    with listening(config) as bound:
        if os.geteuid() == 0:
            console.warn("running as root; a user of its own is safer")
        log.set_up("debug" if console.manner.verbose else config.log.level, config.log.format)
        if new:
            storage.begin(config.storage.folder)
        account = first_run.begin(config) if first else None
        where = url(scheme, *address(bound[0][0]), config.server.base_path)
        work(config, bound, lambda: say(banner(args, found, where, account)))


def work(config: Config, bound: site.Bound, ready: Callable[[], None]) -> None:
    """Serve, in this process or in several; say that it is *ready* when nothing is in the way."""
    if config.server.workers == 1:
        with site.serving(config, bound) as server:
            ready()
            server.run()
    else:
        if config.server.metrics != "off" or config.server.metrics_token:
            console.warn("each worker counts for itself: the metrics are those of any one of them")
        site.try_out(config)
        ready()
        serve = partial(site.work, config, bound)
        Workers(serve, config.server.workers, list(chain(*bound))).run()


def say(lines: list[str]) -> None:
    print("\n".join(lines), flush=True)


def banner(args: Namespace, found: Loaded, address: str, account: Account | None) -> list[str]:
    """The address; the first time, what else there is to know."""
    if not account:
        return [address]
    passwd = console.command(args, "user", "passwd", account.user)
    return first_run.banner(found, address, account, passwd)


def check_storage(config: Config, new: bool) -> None:
    """Failure where the storage cannot be written, or others can read it."""
    storage.check_access(config.storage.folder)
    if not new:
        storage.check_private(config.storage.folder)


def check_users(config: Config) -> None:
    """Failure unless there is somebody to be served; on this machine alone, a warning."""
    htpasswd = config.auth.htpasswd
    if "htpasswd" not in config.auth.type:
        return  # others know who they are
    if not htpasswd.exists():
        raise Failure(f"there are no users: {htpasswd} does not exist", "pycarddav user add NAME")
    if accounts.users(htpasswd) or len(config.auth.type) > 1:
        return
    if not all(map(is_loopback, config.server.host)):
        raise Failure(
            f"there are no users in {htpasswd}: nobody beyond this machine is to be served",
            "pycarddav user add NAME",
            Exit.USAGE,
        )
    console.warn(f"there are no users in {htpasswd}: nobody can log in")


@contextmanager
def listening(config: Config) -> Iterator[site.Bound]:
    """The sockets, before anything was created: Failure if they are not to be had."""
    try:
        with site.listening(config) as bound:
            yield bound
    except CannotListen as error:
        raise Failure(str(error), "--port takes another one", Exit.CONFLICT) from error


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach *host*."""
    if is_unix(host):
        return True
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return all(ipaddress.ip_address(address[0]).is_loopback for *_, address in found)


def url(scheme: str, host: str, port: int, base: str) -> str:
    if host.startswith("/"):
        return f"{UNIX}{host}"
    if host in ("0.0.0.0", "::"):  # noqa: S104 - every address, none of which can be gone to
        host = own_names()[0]
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{base}/"
