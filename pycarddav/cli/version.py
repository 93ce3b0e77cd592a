"""``pycarddav version``."""

from argparse import ArgumentParser, Namespace

from .. import __version__
from .console import Exit, show_json


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as one JSON object")


def run(args: Namespace) -> int:
    if args.json:
        show_json({"version": __version__})
    else:
        print(f"pycarddav {__version__}")
    return Exit.OK
