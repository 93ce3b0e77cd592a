"""Host names, as a zone file and the configuration of a proxy take them."""

import re
from argparse import ArgumentTypeError

LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"  # RFC 1123 §2.1


def domain(word: str) -> str:
    """*word* in lower case, without a dot at its end; ArgumentTypeError."""
    name = word.lower().rstrip(".")
    if not re.fullmatch(rf"{LABEL}(\.{LABEL})*", name) or len(name) > 253:
        known = (
            "" if name.isascii() else "; with other letters, write its form that begins with xn--"
        )
        raise ArgumentTypeError(f'"{word}" is no host name, such as contacts.example.org{known}')
    return name
