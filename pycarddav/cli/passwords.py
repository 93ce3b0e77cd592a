"""Passwords that somebody types, or another program writes: never from the command line."""

import getpass
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace

from .console import Exit, Failure
from .options import utf8


def add_argument(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--password-stdin", action="store_true", help="read the password from standard input"
    )


def asked(args: Namespace, question: str) -> str:
    """The first line of standard input, if that is wanted, or what is typed; Failure."""
    if args.password_stdin:
        return _first_line()
    if not sys.stdin.isatty():
        raise Failure(
            "a password is typed on a terminal, and this is none", "--password-stdin", Exit.USAGE
        )
    return getpass.getpass(question)


def chosen(args: Namespace, question: str) -> str:
    """A new password, which has to be typed twice; Failure."""
    password = asked(args, question)
    if not args.password_stdin and getpass.getpass("Once more: ") != password:
        raise Failure("the passwords are not the same", code=Exit.USAGE)
    return password


def _first_line() -> str:
    try:
        return utf8(sys.stdin.readline().rstrip("\r\n"))
    except (UnicodeDecodeError, ArgumentTypeError):
        raise Failure("the password is not UTF-8", code=Exit.USAGE) from None
