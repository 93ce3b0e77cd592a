"""What clients took over from Apple's calendar server.  CS:me-card needs no code: it is dead."""

import hashlib
from urllib.parse import quote

from ...dav.names import CALDAV, CALENDARSERVER, DAV
from ...dav.xml import XML, E
from ...model import AddressBook, Home, Principal
from ..context import Context
from ..registry import prop
from ..tree import books


@prop(CALENDARSERVER.getctag, on=AddressBook, allprop=False)
def getctag(book: AddressBook, ctx: Context) -> str:
    """Changes when a card does; without it macOS fetches nothing."""
    return book.token


@prop(CALENDARSERVER.getctag, on=Home, allprop=False)
def home_getctag(home: Home, ctx: Context) -> str:
    """Changes when any of its books does: iOS looks here first."""
    state = "\n".join(f"{book.name}/{book.token}" for book in books(home.owner, ctx))
    return hashlib.sha256(state.encode()).hexdigest()[:32]


@prop(CALENDARSERVER.email_address_set, on=Principal, allprop=False)
def email_address_set(principal: Principal, ctx: Context) -> XML:
    """What is known of a user's address: the name, where that is one."""
    return E(CALENDARSERVER.email_address, principal.name) if "@" in principal.name else XML()


@prop(CALDAV.calendar_user_address_set, on=Principal, allprop=False)
def calendar_user_address_set(principal: Principal, ctx: Context) -> XML:
    """RFC 6638 §2.4.1, by which clients look for people even where there are no calendars."""
    name = principal.name
    return E(DAV.href, "mailto:" + quote(name, safe="@")) if "@" in name else XML()
