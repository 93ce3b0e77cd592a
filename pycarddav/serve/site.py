"""The composition root: from a configuration to a server.  The only place that picks the parts."""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from itertools import chain
from pathlib import Path

from ..auth import Authenticator, Door, DoorName, DoorUnusable
from ..auth.digest import Digest
from ..auth.gate import Gate
from ..auth.htpasswd import Htpasswd
from ..auth.ldap import Ldap
from ..auth.oauth import OAuth
from ..auth.remote_user import RemoteUser
from ..auth.secure import over_tls
from ..auth.tokens import Tokens, beside
from ..config.schema import Config
from ..protocol.app import App
from ..protocol.context import Limits
from ..protocol.messages import Request, Response
from ..store import Store
from ..store.filesystem import FilesystemStore, Retention
from ..store.filesystem.root import STATE
from .health import Health, with_health
from .log import Answer, log_answer
from .metrics import Metrics, with_metrics
from .place import Place
from .proxy import Proxies, Vouching
from .recall import Recall
from .sockets import inherited, is_unix, listen_all, port_of
from .spool import Spools
from .tidying import kept_up, tidied
from .tls import Certificate, CertificateUnusable
from .waitress import Server
from .wsgi import Application, redirect

Serve = Callable[[Request], Response]
Tell = Callable[[Answer], None]
Bound = Sequence[Sequence[socket.socket]]  # to serve on; and perhaps, to send to https from


@contextmanager
def store(config: Config) -> Iterator[FilesystemStore]:
    """The storage, which is made when it is not there; Unavailable."""
    chosen = config.storage
    keep = Retention(chosen.history_days, chosen.history_versions, chosen.history_size)
    opened = FilesystemStore(chosen.folder, chosen.watch, keep)
    try:
        yield opened
    finally:
        opened.close()


def limits(config: Config) -> Limits:
    largest = config.server.max_body_size
    return Limits(
        max_body_size=largest,
        max_resource_size=min(largest, Limits.max_resource_size),
        quota=config.storage.quota,
    )


def app(config: Config, store: Store) -> App:
    """Everything but the socket; HtpasswdUnreadable, DoorUnusable."""
    behind = doors(config)
    tokens = Tokens(beside(config.auth.htpasswd), uses(config), partial(known, behind))
    authenticate: Authenticator = Gate([*behind, tokens], config.rights.admins)
    if config.auth.plain_http == "local":
        authenticate = over_tls(authenticate)
    return App(store, authenticate, limits(config), config.server.base_path)


def doors(config: Config) -> list[Door]:
    """Those of [auth] type; HtpasswdUnreadable, DoorUnusable."""
    return [door(name, config) for name in config.auth.type]


def door(name: DoorName, config: Config) -> Door:
    """The door that a word of [auth] type names; HtpasswdUnreadable, DoorUnusable."""
    match name:
        case "htpasswd":
            return Htpasswd(config.auth.htpasswd, config.auth.accept)
        case "digest":
            chosen = config.digest
            return Digest(chosen.file, chosen.realm, config.server.base_path)
        case "ldap":
            return Ldap(config.ldap)
        case "oauth":
            return OAuth(config.oauth)
        case "remote_user":
            if not config.remote_user.proxies:
                raise DoorUnusable("[auth] type = remote_user needs [remote_user] proxies")
            return RemoteUser()


def known(doors: Sequence[Door], user: str) -> bool:
    """Whether *user* is behind one of the doors, as far as they can tell."""
    return any(door.knows(user) for door in doors)


def vouching(config: Config) -> Vouching:
    """Who may say whom they have let in: nobody, unless that is a way to log in."""
    chosen = config.remote_user
    asked = "remote_user" in config.auth.type
    return Vouching(Proxies.of(*chosen.proxies if asked else ()), chosen.header)


def uses(config: Config) -> Path:
    """The folder that remembers when tokens were used."""
    return config.storage.folder / STATE / ".tokens"  # beside the users, who have no dot


def certificate(config: Config) -> Certificate | None:
    """What to encrypt with, if this server is to do it itself; CertificateUnusable."""
    chain, key = config.server.certificate, config.server.key
    if key and not chain:
        raise CertificateUnusable("[server] key is of no use without [server] certificate")
    return Certificate(chain, key) if chain else None


def watched(config: Config, store: FilesystemStore, served: App) -> tuple[Serve, Tell]:
    """What serves, and what is to be told of each answer, for those who watch over the server."""
    health = Health(store)
    serve = with_health(served.serve, health)
    local, token = config.server.metrics == "local", config.server.metrics_token
    if not local and not token:
        return serve, log_answer
    metrics = Metrics(store, health, served.caches)

    def tell(answer: Answer) -> None:
        log_answer(answer)
        metrics.tell(answer)

    return with_metrics(serve, metrics.page, local, token), tell


@contextmanager
def listening(config: Config) -> Iterator[Bound]:
    """The sockets to serve on, and those that send plain http to them, as long as the block runs.

    What systemd has opened takes the place of what is configured.  CannotListen.
    """
    chosen = config.server
    redirects = chosen.redirect_port if chosen.certificate else 0
    given = inherited()
    plain = [sock for sock in given if redirects and port_of([sock]) == redirects]
    with ExitStack() as closing:
        served = [sock for sock in given if sock not in plain]
        bound = [served or listen_all(chosen.host, chosen.port)]
        closing.callback(close, bound)
        if redirects:
            reached = [host for host in chosen.host if not is_unix(host)]
            bound.append(plain or listen_all(reached, redirects))
        yield bound


def close(bound: Bound) -> None:
    for sock in chain(*bound):
        sock.close()


def server(
    config: Config, store: FilesystemStore, certificate: Certificate | None, bound: Bound
) -> Server:
    """Ready to run on the *bound* sockets; HtpasswdUnreadable, DoorUnusable."""
    proxies = Proxies.of(*config.server.trusted_proxies)
    served = app(config, store)
    serve, told = watched(config, store, served)
    largest = served.limits.max_body_size
    spools = Spools(config.storage.folder / STATE)  # /tmp is in memory on many machines
    hsts, vouched = config.server.hsts, vouching(config)
    application = Application(serve, served.base, largest, proxies, hsts, spools, vouched, told)
    first, *plain = bound
    server = Server(application, first, served.limits, certificate, Recall(told))
    for others in plain:
        redirecting = Application(redirect(port_of(first)), proxies=proxies)
        server.add(redirecting, others)
    return server


@contextmanager
def serving(config: Config, bound: Bound, tidies: bool = True) -> Iterator[Server]:
    """A server of what is configured, on the *bound* sockets.

    Unavailable, HtpasswdUnreadable, DoorUnusable, CertificateUnusable.
    """
    with store(config) as kept, kept_up(kept), tidied(kept) if tidies else nullcontext():
        yield server(config, kept, certificate(config), bound)


def try_out(config: Config) -> None:
    """Fail as serving() would, while there is somebody to be told."""
    with store(config) as kept:
        app(config, kept)


def work(config: Config, bound: Bound, place: Place) -> None:
    """Be a worker; one of them tidies for all."""
    with serving(config, bound, tidies=place.number == 0) as one:
        one.run(place)
