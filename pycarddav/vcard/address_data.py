"""Which forms of a card can be had (RFC 6352 §5.1.1, §10.4)."""

from dataclasses import dataclass
from xml.etree.ElementTree import Element

SUPPORTED = (("text/vcard", "3.0"), ("text/vcard", "4.0"))


@dataclass(frozen=True)
class AddressData:
    """What a CARDDAV:address-data element asks for."""

    version: str = "3.0"

    def text(self, data: bytes) -> str:
        """The card as it goes into the answer."""
        return data.decode(errors="replace")


def parse(element: Element) -> AddressData:
    """The wish in a CARDDAV:address-data element."""
    return AddressData(element.get("version", "3.0"))


def negotiate(data: bytes, accept: str | None) -> tuple[str, bytes]:
    """The Content-Type and the octets of the answer to a GET with this Accept header."""
    return "text/vcard; charset=utf-8", data
