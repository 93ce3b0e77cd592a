"""The request headers that carry meaning, as values."""

import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import formatdate, parsedate_to_datetime
from typing import Literal
from urllib.parse import quote

Depth = Literal["0", "1", "infinity"]

# An entity tag as clients write it: quoted, weak, with a doubled escape (Evolution), or bare
# (an option of Outlook CalDav Synchronizer).
_ENTITY_TAG = re.compile(r'(?:W/)?\\?"([^"\\]*)\\?"|([^\s,"]+)')
_SUFFIX = re.compile(r"[-;]gzip$")  # put there by compressing proxies


# Alternatives, each of (entity tag, whether it has to be the current one).
Demands = tuple[tuple[tuple[str, bool], ...], ...]


@dataclass(frozen=True)
class Condition:
    """What must be true of the target for a request to be carried out (RFC 9110 §13.1).

    *demands* is what an If header (RFC 4918 §10.4) says of the target's etag.  An *etag* of None is
    that of no resource; without *modified* (seconds since the epoch) dates say nothing.
    """

    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: int | None = None
    if_unmodified_since: int | None = None
    demands: Demands | None = None

    def holds(self, etag: str | None, modified: float | None = None) -> bool:
        """Whether a change of the resource may go ahead."""
        there = self.if_none_match is not None and matches(self.if_none_match, etag)
        return self.allows(etag, modified) and not there

    def allows(self, etag: str | None, modified: float | None = None) -> bool:
        """Whether the resource is still the one that the client means (§13.2.2, steps 1 and 2)."""
        if self.demands is not None and not any(
            all(names(tag, etag) is wanted for tag, wanted in alternative)
            for alternative in self.demands
        ):
            return False
        if self.if_match is not None:
            return matches(self.if_match, etag)
        since = self.if_unmodified_since
        return since is None or modified is None or int(modified) <= since

    def is_known(self, etag: str, modified: float) -> bool:
        """Whether the client has the newest state already (§13.2.2, steps 3 and 4)."""
        if self.if_none_match is not None:
            return matches(self.if_none_match, etag)
        since = self.if_modified_since
        return since is not None and int(modified) <= since


ANYTHING = Condition()
NEW = Condition(if_none_match="*")


def matches(header: str, etag: str | None) -> bool:
    """Whether a list of entity tags, or ``*``, names *etag* (None: there is no resource)."""
    return names(header, etag) or (header.strip() == "*" and etag is not None)


def names(header: str, etag: str | None) -> bool:
    """Whether a list of entity tags names *etag*."""
    return etag is not None and etag.strip('"') in entity_tags(header)


def entity_tags(header: str) -> list[str]:
    """The opaque tags of a list, without quotes, weakness or a proxy's suffix."""
    return [_SUFFIX.sub("", quoted or bare) for quoted, bare in _ENTITY_TAG.findall(header)]


def depth(value: str | None, default: Depth) -> Depth:
    """The Depth header (RFC 4918 §10.2); ValueError for anything else."""
    match (value or default).strip().lower():
        case "0":
            return "0"
        case "1":
            return "1"
        case "infinity":
            return "infinity"
    raise ValueError(f"Depth: {value}")


def http_date(seconds: float) -> str:
    """A moment as HTTP writes it (RFC 9110 §5.6.7)."""
    return formatdate(seconds, usegmt=True)


def seconds(value: str | None) -> int | None:
    """The moment that a header names; None for what is no date, which is to be ignored."""
    if not value:
        return None
    try:
        date = parsedate_to_datetime(value)
        # asctime() names no zone, and means UTC.
        return int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


# Numbers of more digits than any size are as good as none.
_BYTE_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII | re.IGNORECASE)


def byte_range(value: str | None, size: int) -> range | None:
    """Which of *size* octets a Range header asks for (RFC 9110 §14.1.2); empty: none there are.

    None when it is not a single range of octets: then it is ignored.
    """
    match = _BYTE_RANGE.fullmatch(value or "")
    if match is None or match[1] == match[2] == "":
        return None
    if not match[1]:
        return range(max(0, size - int(match[2])), size)
    first = int(match[1])
    last = int(match[2]) if match[2] else size - 1
    if match[2] and last < first:
        return None
    return range(first, min(last + 1, size))


def attachment(filename: str) -> str:
    """A Content-Disposition that saves under this name (RFC 6266), whatever is in it."""
    name = re.sub(r'[\x00-\x1f\x7f/\\:*?"<>|]', "_", filename).strip(" .") or "_"
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def accepted(value: str | None) -> list[tuple[str, dict[str, str], float]]:
    """The media ranges of an Accept header (RFC 9110 §12.5.1): type, parameters, quality above 0.

    Parameters may stand before and after the quality; what is no quality is 1.
    """
    found = []
    for item in (value or "").split(","):
        kind, *rest = (part.strip().lower() for part in item.split(";"))
        pairs = (part.partition("=") for part in rest)
        params = {name.strip(): said.strip(' "') for name, _, said in pairs}
        quality = _quality(params.pop("q", ""))
        if kind and quality > 0:
            found.append((kind, params, quality))
    return found


def _quality(text: str) -> float:
    return float(text) if re.fullmatch(r"[01](\.\d{0,3})?", text, re.ASCII) else 1.0
