"""Cards on their way out: as they are stored, in one version, or as something else."""

import json
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import BinaryIO

from ..dav.errors import NoConversion
from ..model import AddressBook, BrokenCard, Card
from ..store.filesystem import names, properties
from ..vcard import content, jcard
from ..vcard.address_data import AddressData
from . import rows

# A card that is to go out, and where to say why one cannot.
Cards = Iterator[Card | BrokenCard]
Complain = Callable[[Card | BrokenCard, str], None]
Writer = Callable[[Cards, BinaryIO, Complain], None]
Render = Callable[[bytes], bytes]


def _rendered(cards: Cards, render: Render, complain: Complain) -> Iterator[tuple[Card, bytes]]:
    """Each card in a form, but those that cannot be read or have no such form."""
    for card in cards:
        if isinstance(card, BrokenCard):
            complain(card, card.why)
            continue
        try:
            yield card, render(card.data)
        except (NoConversion, content.Unreadable) as error:
            complain(card, str(error))


def _texts(render: Render) -> Writer:
    """One file of cards after each other."""

    def write(cards: Cards, out: BinaryIO, complain: Complain) -> None:
        for _, data in _rendered(cards, render, complain):
            out.write(data if data.endswith((b"\n", b"\r")) else data + b"\r\n")

    return write


def _jcards(cards: Cards, out: BinaryIO, complain: Complain) -> None:
    """A JSON array of jCards (RFC 7095 has no other way for several)."""
    before = b"["
    for _, data in _rendered(cards, AddressData(jcard.CONTENT_TYPE, "4.0").render, complain):
        out.write(before + data)
        before = b",\n"
    out.write(b"]\n" if before != b"[" else b"[]\n")


def _spreadsheet(cards: Cards, out: BinaryIO, complain: Complain) -> None:
    """A row for each card, with the columns of Google that are needed."""
    found = [
        rows.row(content.parse(data))
        for _, data in _rendered(cards, AddressData(version="3.0").render, complain)
    ]
    out.write(rows.written(found))


def _archive(cards: Cards, out: BinaryIO, complain: Complain) -> None:
    """A folder for each book: its files, and the properties as they are in the storage.

    Its times begin in 1980 and end in 2107.
    """
    books = set()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for card, data in _rendered(cards, bytes, complain):
            if card.book.name not in books:
                books.add(card.book.name)
                archive.writestr(f"{card.book.name}/{properties.FILE}", _properties(card.book))
            when = time.localtime(min(max(card.modified, 315_619_200), 4_354_732_800))[:6]
            info = zipfile.ZipInfo(f"{card.book.name}/{names.file_of(card.name)}", when)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)


def _properties(book: AddressBook) -> str:
    kept = {
        "displayname": book.displayname,
        "description": book.description,
        "language": book.language,
        "dead": book.dead,
    }
    return json.dumps(kept, ensure_ascii=False, indent=1) + "\n"


WRITERS: dict[str, Writer] = {
    "vcf": _texts(bytes),
    "vcf3": _texts(AddressData(version="3.0").render),
    "vcf4": _texts(AddressData(version="4.0").render),
    "jcard": _jcards,
    "csv": _spreadsheet,
    "zip": _archive,
}
