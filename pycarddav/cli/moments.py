"""Points in time, as people write and read them."""

import re
from argparse import ArgumentTypeError
from datetime import datetime, timedelta

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str) -> datetime:
    """``2026-11-23``, ``2026-11-23T10:00``, ``2026-11-23T09:00Z``; ``90m``, ``3h``, ``2d`` ago."""
    if match := re.fullmatch("([0-9]{1,5})([mhdw])", text):
        return datetime.now().astimezone() - timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        return datetime.fromisoformat(text).astimezone()  # without a zone: that of this machine
    except (ValueError, OverflowError):
        raise ArgumentTypeError(
            f'"{text}" is no time, such as 2026-11-23T10:00, or 90m, 3h, 2d or 1w ago'
        ) from None


def end(text: str) -> datetime:
    """A time to come: ``2027-01-31``, ``2027-01-31T10:00``; ``90`` days from now."""
    now = datetime.now().astimezone()
    try:
        days = re.fullmatch("[0-9]{1,5}", text)
        time = now + timedelta(int(text)) if days else datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise ArgumentTypeError(f'"{text}" is no date, such as 2027-01-31, or days') from None
    if time <= now:
        raise ArgumentTypeError(f'"{text}" is not in the future')
    return time


def written(time: datetime) -> str:
    """For a command line, exactly."""
    return time.astimezone().isoformat(timespec="milliseconds")


def shown(time: datetime) -> str:
    """For a reader, in the zone of this machine."""
    return time.astimezone().strftime("%Y-%m-%d %H:%M:%S")
