"""``pycarddav proxy``: the configuration of a proxy that publishes this server.

The forms are the files in proxies/: one for a host name of its own, one, ending in ``-path``, for
a path of a site that is there already.  What contrib/ has is these, filled in with defaults.
"""

import re
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ..config import values
from ..config.schema import Config, Server
from ..serve.sockets import UNIX, is_unix
from . import console
from .console import Exit, Failure
from .domain import domain
from .options import add_options, loaded

FORMS = Path(__file__).with_name("proxies")
# How each of them writes where the server is: an address and port, a unix socket.
PROXIES = {
    "nginx": ("{}", "unix:{}"),
    "caddy": ("{}", "unix/{}"),
    "apache": ("http://{}", "unix:{}|http://localhost"),
    "haproxy": ("{}", "unix@{}"),
    "traefik": ("http://{}", ""),
}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("proxy", choices=list(PROXIES), metavar="|".join(PROXIES))
    parser.add_argument(
        "--domain", metavar="D", type=domain, help="the host name, where it is for pycarddav alone"
    )
    parser.add_argument(
        "--path",
        metavar="P",
        help="a path such as /contacts, where the name has a site already",
    )
    add_options(parser, "server")


def run(args: Namespace) -> int:
    found = loaded(args)
    config = found.config
    path = plain(config.server.base_path if args.path is None else args.path)
    if not path and not args.domain:
        raise Failure(
            "which name is the server to have?", "--domain contacts.example.org", Exit.USAGE
        )
    print(snippet(args.proxy, config, args.domain or "", path), end="")
    for key, value in missing(config, path):
        console.note(f"the configuration of pycarddav needs, in [server]: {key} = {value}")
    return Exit.OK


def snippet(proxy: str, config: Config, domain: str, path: str = "") -> str:
    """A form, filled in: at *domain*, or below *path* of whatever site it will be part of."""
    server = config.server
    facts = {
        "domain": domain,
        "path": path,
        "upstream": upstream(server, *PROXIES[proxy]),
        "trusted": trusted(server),
        "size": size(server.max_body_size),
        "octets": str(server.max_body_size),
    }
    form = (FORMS / (f"{proxy}-path" if path else proxy)).read_text()
    return re.sub(r"\{\{(\w+)\}\}", lambda place: facts[place[1]], form)


def upstream(server: Server, address: str, socket: str) -> str:
    """Where a proxy on this machine finds the server, in these forms; Failure."""
    first = server.host[0]
    if is_unix(first):
        if not socket:
            raise Failure("this proxy cannot use a unix socket", "--host 127.0.0.1", Exit.USAGE)
        return socket.format(first.removeprefix(UNIX))
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(first, first)  # noqa: S104
    return address.format(f"[{host}]:{server.port}" if ":" in host else f"{host}:{server.port}")


def trusted(server: Server) -> str:
    """What ``trusted_proxies`` is to name for a proxy on this machine."""
    if is_unix(server.host[0]):
        return "unix"
    return "::1" if ":" in server.host[0] else "127.0.0.1"


def size(octets: int) -> str:
    """``33554432`` as ``32m``."""
    for power, unit in ((30, "g"), (20, "m"), (10, "k")):
        if octets % (1 << power) == 0:
            return f"{octets >> power}{unit}"
    return str(octets)


def missing(config: Config, path: str) -> list[tuple[str, str]]:
    """The keys that must be set for the proxy to work, and are not."""
    server = config.server
    needs = [] if server.base_path == path else [("base_path", path)]
    return needs if server.trusted_proxies else [*needs, ("trusted_proxies", trusted(server))]


def plain(written: str) -> str:
    """A path prefix in which no proxy sees more than a path; Failure."""
    try:
        path = values.prefix(written)
    except ValueError as error:
        raise Failure(f'"{written}" {error}', code=Exit.USAGE) from None
    if re.search(r"[^\w./~-]", path):
        raise Failure(f'"{written}" has characters that mean something to proxies', code=Exit.USAGE)
    return path
