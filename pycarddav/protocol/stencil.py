"""Answer for one entry of a book as for another, but for what tells them apart.

Delete the decorators, and nothing but the clock notices: of a listing of 10,000 cards, two thirds
of the time.  What to fill in where is found out by asking for two cards that there are not: what is
not the same in both answers, apart from the facts known to differ, cannot be told in this way.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import replace
from functools import wraps
from itertools import chain, islice

from ..dav.errors import NoConversion
from ..dav.headers import http_date
from ..dav.xml import Fragment, escape
from ..model import AddressBook, BrokenCard, Card, Entry
from .cache import Parts
from .context import Context, asks
from .propfind import PropFind

Answered = Iterator[tuple[Entry, Fragment]]
Answer = Callable[[Iterable[Entry], PropFind, Context], Answered]
Fact = Callable[[Entry, Context], str]

FEW = 4  # entries that are answered for as they are; a stencil would not be worth it
FACTS: tuple[Fact, ...] = (
    lambda entry, ctx: escape(ctx.href(entry)),
    lambda entry, ctx: escape(entry.etag),
    lambda entry, ctx: str(entry.size),
    lambda entry, ctx: http_date(entry.modified),
)

# An answer in parts, each with the numbers of the facts to fill in; between them is the content.
Stencil = Parts
NONE: Stencil = ()  # where there can be none
_OVERHEAD = 1000  # octets of what is remembered with one


def stencilled(answer: Answer) -> Answer:
    """Use a stencil for entries without properties of their own, where there are many."""

    @wraps(answer)
    def quick(entries: Iterable[Entry], wanted: PropFind, ctx: Context) -> Answered:
        entries = iter(entries)
        if (first := next(entries, None)) is None:
            return
        entries, book = chain([first], entries), first.book
        if (stencil := known(book, wanted, ctx)) is None:
            some = list(answer(islice(entries, FEW), wanted, ctx))
            yield from some
            stencil = NONE if len(some) < FEW or ctx.locks(book.owner) else _cut(some, wanted, ctx)
        for entry in entries:
            text = content(entry, wanted) if stencil and is_plain(entry) else None
            if text is None:
                yield from answer([entry], wanted, ctx)
            else:
                yield entry, filled(stencil, entry, text, ctx)

    return quick


def filled(stencil: Stencil, entry: Entry, text: bytes, ctx: Context) -> bytes:
    """The answer for an entry whose content, as it is wanted, is this text."""
    return text.join(
        [
            (
                part % tuple([FACTS[number](entry, ctx) for number in facts]) if facts else part
            ).encode()
            for part, facts in stencil
        ]
    )


def known(book: AddressBook, wanted: PropFind, ctx: Context) -> Stencil | None:
    """The stencil for what is wanted of the cards of this book; None when it is not known yet."""
    return NONE if ctx.locks(book.owner) else ctx.caches.stencils.get(_kind(book, wanted, ctx))


def is_plain(entry: Entry) -> bool:
    """Whether it has no properties of its own, and nothing to say but its facts and content."""
    return not entry.dead and not isinstance(entry, BrokenCard)


def content(entry: Entry, wanted: PropFind) -> bytes | None:
    """What is to be said of the content of an entry; None where that cannot be had."""
    if not wanted.form:
        return b""
    try:
        return wanted.form.ready(entry.data) if isinstance(entry, Card) else None
    except NoConversion:
        return None


def _kind(book: AddressBook, wanted: PropFind, ctx: Context) -> Hashable:
    """Everything that an answer for a card depends on, but for the card."""
    return replace(book, token="", revision="", size=0), wanted, asks(ctx)


def _cut(known: list[tuple[Entry, Fragment]], wanted: PropFind, ctx: Context) -> Stencil:
    """What answers as in the *known* cases."""
    book = known[0][0].book
    pieces, others = (_pieces(stranger, wanted, ctx) for stranger in _strangers(book))
    found = _assembled(pieces) if pieces == others else NONE
    for entry, fragment in known:
        text = content(entry, wanted) if is_plain(entry) else None
        if text is not None and filled(found, entry, text, ctx) != _octets(fragment):
            found = NONE
    ctx.caches.stencils.put(_kind(book, wanted, ctx), found, wanted.size + _OVERHEAD)
    return found


def _octets(fragment: Fragment) -> bytes:
    return fragment if isinstance(fragment, bytes) else fragment.encode()


def _strangers(book: AddressBook) -> Iterator[Card]:
    """Two cards whose facts cannot be mistaken for anything else in an answer."""
    for name, etag, size, modified in (
        ("stranger-6b1f0c9d", '"6b1f0c9d8e2a"', 730_912_845_167, 3_913_056_001.0),
        ("unknown-e47d52a3", '"e47d52a36f08"', 518_273_640_999, 4_021_913_477.0),
    ):
        data = f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{name[::-1]}\r\nN:;;;;\r\nEND:VCARD\r\n".encode()
        yield Card(book, name, etag, size, modified, data=data)


_CONTENT = -1
Pieces = list[str | int]  # of an answer, with the number of a fact in place of what it says


def _pieces(stranger: Card, wanted: PropFind, ctx: Context) -> Pieces:
    facts = {fact(stranger, ctx): number for number, fact in enumerate(FACTS)}
    if text := content(stranger, wanted):
        facts[text.decode()] = _CONTENT
    pieces = re.split(f"({'|'.join(map(re.escape, facts))})", str(wanted.answer(stranger, ctx)))
    return [facts.get(piece, piece) for piece in pieces]


def _assembled(pieces: Pieces) -> Stencil:
    parts: list[tuple[str, tuple[int, ...]]] = [("", ())]
    for piece in pieces:
        text, facts = parts[-1]
        if piece == _CONTENT:
            parts.append(("", ()))
        elif isinstance(piece, str):
            parts[-1] = text + piece.replace("%", "%%"), facts
        else:
            parts[-1] = text + "%s", (*facts, piece)
    return tuple((text if facts else text % (), facts) for text, facts in parts)
