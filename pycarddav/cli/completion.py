"""``pycarddav completion``: for bash, zsh, fish."""

from argparse import ArgumentParser, Namespace

from . import COMMANDS, parser
from .console import Exit
from .parsers import arguments, parsers

SHELLS = ("bash", "zsh", "fish")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, metavar="|".join(SHELLS))


def run(args: Namespace) -> int:
    import shtab  # 40 ms that no other command is to pay

    kinds = {"FILE": shtab.FILE, "FOLDER": shtab.DIRECTORY, "DIR": shtab.DIRECTORY}
    root = parser(list(COMMANDS))
    for command in parsers(root):
        for action in arguments(command):
            if isinstance(action.metavar, str) and action.metavar in kinds:
                setattr(action, "complete", kinds[action.metavar])  # noqa: B010 - shtab's own
    print(shtab.complete(root, shell=args.shell))
    return Exit.OK
