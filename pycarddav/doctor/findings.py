"""What a check says: that something is well, or which ailment was found and how to mend it."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["ok", "warn", "FAIL"]


@dataclass(frozen=True)
class Finding:
    """One line: *mend* is what to do about it, *name* a heading of docs/troubleshooting.md.

    *ends* says that nothing behind it could be looked at.
    """

    level: Level
    what: str
    mend: str = ""
    name: str = ""
    check: str = ""
    ends: bool = False

    def facts(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


class Stop(Exception):
    """A finding after which there is nothing left to look at."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.what)
        self.finding = finding


def ok(what: str) -> Finding:
    return Finding("ok", what)
