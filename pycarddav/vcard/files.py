"""Files of many cards, one after the other, as address books export them."""

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from . import content

MAX_CARD = 32 * 2**20  # octets: far above what a server stores, and what memory can bear
_CHUNK = 2**16
_BEGIN = re.compile(rb"(?:\xef\xbb\xbf)?BEGIN:VCARD\s*", re.IGNORECASE)
_END = re.compile(rb"END:VCARD\s*", re.IGNORECASE)
_AGENT = re.compile(rb"(?:[\w.-]+\.)?AGENT[;:].*", re.IGNORECASE | re.DOTALL)


class Piece(NamedTuple):
    """The exact bytes of a card, or of what stands between cards; *line* is its first, from 1."""

    line: int
    data: bytes
    is_card: bool


def split(file: BinaryIO) -> Iterator[bytes]:
    """The exact bytes of each card, read as it goes; what is between cards is left out.

    UTF-16 becomes UTF-8.  A card without END goes up to the next one, or to the end of the file.
    content.Unreadable for a card above MAX_CARD.
    """
    return (piece.data for piece in pieces(file) if piece.is_card)


def pieces(file: BinaryIO) -> Iterator[Piece]:
    """As split(), with what is in no card, unless that is blank; of much there, the beginning."""
    card, other = bytearray(), bytearray()
    start = depth = 0
    before = b""
    for number, line in enumerate(lines(file), 1):
        begins = len(line) > 10 and bool(_BEGIN.fullmatch(line))
        if begins and card and not _AGENT.fullmatch(before):  # the one before has no END
            yield Piece(start, bytes(card), True)
            card, depth = bytearray(), 0
        if begins and not card:
            yield from _between(start, other)
            start, other = number, bytearray()
        if begins or card:
            card += line
            depth += begins - bool(_END.fullmatch(line))
            _require_bounded(len(card))
        else:
            start = start if other else number
            other += line[: _CHUNK - len(other)] if other else line.lstrip()[:_CHUNK]
        if card and not depth:
            yield Piece(start, bytes(card), True)
            card = bytearray()
        before = line if line.strip() else before
    yield from [Piece(start, bytes(card), True)] if card else _between(start, other)


def _between(start: int, other: bytearray) -> Iterator[Piece]:
    if other.strip():
        yield Piece(start, bytes(other), False)


def _require_bounded(size: int) -> None:
    if size > MAX_CARD:
        raise content.Unreadable(f"a card of more than {MAX_CARD} octets")


def lines(file: BinaryIO) -> Iterator[bytes]:
    """Physical lines with their ends: CRLF, LF or CR."""
    pending: list[bytes] = []
    size = 0
    for chunk in _chunks(file):
        if pending and _is_whole(pending[-1], chunk):
            yield b"".join(pending)
            pending, size = [], 0
        *whole, last = chunk.splitlines(keepends=True)
        if whole:
            yield b"".join((*pending, whole[0]))
            yield from whole[1:]
            pending, size = [], 0
        pending.append(last)
        size += len(last)
        _require_bounded(size)
    if pending:
        yield b"".join(pending)


def _is_whole(line: bytes, after: bytes) -> bool:
    """Whether the line ends before *after*, and not within a CRLF."""
    return line.endswith(b"\n") or (line.endswith(b"\r") and not after.startswith(b"\n"))


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    """The octets of *file* by and by, never an empty piece: half a character of UTF-16 waits."""
    chunk = file.read(_CHUNK)
    utf16 = chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    while chunk:
        if piece := decoder.decode(chunk).encode() if utf16 else chunk:
            yield piece
        chunk = file.read(_CHUNK)
