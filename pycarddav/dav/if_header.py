"""The If header (RFC 4918 §10.4): which states a client wants to find, and which tokens it submits.

Parsing and judging are pure; whoever knows the resources says what their states are.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .headers import Demands, names

# Nothing is tried twice: a header of any length is read, or refused, in linear time.
_URI = r"<([^<>]++)>"
_ETAG = r"\[((?:[^\[\]\"]|\"[^\"]*+\")++)\]"
_TERM = rf"(not\b\s*+)?+(?:{_URI}|{_ETAG})\s*+"
_LIST = re.compile(rf"(?:{_URI}\s*+)?+\(\s*+((?:{_TERM})++)\)\s*+", re.IGNORECASE)
_TERMS = re.compile(_TERM, re.IGNORECASE)


@dataclass(frozen=True)
class State:
    """A resource as an If header can speak of it.  An unmapped one has nothing but its path."""

    path: str
    etag: str | None = None
    tokens: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Term:
    """One condition: a state token, or else an entity tag, that must be there or must not."""

    token: str
    etag: str
    wanted: bool

    def holds(self, state: State) -> bool:
        """Whether it is true of a resource."""
        found = self.token in state.tokens if self.token else names(self.etag, state.etag)
        return found is self.wanted


@dataclass(frozen=True)
class If:
    """The lists, each with the resource that it is about; None is that of the request."""

    lists: tuple[tuple[str | None, tuple[Term, ...]], ...]

    @property
    def tokens(self) -> frozenset[str]:
        """Every token in the header is submitted with it (§10.4.1), wherever it stands."""
        return frozenset(term.token for _, terms in self.lists for term in terms if term.token)

    @property
    def resources(self) -> frozenset[str | None]:
        """What the lists are about."""
        return frozenset(resource for resource, _ in self.lists)

    @property
    def names_one_token(self) -> bool:
        """Whether it is no more than the name of a lock, as when that is refreshed (§9.10.2)."""
        (_, terms), *others = self.lists
        return not others and len(terms) == 1 and terms[0].wanted and terms[0].token != ""

    def demands(self, path: str, states: Mapping[str | None, State]) -> Demands | None:
        """What remains to be true of the etag at *path*, with everything else as in *states*.

        None when nothing remains; no alternative at all when the header is false.
        """
        left = []
        for resource, terms in self.lists:
            state = states[resource]
            here = state.path == path
            if all(term.holds(state) for term in terms if term.token or not here):
                left.append(tuple((t.etag, t.wanted) for t in terms if here and t.etag))
        return None if () in left else tuple(left)


def parse(header: str) -> If:
    """The header as a value; ValueError where it is not one."""
    lists: list[tuple[str | None, tuple[Term, ...]]] = []
    position = len(header) - len(header.lstrip())
    while match := _LIST.match(header, position):
        resource: str | None = match[1]
        if resource is None and lists:
            resource = lists[-1][0]  # a tag holds until the next one
        elif lists and lists[-1][0] is None:
            raise ValueError("lists with and without a resource")
        lists.append((resource, _terms(match[2])))
        position = match.end()
    if not lists or position < len(header):
        raise ValueError(f"not an If header at {header[position : position + 40]!r}")
    return If(tuple(lists))


def _terms(text: str) -> tuple[Term, ...]:
    found = _TERMS.findall(text)
    return tuple(Term(token, etag, not negated) for negated, token, etag in found)
