"""The commands as argparse has them, for what is generated from it: completion, manual pages."""

from argparse import PARSER, SUPPRESS, Action, ArgumentParser
from collections.abc import Iterator
from typing import Any


def parsers(parser: ArgumentParser) -> Iterator[ArgumentParser]:
    """A parser and those below it, in their order; each with a description."""
    yield parser
    for action in _actions(parser):
        if action.nargs == PARSER:
            group: Any = action
            for listed in group._choices_actions:
                below = group.choices[listed.dest]
                below.description = below.description or f"{listed.help.capitalize()}."
                yield from parsers(below)


def is_group(parser: ArgumentParser) -> bool:
    """Whether it has subcommands, and does nothing by itself."""
    return any(action.nargs == PARSER for action in _actions(parser))


def arguments(parser: ArgumentParser) -> list[Action]:
    """What can be said to a command, but for --help and what all commands understand."""
    return [
        action
        for action in _actions(parser)
        if action.help != SUPPRESS and action.dest != "help" and action.nargs != PARSER
    ]


def _actions(parser: ArgumentParser) -> list[Action]:
    return parser._actions
