"""The forms in which a card can be had: CARDDAV:address-data (RFC 6352 §10.4) and GET's Accept."""

from collections.abc import Callable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ..dav import headers
from ..dav.errors import NoConversion, UnsupportedAddressData
from ..dav.xml import escape
from . import content, convert, jcard, partial

VCARD = "text/vcard"
REVISION = 1  # to be raised with every change to what becomes of a card: some keep the old texts

# How a card of this version is written as this content type.  Clients take the first: 3.0, because
# macOS drops cards of 4.0.
_WRITERS: dict[tuple[str, str], Callable[[bytes], bytes]] = {
    (VCARD, "3.0"): lambda data: data,
    (VCARD, "4.0"): lambda data: data,
    (jcard.CONTENT_TYPE, "4.0"): jcard.from_vcard,
}
SUPPORTED = tuple(_WRITERS)


@dataclass(frozen=True)
class AddressData:
    """How somebody wants a card: by default as RFC 6352 §10.4 has it, whole and in 3.0."""

    content_type: str = VCARD
    version: str = "3.0"
    choice: partial.Choice | None = None

    def render(self, data: bytes) -> bytes:
        """A stored card in this form; the same object where it is in it already.  NoConversion."""
        data = convert.convert(data, self.version)
        if self.choice:
            try:
                data = self.choice.apply(data)
            except content.Unreadable as error:
                raise NoConversion(str(error)) from None
        return _WRITERS[self.content_type, self.version](data)

    def text(self, data: bytes) -> str:
        """As render, for an XML document."""
        return content.text(self.render(data))

    def ready(self, data: bytes) -> bytes:
        """As text, as it stands between the tags of a document."""
        return escape(self.text(data)).encode()

    @property
    def kept(self) -> str | None:
        """Under which name a store may keep the texts of this form; None for those of a few."""
        return self.version if self.choice is None and self.content_type == VCARD else None

    @property
    def media_type(self) -> str:
        """Its Content-Type; old clients do not expect a version, and take 3.0 for granted."""
        if self.content_type != VCARD:
            return self.content_type
        return f"{VCARD}; charset=utf-8" + ("; version=4.0" if self.version == "4.0" else "")


def parse(element: Element) -> AddressData:
    """What a CARDDAV:address-data element asks for; UnsupportedAddressData, BadRequest."""
    kind = element.get("content-type", VCARD).partition(";")[0].strip().lower()
    version = element.get("version") or (AddressData.version if kind == VCARD else None)
    form = find(kind, version)
    if form is None:
        raise UnsupportedAddressData(f"{kind:.80} {version or '':.20} is not supported")
    return AddressData(form.content_type, form.version, partial.parse(element))


def find(content_type: str, version: str | None) -> AddressData | None:
    """The form of this type and version, of the type's first version for None, if there is one."""
    for known in SUPPORTED:
        if known[0] == content_type and version in (None, known[1]):
            return AddressData(*known)
    return None


def negotiate(data: bytes, accept: str | None) -> tuple[str, bytes]:
    """The Content-Type and the octets of the answer to a GET with this Accept header.

    The stored octets unless another form is preferred; so, too, where it names no form there is,
    because a client that says too little is better served with a card than with a 406.
    """
    stored = AddressData(version=_stored_version(data))
    form = _preferred(headers.accepted(accept), stored)
    if form != stored:
        try:
            return form.media_type, form.render(data)
        except NoConversion:
            pass
    return stored.media_type, data


def _preferred(ranges: list[tuple[str, dict[str, str], float]], stored: AddressData) -> AddressData:
    """The form with the highest quality; among equals the stored one, unless by a wildcard."""
    choices: list[tuple[float, int, int, AddressData]] = []  # worst comes last
    for kind, params, quality in ranges:
        form = find(kind, params.get("version"))
        if kind == VCARD and params.get("version") in (None, stored.version):
            choices.append((-quality, 0, len(choices), stored))
        elif form:
            choices.append((-quality, 1, len(choices), form))
        elif kind in ("*/*", "text/*"):
            choices.append((-quality, 2, len(choices), stored))
    return min(choices)[-1] if choices else stored


def _stored_version(data: bytes) -> str:
    try:
        return content.version(data)
    except content.Unreadable:
        return ""
