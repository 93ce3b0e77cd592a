"""What a command says: results on standard output, everything else on standard error."""

import json
import logging
import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

SCHEMA = 1  # of what --json prints; a change that could break a reader counts it up


class Exit(IntEnum):
    OK = 0
    PROBLEM = 1
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4
    PARTIAL = 5
    INTERRUPTED = 130


MEANINGS = {
    Exit.OK: "done",
    Exit.PROBLEM: "a problem was found, or the system refused something",
    Exit.USAGE: "wrong usage or configuration",
    Exit.NOT_FOUND: "not found",
    Exit.CONFLICT: "it exists already, or is in use",
    Exit.PARTIAL: "done in part",
    Exit.INTERRUPTED: "interrupted",
}


# What every command understands, before its name and behind it.
MANNERS = [
    (["-q", "--quiet"], "say nothing but results, warnings and errors"),
    (["-v", "--verbose"], "say what is going on"),
    (["--no-color"], "no colours (nor where NO_COLOR is set)"),
    (["--debug"], "show where an error came from"),
]


class Failure(Exception):
    """A command that cannot do what it was asked: one line, perhaps a hint, and the exit code."""

    def __init__(self, message: str, hint: str = "", code: Exit = Exit.PROBLEM) -> None:
        super().__init__(message)
        self.hint, self.code = hint, code


@dataclass
class Manner:
    """How much is said, and how."""

    quiet: bool = False
    verbose: bool = False
    color: bool = True


manner = Manner()

RED, YELLOW = 31, 33


def complain(failure: Failure) -> None:
    _say(f"error: {failure}", RED)
    if failure.hint:
        _say(f"hint: {failure.hint}")


def warn(message: str) -> None:
    _say(f"warning: {message}", YELLOW)


def note(message: str) -> None:
    """What is neither the result nor a trouble."""
    if not manner.quiet:
        _say(message)


def _say(message: str, color: int = 0) -> None:
    """To standard error; what has a colour is about the program, and begins with its name."""
    text = printable(message)
    if color:
        word, rest = text.split(" ", 1)
        text = f"pycarddav: {painted(word, color)} {rest}"
    print(text, file=sys.stderr)


def painted(word: str, color: int) -> str:
    """*word* in a colour, for standard error, where that is a terminal and nobody objects."""
    refused = not manner.color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return word if refused or not sys.stderr.isatty() else f"\x1b[{color}m{word}\x1b[0m"


class Said(logging.Handler):
    """What the parts of the server log, while it is a command that uses them."""

    def emit(self, record: logging.LogRecord) -> None:
        say = warn if record.levelno >= logging.WARNING else note
        say(record.getMessage())


@contextmanager
def logged(least: int) -> Iterator[None]:
    """Say what is logged in the block, from this level on; everything, if asked to."""
    least = logging.DEBUG if manner.verbose else least
    logger, handler = logging.getLogger("pycarddav"), Said(least)
    before = logger.level
    logger.setLevel(least)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def printable(text: str) -> str:
    """*text* on one line, without what a terminal would obey: names come from clients."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def counted(number: int, noun: str) -> str:
    """``1 card``, ``2 cards``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Columns on a terminal; in a pipe, tab-separated values without their heads."""
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in cells:
            print("\t".join(row))
        return
    lines = [[head.upper() for head in heads], *cells] if cells else []
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for row in lines:
        print("  ".join(map(str.ljust, row, widths)).rstrip())


def show_json(result: Mapping[str, Any]) -> None:
    """One object, which names the version of its form."""
    print(json.dumps({"schema": SCHEMA} | dict(result), indent=2, ensure_ascii=False))


def confirmed(question: str) -> bool:
    """Whether somebody at a terminal says yes; nobody else is asked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(f"{printable(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


Progress = Callable[[int, int], None]


@contextmanager
def progress(what: str, unit: str = " cards") -> Iterator[Progress]:
    """A bar on a terminal, to be told how many cards are done, of how many; nothing elsewhere."""
    if manner.quiet or not sys.stderr.isatty():
        yield lambda done, of: None
        return
    from tqdm import tqdm  # 50 ms that only a command with much to do is to cost

    with tqdm(desc=what, unit=unit, unit_scale=unit == "B", dynamic_ncols=True, leave=False) as bar:

        def show(done: int, of: int) -> None:
            bar.total = of
            bar.update(done - bar.n)

        yield show


def undo(args: Namespace, *words: str) -> None:
    """Say which command takes back what was just done."""
    note(f"undo: {command(args, *words)}")


def command(args: Namespace, *words: str) -> str:
    """A command line that can be pasted, for the same configuration and storage as this one."""
    given = {name: getattr(args, name, None) for name in ("config", "storage", "htpasswd")}
    chosen = [part for name, value in given.items() if value for part in (f"--{name}", value)]
    return shlex.join([*program(), *words, *chosen])


def program() -> list[str]:
    """How this program was called; by its name alone where a shell would find it."""
    called = Path(sys.argv[0])
    if called.parts[-2:] == ("pycarddav", "__main__.py"):
        return ["python", "-m", "pycarddav"]
    found = str(called.parent) in os.environ.get("PATH", "").split(os.pathsep)
    return ["pycarddav" if found or called.name != "pycarddav" else sys.argv[0]]
