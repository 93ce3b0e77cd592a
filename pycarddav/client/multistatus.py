"""Multi-status answers (RFC 4918 §13) as real servers write them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from ..dav import xml
from ..dav.names import DAV
from .errors import Garbled

MAX_ELEMENTS = 4_000_000  # eight for each of 500 000 cards
_CODE = re.compile(r"\b([1-5]\d\d)\b")
_UNSPEAKABLE = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|&#0*(?:[0-8]|1[124-9]|2\d|3[01]|x(?:[0-8bcef]|1[\da-f]));",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Response:
    """What is said of one resource: its *status* as a whole, and the properties that it has.

    *href* is as it came; *status* is 200 where nothing else is said.
    """

    href: str
    status: int
    props: dict[str, Element] = field(default_factory=dict, repr=False)

    def text(self, name: str) -> str | None:
        """The text of a property, if there is one with text."""
        found = self.props.get(name)
        return None if found is None else (found.text or "").strip() or None

    def hrefs(self, name: str) -> list[str]:
        """The hrefs in a property."""
        found = self.props.get(name)
        return [] if found is None else [_text(item) for item in found.iter(DAV.href)]

    def has(self, name: str, child: str) -> bool:
        """Whether the property has this element in it."""
        found = self.props.get(name)
        return found is not None and found.find(child) is not None


@dataclass(frozen=True)
class Multistatus:
    """The responses, and the sync-token (RFC 6578 §6.4) if there is one."""

    responses: tuple[Response, ...]
    sync_token: str | None = None


def read(body: bytes, url: str, *, mend: bool = False) -> Multistatus:
    """What stands in *body*; Garbled.

    *mend* leaves out control characters that XML cannot carry, for listings: one name with a
    control character must not hide all others.
    """
    try:
        root = _parsed(body, mend)
    except (xml.Malformed, xml.Forbidden) as error:
        raise Garbled(f"{url}: not the XML that was asked for: {error}") from None
    if root.tag != DAV.multistatus:
        raise Garbled(f"{url}: {xml.split(root.tag)[1]:.40} came in place of a multistatus")
    responses = tuple(found for item in root.iter(DAV.response) for found in _responses(item))
    token = root.find(DAV.sync_token)
    return Multistatus(responses, None if token is None else _text(token) or None)


def _parsed(body: bytes, mend: bool) -> Element:
    try:
        return xml.parse(body, MAX_ELEMENTS)
    except xml.Malformed:
        if mend and _UNSPEAKABLE.search(body):
            return xml.parse(_UNSPEAKABLE.sub(b"", body), MAX_ELEMENTS)
        raise


def _responses(element: Element) -> Iterator[Response]:
    """One for each href: with a status in place of properties there may be several."""
    status = _status(element.find(DAV.status))
    props: dict[str, Element] = {}
    for propstat in element.findall(DAV.propstat):
        if 200 <= _status(propstat.find(DAV.status)) < 300:
            props.update((item.tag, item) for group in propstat.findall(DAV.prop) for item in group)
    for href in element.findall(DAV.href):
        yield Response(_text(href), status, props)


def _status(element: Element | None) -> int:
    """The code, wherever it stands in the line; 200 where there is no line."""
    found = _CODE.search("" if element is None else element.text or "")
    return int(found[1]) if found else 200


def _text(element: Element) -> str:
    return (element.text or "").strip()
