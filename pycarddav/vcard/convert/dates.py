"""Dates and times (ISO 8601 as RFC 6350 §4.3 and RFC 2426 §4 restrict it), basic and extended."""

import re
from typing import NamedTuple

_WHEN = re.compile(
    r"(?:(?P<year>\d{4})(?:-?(?P<month>\d\d)-?(?P<day>\d\d)|-(?P<only_month>\d\d))?"
    r"|--(?P<no_year>\d\d)(?:-?(?P<no_year_day>\d\d))?"
    r"|---(?P<only_day>\d\d))?"
    r"(?:[Tt](?P<time>\d\d(?::?\d\d(?::?\d\d(?:[.,]\d+)?)?)?|-\d\d(?::?\d\d)?|--\d\d)"
    r"(?P<zone>[Zz]|[+-]\d\d(?::?\d\d)?)?)?"
)
_PAIR = re.compile(r"(\d\d)(?=\d\d)")
_OFFSET = re.compile(r"([+-]\d\d):?(\d\d)?")


class When(NamedTuple):
    """A date, a time or both: digits without colons, empty where a part is not known."""

    year: str
    month: str
    day: str
    time: str
    zone: str

    def basic(self) -> str:
        """As 4.0 writes it: 19850412T102200Z, 1985-04, --0412, ---12, T1022."""
        return self._date("") + (f"T{self.time}{self.zone}" if self.time else "")

    def extended(self) -> str:
        """As 3.0 and jCard write it: 1985-04-12T10:22:00Z, --04-12."""
        clock, *fraction = re.split(r"(?=[.,])", self.time)
        time = "".join((_PAIR.sub(r"\1:", clock), *fraction))
        return self._date("-") + (f"T{time}{extended_offset(self.zone)}" if self.time else "")

    def _date(self, hyphen: str) -> str:
        if self.year and self.month and not self.day:
            return f"{self.year}-{self.month}"
        if self.year:
            return hyphen.join(filter(None, self[:3]))
        if self.month:
            return "--" + hyphen.join(filter(None, self[1:3]))
        return f"---{self.day}" if self.day else ""


def parse(text: str) -> When | None:
    """The date in *text*, in either form; None when it is none."""
    text = text.strip()
    match = _WHEN.fullmatch(text)
    if not match or not text:
        return None
    return When(
        match["year"] or "",
        match["month"] or match["only_month"] or match["no_year"] or "",
        match["day"] or match["no_year_day"] or match["only_day"] or "",
        (match["time"] or "").replace(":", ""),
        (match["zone"] or "").replace(":", "").upper(),
    )


def is_offset(text: str) -> bool:
    """Whether this is an offset from UTC."""
    return bool(_OFFSET.fullmatch(text.strip()))


def basic_offset(text: str) -> str:
    """-05:00 as -0500."""
    return text.strip().replace(":", "")


def extended_offset(text: str) -> str:
    """-0500 as -05:00."""
    return _OFFSET.sub(lambda match: f"{match[1]}:{match[2] or '00'}", text.strip())
