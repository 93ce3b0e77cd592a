"""``pycarddav man``: the manual pages, from what argparse and the configuration's schema know.

By hand: what argparse-manpage makes has no exit codes, environment or files, and a build has to
make it; this page is there for who has installed with pip as well.
"""

import re
import textwrap
from argparse import Action, ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import fields

from .. import __version__
from ..config import FILE_VARIABLE, SCHEMA, SECTIONS, Key
from . import COMMANDS, parser
from .console import MEANINGS, Exit
from .parsers import arguments, is_group, parsers

Lines = Iterator[str]

FILES = {
    "$XDG_CONFIG_HOME/pycarddav/config.ini, /etc/pycarddav/config.ini": "The configuration: the"
    " first of them that is there, and after it what is in config.d beside it.",
    "$XDG_DATA_HOME/pycarddav": "The storage, unless another one is configured.",
}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "page",
        choices=list(PAGES),
        nargs="?",
        default="pycarddav",
        metavar="|".join(PAGES),
        help="which one; without it, the first. To read it: pycarddav man | man -l -",
    )


def run(args: Namespace) -> int:
    print("\n".join(PAGES[args.page]()))
    return Exit.OK


def pycarddav() -> Lines:
    """pycarddav(1)."""
    root = parser(list(COMMANDS))
    yield from _head("PYCARDDAV", 1, "pycarddav", "address books for your phones")
    yield from [".SH SYNOPSIS", r".B pycarddav", r"[\fIOPTION\fR] \fICOMMAND\fR ..."]
    yield ".SH DESCRIPTION"
    yield from _text(
        "pycarddav is an address book server: phones, computers and mail programs keep their"
        " contacts the same over CardDAV. It keeps each contact as a file of its own in a folder"
        " that other programs may read and change, also while the server runs; so do these"
        " commands."
    )
    yield from [".SH OPTIONS", "Before the command or behind it:"]
    yield from _arguments(root)
    yield from [".PP", "What has to do with the storage understands behind it:"]
    for option, doc in _common():
        yield from _item(option, doc)
    yield ".SH COMMANDS"
    for command in parsers(root):
        if not is_group(command):
            yield from _command(command)
    yield ".SH EXIT STATUS"
    for code, meaning in MEANINGS.items():
        yield from _item(str(int(code)), meaning)
    yield ".SH ENVIRONMENT"
    yield from _item(FILE_VARIABLE, "The configuration file.")
    yield from _item(
        Key("server", "port").variable, "And so on: any key of the configuration, before the file."
    )
    yield from _item("NO_COLOR", "No colours.")
    yield ".SH FILES"
    for file, doc in FILES.items():
        yield from _item(file, doc)
    yield from [".SH SEE ALSO", r"\fBpycarddav.ini\fR(5)"]


def config() -> Lines:
    """pycarddav.ini(5)."""
    yield from _head("PYCARDDAV.INI", 5, "pycarddav.ini", "the configuration of pycarddav")
    yield ".SH DESCRIPTION"
    yield from _text(
        "A line is a [section], a key = value in it, a comment that begins with #, or empty."
        f" A key can be set by a variable, {Key('server', 'port').variable} for example, which wins"
        " over the file; an option of the command line wins over both. Where all of them come"
        " from, pycarddav config show says."
    )
    for section, kind in SECTIONS.items():
        yield f".SH [{section}]"
        yield from _text(kind.__doc__)
        for item in fields(kind):
            yield from _item(f"{item.name} = {item.metadata['default']}", item.metadata["doc"])
    yield ".SH FILES"
    for file, doc in FILES.items():
        yield from _item(file, doc)
    yield from [".SH SEE ALSO", r"\fBpycarddav\fR(1)"]


PAGES = {"pycarddav": pycarddav, "config": config}


def _head(title: str, section: int, name: str, summary: str) -> Lines:
    yield f'.TH {title} {section} "" "pycarddav {__version__}"'
    yield ".SH NAME"
    yield rf"{_escaped(name)} \- {summary}"


def _command(command: ArgumentParser) -> Lines:
    usage = command.format_usage().removeprefix("usage: ")
    usage = re.sub(r" \[(-h|--(config|storage|htpasswd) \w+)\]", "", " ".join(usage.split()))
    yield f".SS {_escaped(usage)}"
    yield from _text(command.description or "")
    yield from _arguments(command)


def _common() -> Iterator[tuple[str, str]]:
    """The options that so many commands have that they are explained once."""
    for key, item in SCHEMA.items():
        if item.metadata["option"] and key.section in ("storage", "auth"):
            yield item.metadata["option"], item.metadata["doc"]


def _arguments(command: ArgumentParser) -> Lines:
    common = {option.split()[0] for option, _ in _common()} | {"--config"}
    for action in arguments(command):
        repeated = common & {*action.option_strings} and not is_group(command)
        if action.help and not repeated:
            yield from _item(_name(action), action.help.replace("%%", "%"))


def _name(action: Action) -> str:
    metavar = action.metavar if isinstance(action.metavar, str) else action.dest
    if not action.option_strings:
        return metavar
    value = "" if action.nargs == 0 else f" {metavar}"
    return ", ".join(f"{option}{value}" for option in action.option_strings)


def _item(name: str, doc: str) -> Lines:
    yield ".TP"
    yield rf"\fB{_escaped(name.strip())}\fR"
    yield from _text(doc)


def _text(doc: str) -> Lines:
    return (_escaped(line) for line in textwrap.wrap(doc, 78, break_on_hyphens=False))


def _escaped(text: str) -> str:
    r"""*text* for troff: ``\``, ``-`` as it is typed, and no line that is taken for a request."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{escaped}" if escaped[:1] in ".'" else escaped
