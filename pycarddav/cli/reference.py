"""docs/configuration.md, from the schema: what every key does, and the ways to set it."""

import textwrap
from collections.abc import Iterator
from dataclasses import Field, fields
from typing import Any

from ..config import FILE_VARIABLE, SECTIONS, Key

HEAD = f"""\
# Configuration

Nothing has to be configured. What can be is here; `pycarddav config show` says what is in effect
and who has set it, `pycarddav config check` whether all of it is valid, and
[config.example.ini](../config.example.ini) is a file to begin with. This page is what
`pycarddav config reference` prints.

The first of these files is read: the one after `--config`, the one that `{FILE_VARIABLE}` names,
`$XDG_CONFIG_HOME/pycarddav/config.ini` (`~/.config` where that is not set),
`/etc/pycarddav/config.ini`; and after it the `.ini` files in `config.d` beside it, in the order of
their names. A variable wins over the files, an option of the command line over both.

A line of a file is a `[section]`, a `key = value` in it, a comment that begins with `#`, or empty.
A comment stands on a line of its own. An unknown key is an error, which stops the server before it
starts; an unknown variable is a warning.
"""


def page() -> str:
    return "\n".join([HEAD, *_sections()])


def _sections() -> Iterator[str]:
    for section, kind in SECTIONS.items():
        yield f"## [{section}]\n"
        yield f"{textwrap.fill(kind.__doc__, 100)}\n"
        for item in fields(kind):
            yield f"### {item.name}\n"
            yield f"{textwrap.fill(item.metadata['doc'], 100, break_on_hyphens=False)}\n"
            yield from (f"* {way}" for way in _ways(Key(section, item.name), item))
            yield ""


def _ways(key: Key, item: Field[Any]) -> Iterator[str]:
    default = item.metadata["default"]
    yield f"Default: `{default}`" if default else "Default: nothing"
    yield f"Variable: `{key.variable}`" + (
        f", or `{key.variable}_FILE` with the name of a file that has it"
        if item.metadata["secret"]
        else ""
    )
    if item.metadata["option"]:
        yield f"Option: `{item.metadata['option']}`"
