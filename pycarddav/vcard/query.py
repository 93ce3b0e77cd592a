"""CARDDAV:filter (RFC 6352 §10.5): parse it to values, match those against a card."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache, wraps
from weakref import WeakKeyDictionary
from xml.etree.ElementTree import Element

from ..dav.errors import BadRequest, UnsupportedCollation, UnsupportedFilter
from ..dav.names import CARDDAV
from ..dav.xml import fragment
from . import values
from .content import Property, VCard

MAX_CONDITIONS = 200  # filters and text matches of one query; each is asked of every card

Test = Callable[[Iterable[bool]], bool]
TESTS: dict[str, Test] = {"anyof": any, "allof": all}
MATCHES: dict[str, Callable[[str, str], bool]] = {
    "equals": str.__eq__,
    "contains": str.__contains__,
    "starts-with": str.startswith,
    "ends-with": str.endswith,
}
_PIECE = 250
_ASCII = re.compile(r"[\x00-\x7f]")
_ASCII_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}


@lru_cache(maxsize=4096)
def _titlecase(character: str) -> str:
    """The simple titlecase mapping: ``ß`` stays, because its own is two characters."""
    title = character.title()
    return title if len(title) == 1 else character


def unicode_casemap(text: str) -> str:
    """Equal for what i;unicode-casemap takes as equal (RFC 5051 §2)."""
    if text.isascii():
        return text.upper()
    return "".join(
        unicodedata.normalize("NFKD", "".join(map(_titlecase, piece))) for piece in _pieces(text)
    )


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces, because sorting a run of combining marks takes quadratic time.

    A piece begins with ASCII, which sorts with nothing before it, wherever there is some.
    """
    start = 0
    while len(text) - start > _PIECE:
        ascii_ = _ASCII.search(text, start + _PIECE, start + 2 * _PIECE)
        end = ascii_.start() if ascii_ else start + 2 * _PIECE
        yield text[start:end]
        start = end
    yield text[start:]


# Each maps a text so that comparing code points compares as the collation does (RFC 4790 §9).
COLLATIONS: dict[str, Callable[[str], str]] = {
    "i;ascii-casemap": lambda text: (
        text.upper() if text.isascii() else text.translate(_ASCII_UPPER)
    ),
    "i;octet": str,
    "i;unicode-casemap": unicode_casemap,
}
DEFAULT_COLLATION = "i;unicode-casemap"


@dataclass(frozen=True)
class TextMatch:
    """CARDDAV:text-match (§10.5.4)."""

    text: str
    collation: str = DEFAULT_COLLATION
    match: str = "contains"
    negate: bool = False

    @cached_property
    def folded(self) -> str:
        """The text, mapped by its collation."""
        return COLLATIONS[self.collation](self.text)

    def matches(self, candidates: Iterable[str]) -> bool:
        """Whether one of *candidates* matches, or none if the condition is negated."""
        fold, match = COLLATIONS[self.collation], MATCHES[self.match]
        return any(match(fold(text), self.folded) for text in candidates) is not self.negate


@dataclass(frozen=True)
class ParamFilter:
    """CARDDAV:param-filter (§10.5.2)."""

    name: str
    defined: bool = True
    text: TextMatch | None = None

    def matches(self, instance: Property, instances: list[Property]) -> bool:
        """Whether *instance* matches; is-not-defined asks all *instances* (§10.5.3)."""
        if not self.defined:
            return not any(item.param(self.name) for item in instances)
        found = instance.param(self.name)
        return bool(found) and (self.text is None or self.text.matches(found))


@dataclass(frozen=True)
class PropFilter:
    """CARDDAV:prop-filter (§10.5.1)."""

    name: str
    group: str | None = None
    defined: bool = True
    test: str = "anyof"
    texts: tuple[TextMatch, ...] = ()
    params: tuple[ParamFilter, ...] = ()

    def matches(self, vcard: VCard) -> bool:
        """Whether there is one instance for which the test holds."""
        instances = vcard.get(self.name, self.group)
        if not self.defined or not instances:
            return self.defined is bool(instances)
        if not self.texts and not self.params:
            return True
        return any(TESTS[self.test](self._results(item, instances)) for item in instances)

    def _results(self, item: Property, instances: list[Property]) -> Iterable[bool]:
        strings = candidates(item) if self.texts else []
        yield from (text.matches(strings) for text in self.texts)
        yield from (param.matches(item, instances) for param in self.params)


@dataclass(frozen=True)
class Filter:
    """CARDDAV:filter (§10.5).  Without a prop-filter every card matches."""

    test: str = "anyof"
    props: tuple[PropFilter, ...] = ()

    @cached_property
    def names(self) -> frozenset[str]:
        """The properties it looks at."""
        return frozenset(item.name for item in self.props)

    def matches(self, vcard: VCard) -> bool:
        """Whether the card is among those that the query asks for."""
        return not self.props or TESTS[self.test](item.matches(vcard) for item in self.props)


# The RFC does not say what a text-match is compared with.  A structured or list value matches as a
# whole, and by each of its parts.
STRUCTURED = {"N", "ADR", "ORG", "GENDER"}
LISTS = {"CATEGORIES", "NICKNAME"}
BINARY = {"PHOTO", "LOGO", "SOUND", "KEY"}


def candidates(item: Property) -> list[str]:
    """The texts that a property instance may match by, the whole value first."""
    if item.name in STRUCTURED:
        parts = values.components(item.escaped)
        return [";".join(parts), *parts]
    if item.name in LISTS:
        parts = values.items(item.escaped)
        return [",".join(parts), *parts]
    if item.name in BINARY and _is_inline(item):
        return []  # nobody looks for letters inside a picture's base64
    return [item.text]  # of URIs as well, in which Google escapes the colon


def _is_inline(item: Property) -> bool:
    return item.value[:5].lower() == "data:" or bool(item.param("ENCODING"))


def remembering(parse: Callable[[Element | None], Filter]) -> Callable[[Element | None], Filter]:
    """What was made of an element; nobody changes one, and bodies that come again are the same."""
    kept: WeakKeyDictionary[Element, Filter] = WeakKeyDictionary()

    @wraps(parse)
    def remembered(element: Element | None) -> Filter:
        if element is None:
            return parse(element)
        if element not in kept:
            kept[element] = parse(element)
        return kept[element]

    return remembered


@remembering
def parse(element: Element | None) -> Filter:
    """The Filter of a CARDDAV:filter element; every card for None.

    UnsupportedFilter, UnsupportedCollation; BadRequest when a name is missing.
    """
    if element is None:
        return Filter()
    if sum(1 for _ in element.iter()) > MAX_CONDITIONS:
        raise UnsupportedFilter(f"a filter may have at most {MAX_CONDITIONS} elements")
    return Filter(
        _choice(element, "test", TESTS, "anyof"),
        tuple(map(_prop_filter, _children(element, CARDDAV.prop_filter))),
    )


def _prop_filter(element: Element) -> PropFilter:
    conditions = _children(
        element, CARDDAV.is_not_defined, CARDDAV.text_match, CARDDAV.param_filter
    )
    group, _, name = _name(element).rpartition(".")
    return PropFilter(
        name,
        group or None,
        all(child.tag != CARDDAV.is_not_defined for child in conditions),
        _choice(element, "test", TESTS, "anyof", element),
        tuple(_text_match(c, element) for c in conditions if c.tag == CARDDAV.text_match),
        tuple(_param_filter(c) for c in conditions if c.tag == CARDDAV.param_filter),
    )


def _param_filter(element: Element) -> ParamFilter:
    condition = _children(element, CARDDAV.is_not_defined, CARDDAV.text_match)
    texts = [_text_match(c, element) for c in condition if c.tag == CARDDAV.text_match]
    return ParamFilter(
        _name(element),
        all(child.tag != CARDDAV.is_not_defined for child in condition),
        texts[0] if texts else None,
    )


def _text_match(element: Element, parent: Element) -> TextMatch:
    collation = element.get("collation", DEFAULT_COLLATION)
    if collation == "default":  # RFC 4790 §3.1
        collation = DEFAULT_COLLATION
    if collation not in COLLATIONS:
        raise UnsupportedCollation(f"the collation {collation:.80} is not supported")
    return TextMatch(
        element.text or "",
        collation,
        _choice(element, "match-type", MATCHES, "contains", parent),
        _choice(element, "negate-condition", ("yes", "no"), "no", parent) == "yes",
    )


def _name(element: Element) -> str:
    name = element.get("name", "").strip()
    if not name:
        raise BadRequest(f"{element.tag} needs a name")
    return name.upper()


def _choice(
    element: Element, attribute: str, choices: Iterable[str], default: str, *culprit: Element
) -> str:
    """An attribute's value, one of *choices*; otherwise UnsupportedFilter with the *culprit*."""
    value = element.get(attribute, default)
    if value not in choices:
        raise UnsupportedFilter(
            f"{attribute}={value:.80} is not supported", *map(fragment, culprit)
        )
    return value


def _children(element: Element, *names: str) -> list[Element]:
    """The conditions in *element*.

    UnsupportedFilter for one of CardDAV's that cannot stand here: leaving it out would answer
    another question.  Elements of other namespaces are extensions (RFC 4918 §17).
    """
    found = [child for child in element if child.tag.startswith(f"{{{CARDDAV.uri}}}")]
    for child in found:
        if child.tag not in names:
            culprit = child if element.tag == CARDDAV.filter else element
            raise UnsupportedFilter(f"{child.tag} is not supported here", fragment(culprit))
    return found
