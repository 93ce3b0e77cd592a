"""``pycarddav doctor``: what would keep a phone from syncing, and what mends it."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..client import Access, Garbled
from ..client.http import origin
from ..doctor import Finding, Visit, examine, findings
from . import console, own, passwords
from .console import Exit, Failure
from .failures import failures
from .options import add_options, loaded, read_by, utf8

if TYPE_CHECKING:
    from dns.resolver import Resolver

COLORS = {"warn": console.YELLOW, "FAIL": console.RED}
PAGE = "docs/troubleshooting.md"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "url",
        metavar="URL",
        nargs="?",
        type=utf8,
        help="what is typed into a phone: an address or a domain; default: this machine's server",
    )
    parser.add_argument("--user", metavar="USER", default="", type=utf8, help="who logs in")
    passwords.add_argument(parser)
    parser.add_argument("--ca", metavar="FILE", type=Path, help="a CA to trust besides the usual")
    parser.add_argument(
        "--insecure",
        action="store_true",
        help="go on, password and all, without a good certificate",
    )
    parser.add_argument(
        "--nameserver", metavar="ADDRESS", type=read_by(_address), help="ask this one for records"
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    add_options(parser, "server", "storage", "auth")


def run(args: Namespace) -> int:
    with failures():
        return report(_elsewhere(args) if args.url else _here(args), args.json)


def report(findings: Iterable[Finding], as_json: bool = False) -> Exit:
    """Say what is found, as it is found."""
    found = []
    for finding in findings:
        found.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        console.show_json({"findings": [finding.facts() for finding in found]})
    else:
        console.note(_summary(found))
    return Exit.PROBLEM if any(item.level == "FAIL" for item in found) else Exit.OK


def _elsewhere(args: Namespace) -> Iterator[Finding]:
    """A visit to the address that people are told."""
    url = args.url if "://" in args.url else f"https://{args.url}/"
    try:
        origin(url)
    except Garbled as error:
        raise Failure(str(error), code=Exit.USAGE) from None
    parts = urlsplit(url)
    if parts.username is not None:
        raise Failure("user and password do not belong into the URL", "--user USER", Exit.USAGE)
    password = passwords.asked(args, f"Password of {args.user}: ") if args.user else ""
    access = Access(args.user, password, args.ca, args.insecure)
    by_domain = parts.netloc == args.url and parts.port is None
    return examine(Visit(url, access, _resolver(args.nameserver), by_domain=by_domain))


def _here(args: Namespace) -> Iterator[Finding]:
    """The storage of this machine's server, then a visit to it."""
    config = loaded(args).config
    stopped = False
    for finding in findings(config, own.CHECKS):
        stopped = finding.ends
        yield finding
    if stopped:
        return
    with own.visit(config, args.user) as visit:
        yield from examine(visit)


def _resolver(nameserver: str | None) -> "Resolver | None":
    if nameserver is None:
        return None
    from dns.resolver import Resolver  # 60 ms that only this command is to cost

    resolver = Resolver(configure=False)
    resolver.nameservers = [nameserver]
    return resolver


def _address(word: str) -> str:
    try:
        return str(ip_address(word))
    except ValueError:
        raise ValueError("is no address, such as 9.9.9.9") from None


def _show(finding: Finding) -> None:
    cells = [finding.level, finding.check, finding.what, finding.mend, finding.name]
    level, check, what, mend, name = map(console.printable, cells)
    if not sys.stdout.isatty():
        print("\t".join(map(console.printable, cells)), flush=True)
        return
    shown = console.painted(level, COLORS[level]) if level in COLORS else level
    print(f"{shown}{' ' * (5 - len(level))} {check:10} {what}", flush=True)
    if mend:
        print(f"{'':16} {mend} [{name}]", flush=True)


def _summary(found: list[Finding]) -> str:
    problems = [item for item in found if item.level == "FAIL"]
    warnings = [item for item in found if item.level == "warn"]
    if not problems and not warnings:
        return "all is well"
    counts = [console.counted(len(problems), "problem"), console.counted(len(warnings), "warning")]
    return f"{', '.join(counts)}: {PAGE} says more"
