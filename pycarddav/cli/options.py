"""The options that come from the configuration's schema, and the configuration they lead to."""

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator
from dataclasses import Field
from pathlib import Path
from typing import Any, TypeVar

from ..config import SCHEMA, ConfigError, Given, Key, Loaded, load
from .console import MANNERS, Exit, Failure, warn

T = TypeVar("T")


def add_options(parser: ArgumentParser, *sections: str) -> None:
    """The options of these sections, and those that every command has before its name, too."""
    for key, item in _keys_with_options():
        if key.section in sections:
            option, metavar = item.metadata["option"].split()
            doc = item.metadata["doc"].replace("%", "%%")
            kind = _from_here if item.type is Path else str
            parser.add_argument(option, metavar=metavar, type=kind, help=doc)
    parser.add_argument("--config", metavar="FILE", default=SUPPRESS, help="configuration file")
    for names, _ in MANNERS:
        parser.add_argument(*names, action="store_true", default=SUPPRESS, help=SUPPRESS)


def utf8(word: str) -> str:
    """A name from the command line, which may hold any octets."""
    try:
        word.encode()
    except UnicodeEncodeError:
        raise ArgumentTypeError("this is not UTF-8") from None
    return word


def read_by(reader: Callable[[str], T]) -> Callable[[str], T]:
    """A reader of the configuration's values, for a word of the command line."""

    def read(word: str) -> T:
        try:
            return reader(word)
        except ValueError as error:
            raise ArgumentTypeError(f'"{word}" {error}') from None

    return read


def loaded(args: Namespace) -> Loaded:
    """The configuration, with the options of the command line in it.  Failure."""
    options = {}
    for key, item in _keys_with_options():
        option = item.metadata["option"].split()[0]
        given = getattr(args, option.removeprefix("--"), None)
        if given is not None:
            text = given.replace("$", "$$") if item.type is Path else given
            options[key] = Given(text, option)
    try:
        found = load(args.config, options)
    except ConfigError as error:
        raise Failure(str(error), error.hint, Exit.USAGE) from error
    for warning in found.warnings:
        warn(warning)
    return found


def _keys_with_options() -> Iterator[tuple[Key, Field[Any]]]:
    return ((key, item) for key, item in SCHEMA.items() if item.metadata["option"])


def _from_here(path: str) -> str:
    """A path of the command line: a shell has not replaced the ``~`` in ``--storage=~/x``."""
    return str(Path(path).expanduser().absolute())
