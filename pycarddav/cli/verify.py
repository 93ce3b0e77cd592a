"""``pycarddav verify``: whether every card and everything beside it is as it should be."""

import logging
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from ..store.filesystem.verify import Finding, verify
from . import console, storage
from .console import Exit
from .failures import failures
from .options import add_options, loaded


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--repair",
        action="store_true",
        help="make anew what is derived, and bring back the last good version of a broken card",
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    add_options(parser, "storage", "auth")


def run(args: Namespace) -> int:
    found = loaded(args)
    with (
        failures(),
        storage.opened(found, least=logging.ERROR) as store,  # the findings say it
        console.progress("Verifying") as progress,
    ):
        findings = list(verify(store, args.repair, progress))
    open_ = [finding for finding in findings if not finding.repaired]
    if args.json:
        console.show_json({"findings": [asdict(finding) for finding in findings]})
    else:
        show = _show if sys.stdout.isatty() else _show_in_a_pipe
        for finding in findings:
            show(finding)
        console.note(_summary(len(findings), len(open_)))
    return Exit.PROBLEM if open_ else Exit.OK


def _show(finding: Finding) -> None:
    advice = "repaired" if finding.repaired else finding.advice
    print(console.printable(f"{finding.kind:11} {finding.path}"))
    print(console.printable(f"{'':11} {finding.message}: {advice}"))


def _show_in_a_pipe(finding: Finding) -> None:
    advice = "repaired" if finding.repaired else finding.advice
    cells = [finding.kind, finding.path, finding.message, advice]
    print("\t".join(map(console.printable, cells)))


def _summary(found: int, left: int) -> str:
    if not found:
        return "all is well"
    return f"{console.counted(found, 'problem')}, {found - left} of them repaired"
