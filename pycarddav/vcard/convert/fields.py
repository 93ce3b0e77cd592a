"""What a value is in 3.0 and what in 4.0, property by property.

*up* takes a line of 3.0 to 4.0, *down* back.  Where 3.0 has only a part of the value, down leaves
the whole in the parameter ORIGINAL; it returns None where 3.0 has nothing of the kind.
"""

import re
from collections.abc import Callable
from urllib.parse import unquote

from .. import values
from . import dates
from .lines import ORIGINAL, Line

OMIT_YEAR = "X-APPLE-OMIT-YEAR"
NO_YEAR = "1604"  # what Apple puts for it; it was a leap year

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_COORDINATES = re.compile(r"\s*([+-]?[\d.]+)\s*[;,]\s*([+-]?[\d.]+)\s*")
_GEO = re.compile(r"geo:([+-]?[\d.]+),([+-]?[\d.]+)(.*)", re.IGNORECASE | re.DOTALL)


def bday_up(line: Line) -> Line:
    """1604-04-15 with Apple's parameter is --0415; what is no date is a text."""
    when = dates.parse(line.value)
    omitted, line = line.one(OMIT_YEAR), line.with_param(OMIT_YEAR)
    if line.kind == "text" or not line.value.strip():
        return line
    if when is None:
        return line.with_param("VALUE", "text")
    if when.year == omitted and when.month:
        when = when._replace(year="")
    return line.with_param("VALUE")._replace(value=when.basic())


def bday_down(line: Line) -> Line | None:
    """Only a date, or with Apple's parameter a day of the year.

    A time without zone, or of midnight, goes: iOS does not show such birthdays.
    """
    when = dates.parse(line.value) if line.kind != "text" else None
    if when is None or not when.month or not when.day:
        return None
    date = f"{when.year or NO_YEAR}-{when.month}-{when.day}"
    low = line.with_param("VALUE")._replace(value=date)
    if not when.year:
        low = low.with_param(OMIT_YEAR, NO_YEAR).with_param("VALUE", "date")
    elif when.zone and len(when.time) >= 6 and when.time.strip("0"):
        return low.with_param("VALUE", "date-time")._replace(value=when.extended())
    return low.with_param(ORIGINAL, line.value) if when.time else low


def rev_up(line: Line) -> Line:
    """20260102T030405Z."""
    when = dates.parse(line.value)
    return line._replace(value=when.basic()) if when else line


def rev_down(line: Line) -> Line:
    """2026-01-02T03:04:05Z."""
    when = dates.parse(line.value)
    return line._replace(value=when.extended()) if when else line


def geo_up(line: Line) -> Line:
    """geo:37.386,-122.08 (RFC 5870); also of 2.1's form with a comma."""
    line = line.with_param("VALUE") if line.kind != "text" else line
    if match := _COORDINATES.fullmatch(values.unescape(line.value)):
        return line._replace(value=f"geo:{match[1]},{match[2]}")
    return line if _URI.match(line.value) else line.with_param("VALUE", "text")


def geo_down(line: Line) -> Line:
    """37.386;-122.08."""
    match = _GEO.fullmatch(line.value)
    if not match:
        return line.with_param("VALUE", line.kind or "uri")
    low = line.with_param("VALUE")._replace(value=f"{match[1]};{match[2]}")
    return low.with_param(ORIGINAL, line.value) if match[3] else low


def tz_up(line: Line) -> Line:
    """An offset is a text in 4.0 unless VALUE says what it is."""
    if line.kind in ("", "utc-offset") and dates.is_offset(line.value):
        value = dates.basic_offset(line.value)
        return line.with_param("VALUE", "utc-offset")._replace(value=value)
    return line if line.kind == "uri" else line.with_param("VALUE")


def tz_down(line: Line) -> Line:
    """A text in 3.0 needs VALUE."""
    if line.kind != "uri" and dates.is_offset(line.value):
        return line.with_param("VALUE")._replace(value=dates.extended_offset(line.value))
    return line.with_param("VALUE", line.kind or "text")


def uid_up(line: Line) -> Line:
    """The value never changes: members of groups refer to it."""
    return line.with_param("VALUE", *([] if _URI.match(line.value) else ["text"]))


def uid_down(line: Line) -> Line:
    """In 3.0 a UID is a text, whatever it looks like."""
    return line.with_param("VALUE")


def tel_up(line: Line) -> Line:
    """A text, as it is the default of both versions."""
    return line if line.kind == "uri" else line.with_param("VALUE")


def tel_down(line: Line) -> Line:
    """tel:+1-555;ext=5 as +1-555 x5 (RFC 3966): the same number, for people."""
    if line.value[:4].lower() != "tel:" or line.kind not in ("", "uri"):
        return line
    number, *params = line.value[4:].split(";")
    extension = [param[4:] for param in params if param[:4].lower() == "ext="]
    text = " x".join([unquote(number), *extension])
    low = line.with_param("VALUE")._replace(value=values.escape(text))
    return low.with_param(ORIGINAL, line.value) if len(params) > len(extension) else low


def same(line: Line) -> Line:
    """What 3.0 says, 4.0 says as well."""
    return line


def _components(number: int) -> Callable[[Line], Line]:
    """RFC 9554 adds components to N and ADR that readers of 3.0 are not prepared for."""

    def down(line: Line) -> Line:
        parts = values.split(line.value, ";")
        if len(parts) <= number:
            return line
        low = line._replace(value=";".join(parts[:number]))
        return low.with_param(ORIGINAL, line.value)

    return down


Up = Callable[[Line], Line]
Down = Callable[[Line], Line | None]

FIELDS: dict[str, tuple[Up, Down]] = {
    "ADR": (same, _components(7)),
    "ANNIVERSARY": (bday_up, bday_down),
    "BDAY": (bday_up, bday_down),
    "GEO": (geo_up, geo_down),
    "N": (same, _components(5)),
    "REV": (rev_up, rev_down),
    "TEL": (tel_up, tel_down),
    "TZ": (tz_up, tz_down),
    "UID": (uid_up, uid_down),
}


def up(line: Line) -> Line:
    """The line's value as 4.0 has it; the original if 3.0 has carried it along unchanged."""
    if line.name not in FIELDS:
        return line
    upward, downward = FIELDS[line.name]
    if original := line.one(ORIGINAL):
        line = line.with_param(ORIGINAL)
        whole = line.with_param(OMIT_YEAR).with_param("VALUE")._replace(value=original)
        if line.name == "TEL":
            whole = whole.with_param("VALUE", "uri")
        low = downward(whole)
        if low and low.value == line.value and "\n" not in original:
            return whole  # nobody has changed the value since
    return upward(line)


def down(line: Line) -> Line | None:
    """The line's value as 3.0 has it, None where it has nothing of the kind."""
    return FIELDS[line.name][1](line) if line.name in FIELDS else line
