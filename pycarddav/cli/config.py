"""``pycarddav config``: what is in effect and why, whether it is valid, what there is to set."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..config import HIDDEN, SCHEMA, Key, Loaded, example
from . import console
from .console import Exit
from .options import add_options, loaded
from .reference import page

TEXTS = {"example": example, "reference": page}


def add_arguments(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("show", help="print every key, its value, and who set it")
    show.add_argument("--json", action="store_true", help="as one JSON object")
    check = actions.add_parser("check", help="say whether the configuration is valid")
    actions.add_parser("example", help="print a file with every key and its default")
    actions.add_parser("reference", help="print docs/configuration.md: every key, explained")
    for action in (show, check):
        add_options(action, "server", "storage", "auth")


def run(args: Namespace) -> int:
    if write := TEXTS.get(args.action):
        print(write(), end="")
        return Exit.OK
    found = loaded(args)
    if args.action == "check":
        for file in found.files or ["no file, defaults"]:
            print(f"{file}: ok")
    elif args.json:
        console.show_json(
            {"files": [str(file) for file in found.files], "settings": _settings(found)}
        )
    else:
        console.table(["key", "value", "set by"], _rows(found))
    return Exit.OK


def _rows(found: Loaded) -> Iterator[tuple[str, str, str]]:
    for key, given in found.given.items():
        value = found.value(key)
        shown = str(value) if isinstance(value, Path) else given.text
        yield f"{key.section}.{key.name}", _hidden(key, shown), given.origin


def _settings(found: Loaded) -> list[dict[str, Any]]:
    return [
        {
            "section": key.section,
            "key": key.name,
            "value": _hidden(key, _plain(found.value(key))),
            "origin": given.origin,
        }
        for key, given in found.given.items()
    ]


def _hidden(key: Key, value: Any) -> Any:
    """A value as everybody may see it."""
    return HIDDEN if value and SCHEMA[key].metadata["secret"] else value


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    return str(value) if isinstance(value, Path) else value
