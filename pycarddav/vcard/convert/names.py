"""FN and N, which one version or the other needs."""

from .. import values
from .lines import Line

_SOURCES = ("N", "ORG", "NICKNAME", "EMAIL", "TEL", "UID")


def with_formatted_name(lines: list[Line]) -> list[Line]:
    """The lines with an FN, made of the best there is where it is missing."""
    if any(line.name == "FN" for line in lines):
        return lines
    found = {line.name: line for line in reversed(lines)}
    texts = (_text(found[name]) for name in _SOURCES if name in found)
    text = next((text for text in texts if text), "")
    return [Line(None, "FN", (), values.escape(text)), *lines]


def _text(line: Line) -> str:
    """What to call somebody by this property."""
    parts = values.components(line.value)
    if line.name == "N":
        family, given, middle, prefix, suffix = [*parts, *[""] * 5][:5]
        return " ".join(filter(None, (prefix, given, middle, family, suffix)))
    if line.name == "ORG":
        return ", ".join(filter(None, parts))
    if line.name == "NICKNAME":
        return values.items(line.value)[0]
    return values.unescape(line.value)
