"""WebDAV (RFC 4918 §15)."""

from dataclasses import replace
from typing import TypeVar
from xml.etree.ElementTree import Element

from ...dav.headers import http_date
from ...dav.names import CARDDAV, DAV
from ...dav.xml import XML, E, join
from ...model import AddressBook, Entry, Home, Principal, PrincipalCollection, Resource, Root
from .. import locks
from ..context import Context
from ..registry import method, prop

CARD_TYPE = "text/vcard; charset=utf-8"
TYPES = {
    Root: (DAV.collection,),
    PrincipalCollection: (DAV.collection,),
    Principal: (DAV.collection, DAV.principal),
    Home: (DAV.collection,),
    AddressBook: (DAV.collection, CARDDAV.addressbook),
}


@prop(DAV.resourcetype, on=object)
def resourcetype(resource: Resource, ctx: Context) -> XML:
    """Empty, but there, for a card: Thunderbird skips an entry without it."""
    return join(E(name) for name in TYPES.get(type(resource), ()))


@prop(DAV.displayname, on=(Root, PrincipalCollection))
def server_name(resource: Root, ctx: Context) -> str:
    return "pycarddav"


def text(value: Element | None) -> str | None:
    """The text of a property as it is set; None when it is removed."""
    return None if value is None else "".join(value.itertext())


Named = TypeVar("Named", Principal, Home, AddressBook)


def set_displayname(named: Named, value: Element | None) -> Named:
    return replace(named, displayname=text(value))


@prop(DAV.displayname, on=Principal, set=set_displayname)
def principal_name(principal: Principal, ctx: Context) -> str:
    """Required of a principal (RFC 3744 §4): what its home is called, or else the user's name."""
    return principal.displayname or principal.name


@prop(DAV.displayname, on=(Home, AddressBook), set=set_displayname)
def displayname(collection: Home | AddressBook, ctx: Context) -> str | None:
    return collection.displayname


@prop(DAV.getetag, on=Entry)
def getetag(entry: Entry, ctx: Context) -> str:
    return entry.etag


@prop(DAV.getcontentlength, on=Entry)
def getcontentlength(entry: Entry, ctx: Context) -> str:
    return str(entry.size)


@prop(DAV.getcontenttype, on=Entry)
def getcontenttype(entry: Entry, ctx: Context) -> str:
    return CARD_TYPE


@prop(DAV.getlastmodified, on=Entry)
def getlastmodified(entry: Entry, ctx: Context) -> str:
    return http_date(entry.modified)


@prop(DAV.supportedlock, on=object)
def supportedlock(resource: Resource, ctx: Context) -> XML:
    """§15.10: the same everywhere where LOCK is."""
    scopes = (DAV.exclusive, DAV.shared) if method.find("LOCK", type(resource)) else ()
    write = E(DAV.locktype, E(DAV.write))
    return join(E(DAV.lockentry, E(DAV.lockscope, E(scope)), write) for scope in scopes)


@prop(DAV.lockdiscovery, on=object)
def lockdiscovery(resource: Resource, ctx: Context) -> XML:
    """§15.8"""
    return join(locks.activelock(lock, ctx) for lock in locks.covering(resource, ctx))
