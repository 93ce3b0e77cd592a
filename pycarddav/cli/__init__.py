"""The command line: one module a subcommand, each with add_arguments(parser) and run(args)."""

import argparse
import io
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from . import console
from .console import MANNERS, MEANINGS, Exit, Failure, complain

COMMANDS = {
    "serve": "run the server",
    "user": "add, list and remove users, change passwords",
    "token": "make, list and revoke app passwords",
    "book": "create, list and delete address books",
    "find": "find contacts by names, numbers, addresses and notes",
    "show": "show what a card says",
    "import": "bring contacts from files into an address book",
    "export": "write contacts to a file",
    "merge": "put together cards that are of one person",
    "migrate": "take over the address books of another server",
    "history": "show what a book or a card was",
    "restore": "bring back a card, or a book as it was",
    "verify": "check the storage",
    "backup": "copy the storage while it is in use",
    "tls": "make a certificate for the local network",
    "doctor": "visit a server as a phone would, and say what is wrong",
    "dns": "print what a zone says to clients that know a domain only",
    "proxy": "print the configuration of a proxy in front of the server",
    "health": "ask the running server whether it is well",
    "config": "show and check the configuration",
    "completion": "print what makes a shell complete commands",
    "man": "print the manual pages",
    "version": "print the version",
}


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Failure(message, f"{self.prog} --help", Exit.USAGE)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    console.manner = console.Manner(color="--no-color" not in words)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names may be beyond the locale
    try:
        return _run(words)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except Failure as failure:
        if "--debug" in words:
            traceback.print_exc()
        complain(failure)
        return failure.code
    except OSError as error:  # the output's: a command's own are Failures
        if not isinstance(error, BrokenPipeError):  # whose reader has seen enough
            complain(Failure(f"cannot write the output: {error.strerror}"))
        # What Python still holds of it must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.PROBLEM


def _run(words: list[str]) -> int:
    args = parser(words).parse_args(words)
    if not args.command:
        raise Failure(
            "which command?", f"one of {', '.join(COMMANDS)}; --help says more", Exit.USAGE
        )
    console.manner.quiet, console.manner.verbose = args.quiet, args.verbose
    code: int = args.run(args)
    sys.stdout.flush()
    return code


def parser(words: Sequence[str]) -> Parser:
    """The parser of a command line in which *words* stand."""
    codes = "; ".join(f"{code} {meaning}" for code, meaning in MEANINGS.items())
    root = Parser(
        prog="pycarddav",
        description="Address books for your phones.",
        epilog=f"exit codes: {codes}",
    )
    root.add_argument("--config", metavar="FILE", help="configuration file")
    for names, summary in MANNERS:
        root.add_argument(*names, action="store_true", help=summary)
    commands = root.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=f"{summary.capitalize()}.")
        # Only what may be asked for is imported: a server's parts take longer than `version`.
        if name in words:
            module = import_module(f"{__name__}.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return root
