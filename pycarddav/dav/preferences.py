"""Prefer and Brief: what a client would like of the answer (RFC 7240, RFC 8144)."""

import re

MINIMAL = "return=minimal"
REPRESENTATION = "return=representation"
STRICT = "handling=strict"
NOROOT = "depth-noroot"

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)'  # ends somewhere, or reading it again would take long
# One preference with its parameters (§2), or what cannot be read, up to the next comma.
_PREFERENCE = re.compile(
    rf'\s*({_WORD})\s*(?:=\s*({_WORD}|{_QUOTED}))?(?:{_QUOTED}|[^",])*+(?:,|\Z)|[^,]*+(?:,|\Z)',
    re.DOTALL,
)


def preferences(prefer: str | None, brief: str | None = None) -> frozenset[str]:
    """What Prefer names, as ``name`` or ``name=value``; of several values the first (§2).

    Apple's clients have two spellings of their own for return=minimal: ``return-minimal``, and
    the header ``Brief: t``.
    """
    said = {"return": "minimal"} if (brief or "").strip().lower() == "t" else {}
    for name, value in _PREFERENCE.findall(prefer or ""):
        if name.lower() == "return-minimal":
            name, value = "return", "minimal"
        said.setdefault(name.lower(), value.strip('"'))
    return frozenset(f"{name}={value}" if value else name for name, value in said.items() if name)
