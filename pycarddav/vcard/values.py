"""Property values (RFC 6350 §3.4, RFC 2426 §5): between what stands in a card and what it means."""

import re
from binascii import a2b_qp

_ESCAPE = str.maketrans({"\\": "\\\\", ",": "\\,", ";": "\\;", "\n": "\\n", "\r": None})

# What XML 1.0 (§2.2) cannot carry, and no card may have.
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

# CHARSET names any codec of Python's, and some of those are slow, or no charset at all.
_CHARSET = re.compile(
    r"(us-ascii|utf-?8|utf-?16(be|le)?|iso-?8859-?\d+|latin-?[1-9]|windows-?\d+|cp\d+"
    r"|shift_?jis|euc-(jp|kr)|iso-2022-(jp|kr)|gb2312|gbk|gb18030|big5|koi8-[ru])",
    re.IGNORECASE,
)


def unescape(text: str) -> str:
    """What escaped text means; old iOS, Google and Outlook also escape ``:`` and ``"``."""
    if "\\" not in text:
        return text
    # By replacing, which takes a tenth of the time and memory of a regex; no value has a CR.
    text = text.replace("\\\\", "\r").replace("\\n", "\n").replace("\\N", "\n")
    last = "\\" if text.endswith("\\") else ""  # it escapes nothing
    return text.replace("\\", "").replace("\r", "\\") + last


def escape(text: str) -> str:
    """*text* as a TEXT value, or as one component of a structured or list value."""
    return text.replace("\r\n", "\n").translate(_ESCAPE)


def split(value: str, separator: str) -> list[str]:
    """The pieces, still escaped, between the separators that are not escaped."""
    if "\\" not in value:
        return value.split(separator)
    pieces: list[str] = []
    pending: list[str] = []
    for piece in value.split(separator):
        pending.append(piece)
        if (len(piece) - len(piece.rstrip("\\"))) % 2 == 0:  # the next separator is not escaped
            pieces.append(separator.join(pending))
            pending = []
    return [*pieces, separator.join(pending)] if pending else pieces


def components(value: str) -> list[str]:
    """What the components of a structured value (N, ADR, ORG) mean."""
    return [unescape(piece) for piece in split(value, ";")]


def items(value: str) -> list[str]:
    """What the items of a list value (CATEGORIES, NICKNAME) mean."""
    return [unescape(piece) for piece in split(value, ",")]


def quoted_printable(value: str, charset: str) -> str:
    """The escaped text behind a quoted-printable value (vCard 2.1, and 3.0 by old Androids)."""
    octets = a2b_qp(value.encode())
    try:
        text = octets.decode(known_charset(charset))
    except (UnicodeDecodeError, LookupError):
        text = _lenient(octets)
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\\n")
    return CONTROL.sub("\ufffd", text)


def known_charset(name: str) -> str:
    """A charset that is one; UTF-8 for anything else."""
    return name if _CHARSET.fullmatch(name) else "utf-8"


_LATIN = {0xDC00 + octet: octet for octet in range(0x80, 0x100)}  # by surrogateescape (PEP 383)


def _lenient(octets: bytes) -> str:
    """UTF-8 as far as it is that; every other octet is a character of latin-1."""
    return octets.decode("utf-8", "surrogateescape").translate(_LATIN)
