"""A choice of properties in CARDDAV:address-data (RFC 6352 §10.4): parse it, apply it to a card."""

from dataclasses import dataclass
from functools import cached_property
from xml.etree.ElementTree import Element

from ..dav.errors import BadRequest
from ..dav.names import CARDDAV
from . import content
from .content import Property

# A card without these is none, and sabre's clients rely on the last two.
ALWAYS = ("VERSION", "UID", "FN")


@dataclass(frozen=True)
class Choice:
    """CARDDAV:prop elements as (group or None, name, novalue), names in upper case."""

    properties: tuple[tuple[str | None, str, bool], ...]

    @cached_property
    def _novalue(self) -> dict[tuple[str | None, str], bool]:
        return {(group, name): novalue for group, name, novalue in self.properties}

    def apply(self, data: bytes) -> bytes:
        """The card with the chosen properties only, their lines unchanged, in the card's order.

        content.Unreadable.
        """
        chosen = b"".join(map(self._chosen, content.parse(data).properties))
        return b"BEGIN:VCARD\r\n" + chosen + b"END:VCARD\r\n"

    def _chosen(self, item: Property) -> bytes:
        group = (item.group or "").upper() or None
        novalue = self._novalue.get((None, item.name), self._novalue.get((group, item.name)))
        if novalue and item.name != "VERSION":
            return content.write_line(item.group, item.name, item.params, "")
        return b"" if novalue is None and item.name not in ALWAYS else item.line


def parse(element: Element) -> Choice | None:
    """The choice that a CARDDAV:address-data element makes; None for the whole card."""
    wanted = element.findall(CARDDAV.prop)
    if not wanted or element.find(CARDDAV.allprop) is not None:
        return None
    return Choice(tuple((*_name(child), child.get("novalue") == "yes") for child in wanted))


def _name(element: Element) -> tuple[str | None, str]:
    name = element.get("name", "").strip().upper()
    if not name:
        raise BadRequest(f"{element.tag} needs a name")
    group, _, name = name.rpartition(".")
    return group or None, name
