"""Readers: from what somebody wrote to a value, or a ValueError that says what is wrong with it."""

import os
import re
import string
from collections.abc import Callable
from dataclasses import field
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")
Word = TypeVar("Word", bound=str)


def text(written: str) -> str:
    return written


def port_number(written: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", written) or int(written) > 65535:
        raise ValueError("is not a port number (0 to 65535)")
    return int(written)


def number(written: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", written):
        raise ValueError("is not a whole number")
    return int(written)


def positive(written: str) -> int:
    if number(written) == 0:
        raise ValueError("is nothing")
    return int(written)


def processes(written: str) -> int:
    if not re.fullmatch("[1-9][0-9]?", written):
        raise ValueError("is not a number of processes (1 to 99)")
    return int(written)


def size(written: str) -> int:
    """A number of octets: ``512K``, ``32M``, ``2G``."""
    match = re.fullmatch("([0-9]{1,9}) ?([KMGT]?)(i?B)?", written, re.IGNORECASE)
    if not match:
        raise ValueError("is not a size, such as 512K, 32M or 2G")
    return int(match[1]) << (10 * " KMGT".index(match[2].upper() or " "))


def names(written: str) -> tuple[str, ...]:
    return tuple(name for part in written.split(",") if (name := part.strip()))


def hosts(written: str) -> tuple[str, ...]:
    found = names(written)
    if not found:
        raise ValueError("names no address")
    return found


def realm(written: str) -> str:
    if not re.fullmatch(r"[ !#-9;-[\]-~]+", written):
        raise ValueError("is not plain text without colons, quotation marks and backslashes")
    return written


def yes_or_no(written: str) -> bool:
    if written not in ("yes", "no"):
        raise ValueError("is neither yes nor no")
    return written == "yes"


def url(*schemes: str) -> Callable[[str], str]:
    """A URL of one of these schemes, or none."""

    def read(written: str) -> str:
        parts = urlsplit(written)
        if written and not (parts.scheme in schemes and parts.netloc):
            raise ValueError(f"is not a URL that begins with {' or '.join(schemes)}")
        return written

    return read


def one_of(*words: Word) -> Callable[[str], Word]:
    def read(written: str) -> Word:
        for word in words:
            if word == written:
                return word
        raise ValueError(f"is not one of {', '.join(words)}")

    return read


def some_of(*words: Word) -> Callable[[str], tuple[Word, ...]]:
    known = {str(word): word for word in words}

    def read(written: str) -> tuple[Word, ...]:
        for name in names(written):
            if name not in known:
                raise ValueError(f'has "{name}", which is not one of {", ".join(words)}')
        return tuple(known[name] for name in names(written))

    return read


def list_of(*words: Word) -> Callable[[str], tuple[Word, ...]]:
    """One of them at least, and each once."""
    read = some_of(*words)

    def each_once(written: str) -> tuple[Word, ...]:
        found = read(written)
        if not found or len(set(found)) < len(found):
            raise ValueError(f"is to name some of {', '.join(words)}, each once")
        return found

    return each_once


def path(written: str) -> Path:
    """A path, with ``~`` and ``$VARIABLE`` replaced; $XDG_DATA_HOME has the standard's default."""
    home = os.environ.get("XDG_DATA_HOME", "")
    known = {**os.environ, "XDG_DATA_HOME": home if home.startswith("/") else "~/.local/share"}
    try:
        return Path(string.Template(written).substitute(known)).expanduser()
    except KeyError as error:
        raise ValueError(f"needs the variable {error.args[0]}, which is not set") from None
    except ValueError:
        raise ValueError("has a $ without a variable; $$ stands for itself") from None
    except RuntimeError:
        raise ValueError("needs a home directory") from None


def absolute(written: str) -> Path:
    found = path(written)
    if not found.is_absolute():
        raise ValueError("is not an absolute path")
    return found


def file(written: str) -> Path | None:
    """An absolute path, or none."""
    return absolute(written) if written else None


def networks(written: str) -> tuple[str, ...]:
    """Addresses and networks, and ``unix`` for whoever has the unix socket."""
    for name in names(written):
        try:
            name == "unix" or ip_network(name)
        except ValueError:
            raise ValueError(f'has "{name}", which is no address or network') from None
    return names(written)


def header(written: str) -> str:
    """A header's name, in lower case; what has an underscore does not arrive."""
    if not re.fullmatch("[A-Za-z0-9-]+", written):
        raise ValueError("is not the name of a header, such as X-Remote-User")
    return written.lower()


def prefix(written: str) -> str:
    """A path prefix without a slash at its end."""
    if written.strip("/") and not re.fullmatch(r"(/[\w.~%!$&'()*+,;=:@-]+)+/?", written, re.ASCII):
        raise ValueError("is not a path such as /contacts")
    return written.rstrip("/")


def token(written: str) -> str:
    """A long random word, or none."""
    if written and not re.fullmatch("[!-~]{16,}", written):
        raise ValueError("is not a token: at least 16 letters and digits")
    return written


def default(
    written: str, read: Callable[[str], T], doc: str, option: str = "", *, secret: bool = False
) -> T:
    """A key: its default as it would be written, its reader, its explanation.

    *option* is its name and metavar on the command line, if it can be set there; a *secret* is not
    shown.
    """
    facts = {"default": written, "read": read, "doc": doc, "option": option, "secret": secret}
    return field(default_factory=lambda: read(written), metadata=facts)
