"""CardDAV (RFC 6352 §6.2, §7.1, §8.3.1, §10.4).  None is in allprop, as it says of each."""

from dataclasses import replace
from xml.etree.ElementTree import Element

from ...dav import xml
from ...dav.errors import CardUnavailable
from ...dav.names import CALENDARSERVER, CARDDAV, DAV
from ...dav.xml import LANGUAGE, XML, E, Whole, join
from ...model import AddressBook, BrokenCard, Card, Home, Principal
from ...vcard import address_data as forms
from ...vcard.query import COLLATIONS
from ..context import Context
from ..registry import prop
from .rfc4918 import text


@prop(CARDDAV.addressbook_home_set, on=(Principal, Home), allprop=False)
def addressbook_home_set(resource: Principal | Home, ctx: Context) -> XML:
    """§7.1.1"""
    owner = resource.name if isinstance(resource, Principal) else resource.owner
    return E(DAV.href, ctx.href(Home(owner)))


@prop(CARDDAV.principal_address, on=Principal, allprop=False)
def principal_address(principal: Principal, ctx: Context) -> XML | None:
    """§7.1.2: the card that the user's Apple devices have marked as their own."""
    me_card = dict(principal.dead).get(CALENDARSERVER.me_card)
    href = xml.parse(xml.document(DAV.prop, me_card)).findtext(f"*/{DAV.href}") if me_card else None
    return E(DAV.href, href) if href else None


def set_addressbook_description(book: AddressBook, value: Element | None) -> AddressBook:
    language = None if value is None else value.get(LANGUAGE)
    return replace(book, description=text(value), language=language)


@prop(
    CARDDAV.addressbook_description,
    on=AddressBook,
    allprop=False,
    set=set_addressbook_description,
)
def addressbook_description(book: AddressBook, ctx: Context) -> str | None:
    """§6.2.1"""
    if book.description is None or book.language is None:
        return book.description
    said = E(CARDDAV.addressbook_description, book.description, **{"xml:lang": book.language})
    return Whole(said)


@prop(CARDDAV.max_resource_size, CARDDAV.max_image_size, on=AddressBook, allprop=False)
def max_resource_size(book: AddressBook, ctx: Context) -> str:
    """§6.2.3; max-image-size is Apple's.  PUT reads the same limit."""
    return str(ctx.limits.max_resource_size)


@prop(CARDDAV.supported_address_data, on=AddressBook, allprop=False)
def supported_address_data(book: AddressBook, ctx: Context) -> XML:
    """§6.2.2, with 3.0 before 4.0."""
    return join(
        E(CARDDAV.address_data_type, content_type=kind, version=version)
        for kind, version in forms.SUPPORTED
    )


@prop(CARDDAV.supported_collation_set, on=AddressBook, allprop=False)
def supported_collation_set(book: AddressBook, ctx: Context) -> XML:
    """§8.3.1"""
    return join(E(CARDDAV.supported_collation, name) for name in COLLATIONS)


@prop(CARDDAV.address_data, on=Card, allprop=False, asked=forms.parse)
def address_data(card: Card, ctx: Context, said: forms.AddressData) -> str:
    """§10.4, in the form that was asked for; 3.0 where the client did not say."""
    return said.text(card.data)


@prop(CARDDAV.address_data, on=BrokenCard, allprop=False)
def no_address_data(card: BrokenCard, ctx: Context) -> str:
    """What is there and cannot be read is not to be taken for absent."""
    raise CardUnavailable(card.why)
