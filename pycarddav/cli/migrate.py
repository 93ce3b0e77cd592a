"""``pycarddav migrate``: the address books of another server, with the same hrefs and UIDs."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..client import Access, Client, ClientError, ForeignHost, LoginRefused, Unreachable, http
from ..config import Loaded
from ..dav.errors import Error
from ..serve import site
from ..store.filesystem import FilesystemStore
from ..transfer import undoing
from ..transfer.migrate import Migration, Plan
from ..transfer.report import Fate, Report
from ..transfer.servers import Source, SourceUnreadable
from ..transfer.servers.baikal import BaikalSource
from ..transfer.servers.carddav import CardDavSource
from ..transfer.servers.radicale import RadicaleSource
from ..transfer.servers.xandikos import XandikosSource
from . import console, moments, passwords, references, storage
from .console import Exit, Failure
from .failures import failures
from .interruption import interruptible
from .options import add_options, loaded, utf8

STORAGES: dict[str, Callable[[Path, str], Source]] = {
    "radicale": RadicaleSource,
    "xandikos": XandikosSource,
    "baikal": BaikalSource,
}

_HERE = {"localhost", "127.0.0.1", "::1"}
_AGAIN = "what was done stays; the same command goes on where this ended"


def add_arguments(parser: ArgumentParser) -> None:
    kinds = ", ".join(STORAGES)
    parser.add_argument(
        "source", metavar="SOURCE", type=utf8, help=f"URL of the other server, or one of {kinds}"
    )
    parser.add_argument(
        "path", metavar="PATH", nargs="?", help="where that server's storage is, without a URL"
    )
    parser.add_argument("--to", metavar="USER", type=utf8, required=True, help="whose they will be")
    parser.add_argument(
        "--user", metavar="NAME", type=utf8, help="the user there (default: the same as here)"
    )
    parser.add_argument(
        "--book",
        metavar="NAME",
        type=utf8,
        action="append",
        default=[],
        help="only this address book, by the last part of its URL; may be given again",
    )
    passwords.add_argument(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="fetch and judge everything, change nothing"
    )
    parser.add_argument("--ca", metavar="FILE", type=Path, help="trust this authority as well")
    parser.add_argument("--insecure", action="store_true", help="trust any certificate")
    parser.add_argument(
        "--also-host",
        metavar="HOST",
        action="append",
        default=[],
        help="another host that may have the password, because the server refers to it",
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    add_options(parser, "storage", "auth")


def run(args: Namespace) -> int:
    found = loaded(args)
    with failures(), storage.opened(found) as store:
        references.check_owner(found, store, args.to)
        with _explained(), _source(args) as source:
            return _migrate(args, found, store, source)


@contextmanager
def _source(args: Namespace) -> Iterator[Source]:
    user = args.user or args.to
    if args.source in STORAGES and args.path:
        yield STORAGES[args.source](Path(args.path).expanduser().absolute(), user)
    elif args.source in STORAGES or args.path:
        kinds = ", ".join(f"{kind} PATH" for kind in STORAGES)
        raise Failure("where from?", f"a URL, or one of {kinds}", Exit.USAGE)
    else:
        url = args.source if "://" in args.source else f"https://{args.source}"
        with _client(args, url, user) as client:
            yield CardDavSource(client)


def _client(args: Namespace, url: str, user: str) -> Client:
    host = http.origin(url).host
    if urlsplit(url).scheme == "http" and host not in _HERE:
        console.warn(f"the password goes to {host} unencrypted")
    password = passwords.asked(args, f"Password for {user} at {host}: ")
    return Client(url, Access(user, password, args.ca, args.insecure, frozenset(args.also_host)))


@contextmanager
def _explained() -> Iterator[None]:
    """What is wrong with the source, as a Failure."""
    try:
        yield
    except (ClientError, SourceUnreadable) as error:
        raise Failure(str(error), _hint(error)) from error


def _hint(error: Exception) -> str:
    match error:
        case Unreachable(untrusted=True):
            return "--ca FILE trusts an authority of your own, --insecure any certificate"
        case ForeignHost():
            there = urlsplit(error.url)
            also = f", or, if it may have the password: --also-host {there.hostname}"
            return f"begin there{also if there.scheme == 'https' else ''}"
        case LoginRefused():
            return "--user NAME says who you are there; some servers want an app password"
    return ""


def _migrate(args: Namespace, found: Loaded, store: FilesystemStore, source: Source) -> int:
    limits = site.limits(found.config)
    author = references.author("migrate")
    migration = Migration(source, store, args.to, author, limits, args.dry_run)
    plans = list(migration.plans(args.book))
    if not plans:
        raise Failure("there are no address books", code=Exit.NOT_FOUND)
    if isinstance(source, RadicaleSource):
        _warn_of_others(source, store, args.to)
    started, reports = datetime.now().astimezone(), [Report() for _ in plans]
    with interruptible() as stopped:
        try:
            _take_over(migration, plans, reports, stopped)
        except (ClientError, SourceUnreadable, Error) as error:
            raise Failure(str(error), _hint(error) or _AGAIN) from error
        except KeyboardInterrupt:  # the second one, of somebody who does not want to wait
            console.warn("stopped at once: something may be done that is not counted")
        finally:
            _show(args, plans, reports)
            if not args.dry_run:
                _say_undo(args, store, plans, reports, started)
    if stopped():
        console.note("interrupted: the same command goes on")
        return Exit.INTERRUPTED
    return Exit.PARTIAL if any(report.refused for report in reports) else Exit.OK


def _warn_of_others(source: RadicaleSource, store: FilesystemStore, owner: str) -> None:
    """Where its folder is used in place, calendars lie among the address books."""
    for name in source.others():
        if store.book(owner, name):
            console.warn(
                f"{owner}/{name} is no address book: clients see an empty one; move it away"
            )


def _take_over(
    migration: Migration, plans: list[Plan], reports: list[Report], stopped: Callable[[], bool]
) -> None:
    reason = undoing.new_reason("migrate")
    done, total = 0, sum(len(plan.listed) for plan in plans)
    with console.progress("Migrating") as progress:
        for plan, report in zip(plans, reports, strict=True):
            if stopped():
                break
            for outcome in migration.run(plan, reason, stopped):
                report.add(outcome)
                done += 1
                progress(done, total)


def _show(args: Namespace, plans: list[Plan], reports: list[Report]) -> None:
    done = list(zip(plans, reports, strict=True))
    if args.json:
        books = [_facts(plan, report) for plan, report in done]
        console.show_json({"dry_run": args.dry_run, "books": books})
        return
    remarks = [
        (_reference(plan), outcome.card, outcome.fate, outcome.remark)
        for plan, report in done
        for outcome in report.remarkable
    ]
    console.table(["book", "card", "what", "why"], remarks)
    would = "would be: " if args.dry_run else ""
    for plan, report in done:
        console.note(f"{_reference(plan)}: {would}{_summary(plan, report)}  ({plan.book.place})")


def _summary(plan: Plan, report: Report) -> str:
    """With what is left, where it ended early."""
    left = len(plan.listed) - sum(report.counts[fate] for fate in Fate)
    if left == len(plan.listed) > 0:
        return f"{left} left"
    return f"{report.summary()}, {left} left" if left else report.summary()


def _facts(plan: Plan, report: Report) -> dict[str, Any]:
    return {
        "book": _reference(plan),
        "from": plan.book.place,
        "new": plan.new,
        "found": len(plan.listed),
        **{word: report.counts[word] for word in (*Fate, "repaired")},
        "cards": [
            {"card": outcome.card, "what": outcome.fate, "why": outcome.remark}
            for outcome in report.remarkable
        ],
    }


def _say_undo(
    args: Namespace,
    store: FilesystemStore,
    plans: list[Plan],
    reports: list[Report],
    started: datetime,
) -> None:
    for plan, report in zip(plans, reports, strict=True):
        if plan.new and store.book(plan.target.owner, plan.target.name):
            console.undo(args, "book", "delete", _reference(plan))
        elif report.counts[Fate.ADDED] or report.counts[Fate.UPDATED]:
            console.undo(args, "restore", _reference(plan), "--at", moments.written(started))


def _reference(plan: Plan) -> str:
    return f"{plan.target.owner}/{plan.target.name}"
