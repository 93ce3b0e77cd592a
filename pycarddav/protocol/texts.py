"""Answer with contents that the store has kept in the form that is wanted: nothing is read.

Delete the decorator, and nothing but the clock notices.  A text is kept under the etag of its card,
a hash of what it was made of: so it cannot be that of another state.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import wraps
from itertools import islice
from typing import Protocol

from .. import haste
from ..dav.xml import Fragment
from ..model import AddressBook, Entry
from . import stencil
from .cache import Stencil
from .context import Context
from .propfind import PropFind
from .stencil import Answered, filled

_AT_ONCE = 256  # cards whose texts are in memory before they are answered for
_READ_AT_ONCE = 16  # and with them the cards, which may have large pictures


class Answer(Protocol):
    def __call__(
        self,
        book: AddressBook,
        wanted: PropFind,
        ctx: Context,
        names: Collection[str] | None = None,
    ) -> Answered: ...


def kept(answer: Answer) -> Answer:
    """Fill kept texts into a stencil; the first cards, which it is cut of, are read."""

    @wraps(answer)
    def quick(
        book: AddressBook, wanted: PropFind, ctx: Context, names: Collection[str] | None = None
    ) -> Answered:
        if not wanted.form or not wanted.form.kept:
            yield from answer(book, wanted, ctx, names)
            return
        entries = list(ctx.store.entries(book, names))
        if (found := stencil.known(book, wanted, ctx)) is None:
            first, entries = entries[: stencil.FEW], entries[stencil.FEW :]
            yield from answer(book, wanted, ctx, [entry.name for entry in first])
            found = stencil.known(book, wanted, ctx)
        if not found:
            yield from answer(book, wanted, ctx, [entry.name for entry in entries])
            return
        for n in range(0, len(entries), _AT_ONCE):
            yield from _filled(found, entries[n : n + _AT_ONCE], wanted, wanted.form.kept, ctx)

    return quick


def reused(answer: stencil.Answer) -> stencil.Answer:
    """The same for cards that have been read already, by a search: they are not converted again."""

    @wraps(answer)
    def quick(entries: Iterable[Entry], wanted: PropFind, ctx: Context) -> Answered:
        entries = iter(entries)
        form = wanted.form.kept if wanted.form else None
        while form and (some := list(islice(entries, _READ_AT_ONCE))):
            if found := stencil.known(some[0].book, wanted, ctx):
                yield from _filled(found, some, wanted, form, ctx)
            else:
                yield from answer(some, wanted, ctx)
        yield from answer(entries, wanted, ctx)

    return quick


def _filled(
    found: Stencil, entries: Sequence[Entry], wanted: PropFind, form: str, ctx: Context
) -> Answered:
    """The answers for these entries of one book; the texts of those that are read are kept."""
    book = entries[0].book
    plain = [entry for entry in entries if stencil.is_plain(entry)]
    texts = ctx.store.texts(book, form, [entry.etag for entry in plain])
    answers: dict[str, tuple[Entry, Fragment]] = {
        entry.name: (entry, filled(found, entry, texts[entry.etag], ctx))
        for entry in plain
        if entry.etag in texts
    }
    new: dict[str, bytes] = {}
    for card in _read([entry for entry in entries if entry.name not in answers], ctx):
        text = stencil.content(card, wanted)
        if text is not None:
            new[card.etag] = text
        if text is not None and stencil.is_plain(card):
            answers[card.name] = card, filled(found, card, text, ctx)
        else:
            answers[card.name] = card, wanted.answer(card, ctx)
    if new:
        ctx.store.save_texts(book, form, new)
    return (answers[entry.name] for entry in entries if entry.name in answers)


def _read(entries: Sequence[Entry], ctx: Context) -> Iterator[Entry]:
    """These entries of one book, with their content."""
    unread = [entry.name for entry in entries if type(entry) is Entry]
    if unread:
        haste.wait()  # whoever has read them keeps their texts, which is written
    yield from (entry for entry in entries if type(entry) is not Entry)
    yield from ctx.store.cards(entries[0].book, unread) if unread else ()
