"""``pycarddav dns``: what the zone of a domain says for clients that know only its name."""

from argparse import ArgumentParser, Namespace
from typing import Any

from ..config.values import port_number
from . import console
from .console import Exit
from .domain import domain
from .options import add_options, loaded, read_by

TTL = 3600  # seconds


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "domain", metavar="DOMAIN", type=domain, help="what stands behind the @ of your users"
    )
    parser.add_argument(
        "--target", metavar="HOST", type=domain, help="the server's name, if it is not DOMAIN"
    )
    parser.add_argument(
        "--public-port",
        metavar="NUMBER",
        type=read_by(port_number),
        help="where HTTPS is spoken: 443, or with a certificate [server] port, if it is not this",
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    add_options(parser)


def run(args: Namespace) -> int:
    server = loaded(args).config.server
    port = args.public_port or (server.port if server.certificate else 443)
    found = records(args.domain, args.target or args.domain, port, server.base_path)
    if args.json:
        console.show_json({"domain": args.domain, "records": found})
    else:
        for record in found:
            print("{name} {ttl} IN {type} {value}".format_map(record))
    return Exit.OK


def records(domain: str, target: str, port: int, base: str) -> list[dict[str, Any]]:
    """Where the service is, at which path, and that there is none without TLS (RFC 6764 §3, §4)."""
    secure, plain = (f"_{service}._tcp.{domain}." for service in ("carddavs", "carddav"))
    return [
        {"name": name, "ttl": TTL, "type": kind, "value": value}
        for name, kind, value in (
            (secure, "SRV", f"0 1 {port} {target}."),
            (secure, "TXT", f'"path={base}/"'),
            (plain, "SRV", "0 0 0 ."),  # RFC 2782: the service is decidedly not available
        )
    ]
