"""The request headers that carry meaning, as values."""

import re
from dataclasses import dataclass
from typing import Literal

Depth = Literal["0", "1", "infinity"]

# An entity tag as clients write it: quoted, weak, with a doubled escape (Evolution), or bare
# (an option of Outlook CalDav Synchronizer).
_ENTITY_TAG = re.compile(r'(?:W/)?\\?"([^"\\]*)\\?"|([^\s,"]+)')
_SUFFIX = re.compile(r"[-;]gzip$")  # put there by compressing proxies


@dataclass(frozen=True)
class Condition:
    """If-Match and If-None-Match (RFC 9110 §13.1): which current state allows the change."""

    if_match: str | None = None
    if_none_match: str | None = None

    def holds(self, etag: str | None) -> bool:
        """Whether the change may go ahead when the current etag is *etag* (None: no resource)."""
        if self.if_match is not None and not matches(self.if_match, etag):
            return False
        return self.if_none_match is None or not matches(self.if_none_match, etag)


ANYTHING = Condition()


def matches(header: str, etag: str | None) -> bool:
    """Whether a list of entity tags, or ``*``, names *etag* (None: there is no resource)."""
    if etag is None:
        return False
    return header.strip() == "*" or etag.strip('"') in entity_tags(header)


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
