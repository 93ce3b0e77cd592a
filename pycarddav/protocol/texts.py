"""Answer with contents that the store has kept in the form that is wanted: nothing is read.

Delete the decorator, and nothing but the clock notices.  A text is kept under the etag of its card,
a hash of what it was made of: so it cannot be that of another state.
"""

from collections.abc import Collection, Sequence
from functools import wraps
from typing import Protocol

from ..dav.xml import Fragment
from ..model import AddressBook, Entry
from . import stencil
from .context import Context
from .propfind import PropFind
from .stencil import Answered, Stencil, filled

_AT_ONCE = 256  # cards whose texts are in memory before they are answered for


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
        if not wanted.form or not wanted.form.kept or ctx.locks(book.owner):
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


def _filled(
    found: Stencil, entries: Sequence[Entry], wanted: PropFind, form: str, ctx: Context
) -> Answered:
    """The answers for these entries of one book; the texts of those that are read are kept."""
    book = entries[0].book
    plain = [entry.etag for entry in entries if stencil.is_plain(entry)]
    texts = ctx.store.texts(book, form, plain)
    answers: dict[str, tuple[Entry, Fragment]] = {
        entry.name: (entry, filled(found, entry, texts[entry.etag], ctx))
        for entry in entries
        if entry.etag in texts and stencil.is_plain(entry)
    }
    new: dict[str, bytes] = {}
    missing = [entry.name for entry in entries if entry.name not in answers]
    for card in ctx.store.cards(book, missing) if missing else ():
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
