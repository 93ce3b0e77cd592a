"""Content lines (RFC 6350 §3.2 and §3.3, RFC 2425 §5.8): reading a card and writing lines.

Reading is lenient, linear and bounded, and keeps every byte: a card is its first bytes, the lines
of its properties and its last bytes, and those joined are the data it was read from.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from . import values

MAX_LINES = 10_000  # content lines; photos folded into more physical lines than that are real
MAX_PARAMETERS = 1_000  # of one line, counting each value of a list

Params = tuple[tuple[str, tuple[str, ...]], ...]

# Only CR and LF end a line: U+2028, NEL and VT are text.  Where every CR is part of a CRLF, the
# first pattern does, several times as fast as the second.
_LF_LINE = re.compile(rb"[^\n]*+\n(?:[ \t][^\n]*+\n)*+(?:[ \t][^\n]*+)?+|[^\n]++")
_ANY_LINE = re.compile(
    rb"[^\r\n]*+(?:\r++\n?+|\n)(?:[ \t][^\r\n]*+(?:\r++\n?+|\n))*+(?:[ \t][^\r\n]*+)?+|[^\r\n]++"
)
_SOFT_BREAK = re.compile(rb"=[\r\n]++")
_SOFT_ENDS = (b"=\r\n", b"=\n", b"=\r", b"=")
_QUOTED_PRINTABLE = re.compile(rb"[^:]*;(?:ENCODING=)?\"?QUOTED-PRINTABLE", re.IGNORECASE)

_HEAD = re.compile(r'(?:[^":]|"[^"]*+")*+(?=:)')
_NAME = re.compile(r"(?:([\w.-]+)\.)?([\w-]+)", re.ASCII)
_CARET = re.compile(r"\^[n'^]")  # RFC 6868 §3.2
_TOKENS = re.compile(r"[A-Za-z0-9-]+(?:,[A-Za-z0-9-]+)+")
_VERSION = re.compile(rb"BEGIN:VCARD[ \t]*\r?\nVERSION:([\d.]+)[ \t]*\r?\n", re.IGNORECASE)

LF, CR = b"\n\r"  # as numbers: "in" is then nine times as fast
BOM = b"\xef\xbb\xbf"
_ENCODINGS = {"QUOTED-PRINTABLE", "BASE64", "B", "8BIT", "7BIT"}


class Unreadable(ValueError):
    """There is no card in these bytes, or more of it than anyone needs."""


class Property(NamedTuple):
    """One content line.

    *group* is as written, *name* in upper case, *parameters* the text between name and colon,
    *value* unfolded but still escaped, *line* the exact bytes, with blank or unreadable lines that
    follow.  A nested component is a property BEGIN whose line is the whole component.
    """

    group: str | None
    name: str
    parameters: str
    value: str
    line: bytes

    @property
    def params(self) -> Params:
        """The parameters in order, names in upper case, each once, values decoded."""
        return read_params(self.parameters) if self.parameters else ()

    def param(self, name: str) -> tuple[str, ...]:
        """The values of one parameter; none when it is absent."""
        return next((found for key, found in self.params if key == name), ())

    @property
    def escaped(self) -> str:
        """The value without quoted-printable, which Android writes into 3.0 cards as well."""
        if "=" not in self.value or "QUOTED-PRINTABLE" not in self.parameters.upper():
            return self.value
        return values.quoted_printable(self.value, "".join(self.param("CHARSET")[:1]))

    @property
    def text(self) -> str:
        """What the value means as a single text."""
        return values.unescape(self.escaped)


@dataclass(frozen=True, slots=True)
class VCard:
    """One card.  *begin* and *end* are the bytes up to and from its first and last line."""

    begin: bytes
    properties: tuple[Property, ...]
    end: bytes

    def get(self, name: str, group: str | None = None) -> list[Property]:
        """The properties of this name (upper case), in this group (any case) if there is one."""
        found = [item for item in self.properties if item.name == name]
        if group is None:
            return found
        return [item for item in found if (item.group or "").lower() == group.lower()]

    def first(self, name: str) -> Property | None:
        """The first property of this name (upper case)."""
        return next((item for item in self.properties if item.name == name), None)

    @property
    def uid(self) -> str | None:
        """The UID's text, None when there is none or it is empty."""
        return next((uid for item in self.get("UID") if (uid := item.text.strip())), None)

    @property
    def version(self) -> str:
        """The first VERSION; empty when there is none."""
        found = self.first("VERSION")
        return found.value.strip() if found else ""

    def data(self) -> bytes:
        """The bytes."""
        return b"".join((self.begin, *(item.line for item in self.properties), self.end))


def parse(data: bytes, names: Collection[str] | None = None) -> VCard:
    """The first card in *data*, as leniently as possible; Unreadable when there is none.

    With *names*, only the properties called so, in less than half the time.
    """
    lines = logical_lines(data)
    begin, end = _until_begin(lines), b""
    pertinent = _pertinent(frozenset(names)) if names is not None else None
    properties: list[Property] = []
    illegible: dict[int, list[bytes]] = {}  # lines that are none, by the number of those before
    skipped = False
    for line in lines:
        if pertinent and not pertinent.match(line):
            skipped = True
            continue
        item = read_line(line)
        if item is None and skipped:
            continue  # it belongs to a property that nobody wants
        skipped = False
        if item is None:
            illegible.setdefault(len(properties), []).append(line)
        elif item.name == "END":
            end = line + b"".join(lines)  # all the rest
        elif item.name == "BEGIN":
            properties.append(item._replace(line=_component(line, lines)))
        else:
            properties.append(item)
    begin += b"".join(illegible.pop(0, ()))
    for number, found in illegible.items():
        properties[number - 1] = _extended(properties[number - 1], found)
    return VCard(begin, tuple(properties), end)  # without END, show what there is


@lru_cache(maxsize=64)
def _pertinent(names: frozenset[str]) -> re.Pattern[bytes]:
    """Matches lines that may be one of these properties, or none at all."""
    wanted = b"|".join(re.escape(name.encode()) for name in (*names, "BEGIN", "END"))
    other = rb"(?:[\w.-]+\.)?[\w-]+(?:;[^:]*)?:"
    return re.compile(rb"(?:[\w.-]+\.)?(?:" + wanted + rb")[;:]|(?!" + other + rb")", re.IGNORECASE)


def _until_begin(lines: Iterator[bytes]) -> bytes:
    taken = []
    for line in lines:
        taken.append(line)
        item = read_line(line.removeprefix(BOM))
        if item and item.name == "BEGIN" and item.value.strip().upper() == "VCARD":
            return b"".join(taken)
    raise Unreadable("there is no BEGIN:VCARD")


def _component(line: bytes, lines: Iterator[bytes]) -> bytes:
    """A nested component (AGENT in old cards) up to its END; *line* is its first."""
    taken, depth = [line], 1
    for line in lines:
        taken.append(line)
        item = read_line(line)
        depth += 0 if item is None else (item.name == "BEGIN") - (item.name == "END")
        if depth == 0:
            break
    return b"".join(taken)


def _extended(item: Property, lines: list[bytes]) -> Property:
    """Lines that are none stay with the one before: somebody let real newlines into a value."""
    texts = [text for line in lines if (text := decode(unfold(line)).strip())]
    return item._replace(value="\\n".join((item.value, *texts)), line=b"".join((item.line, *lines)))


def logical_lines(data: bytes) -> Iterator[bytes]:
    """The exact bytes of each unfolded line; Unreadable after MAX_LINES."""
    pattern = _LF_LINE if data.count(b"\r") == data.count(b"\r\n") else _ANY_LINE
    if len(data) <= MAX_LINES:  # no more lines than bytes: this is the faster way
        lines = pattern.findall(data)
    else:
        lines = [match[0] for match in islice(pattern.finditer(data), MAX_LINES + 1)]
    if len(lines) > MAX_LINES:
        raise Unreadable(f"more than {MAX_LINES} lines")
    if any(line.endswith(_SOFT_ENDS) for line in lines):
        lines = list(_joined(lines))
    return iter(lines)


def _joined(lines: list[bytes]) -> Iterator[bytes]:
    """A quoted-printable value goes on after a ``=`` at the end of the line, without a fold."""
    pending: list[bytes] = []
    for line in lines:
        soft = line.endswith(_SOFT_ENDS) and (pending or _QUOTED_PRINTABLE.match(line))
        pending.append(line)
        if not soft:
            yield b"".join(pending)
            pending = []
    if pending:
        yield b"".join(pending)


def read_line(line: bytes) -> Property | None:
    """A logical line as a property; None when it is none."""
    text = decode(unfold(line))
    head, colon, value = text.partition(":")
    if '"' in head:
        match = _HEAD.match(text)
        if match:  # otherwise a quote is never closed, and the first colon has to do
            head, value = match[0], text[match.end() + 1 :]
    named = _named(head) if len(head) < 200 else _named.__wrapped__(head)
    return Property(*named, value, line) if colon and named else None


def unfold(line: bytes) -> bytes:
    """A logical line without its folds: of bytes, since a fold may split a character."""
    raw = line.rstrip(b"\r\n")
    if LF not in raw and CR not in raw:
        return raw
    if _QUOTED_PRINTABLE.match(raw):
        raw = _SOFT_BREAK.sub(b"", raw)
    usual = raw.replace(b"\r\n ", b"")
    return usual if LF not in usual and CR not in usual else _unusual(raw)


def _unusual(raw: bytes) -> bytes:
    """The line without folds by tabs or other line ends.

    By replacing, not by a regex, which needs a hundred times the memory where all is folds.
    """
    raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    while b"\n\n" in raw:  # CR CR LF is one line end
        raw = raw.replace(b"\n\n", b"\n")
    return raw.replace(b"\n\t", b"\n ").replace(b"\n ", b"")


def decode(raw: bytes) -> str:
    """The text of a line: UTF-8, latin-1 where it cannot be that."""
    try:
        return raw.decode()
    except UnicodeDecodeError:  # somebody edited the file with an old editor
        return raw.decode("latin-1")


@lru_cache(maxsize=1024)  # a book has few different heads; this halves the time of reading a card
def _named(head: str) -> tuple[str | None, str, str] | None:
    """(group, name, parameters) of what stands before a line's colon."""
    full, semicolon, parameters = head.partition(";")
    match = _NAME.fullmatch(full.strip())
    if not match or parameters.count(";") + parameters.count(",") >= MAX_PARAMETERS:
        return None
    return match[1], match[2].upper(), semicolon + parameters


def read_params(text: str) -> Params:
    """The parameters in ``;A=b;C=d,e``: merged by name, unquoted, RFC 6868 decoded."""
    return _params(text) if len(text) < 200 else _params.__wrapped__(text)


@lru_cache(maxsize=256)
def _params(text: str) -> Params:
    params: dict[str, list[str]] = {}
    for parameter in split_unquoted(text, ";"):
        name, equals, value = parameter.partition("=")
        name = name.strip().upper()
        if not equals and name:  # vCard 2.1 leaves out the name
            name, value = ("ENCODING" if name in _ENCODINGS else "TYPE"), parameter.strip()
        if name:
            params.setdefault(name, []).extend(_param_values(name, value))
    return tuple((name, tuple(found)) for name, found in params.items())


def _param_values(name: str, text: str) -> list[str]:
    if name == "TYPE" and text[:1] == '"' and _TOKENS.fullmatch(text.strip('"')):
        text = text.strip('"')  # TYPE="voice,home" is a list: an example of RFC 6350 §6.4.1
    return [_param_value(value) for value in split_unquoted(text, ",")]


def split_unquoted(text: str, separator: str) -> list[str]:
    """The pieces between the separators that are not inside quotes."""
    segments = text.split('"')
    if len(segments) % 2 == 0:  # a quote that is never closed quotes nothing
        return text.split(separator)
    segments[::2] = [segment.replace(separator, "\n") for segment in segments[::2]]
    return '"'.join(segments).split("\n")  # there is no newline in an unfolded line


def _param_value(text: str) -> str:
    text = text.replace('"', "")
    if "^" not in text:
        return text
    text = text.replace("^^", "\r").replace("^n", "\n").replace("^'", '"')
    return text.replace("\r", "^")  # which no unfolded line has


def write_line(group: str | None, name: str, params: Params, value: str) -> bytes:
    """A folded content line; *value* is escaped already, but cannot get out of its line."""
    head = f"{group}.{name}" if group else name
    written = "".join(f";{key}={','.join(map(write_param, found))}" for key, found in params)
    value = value.replace("\r", "").replace("\n", "\\n")
    return fold(f"{head}{written}:{value}")


def write_param(value: str) -> str:
    """A parameter value, quoted and RFC 6868 encoded where it has to be.

    A circumflex that means itself either way stays: Apple does not decode RFC 6868.
    """
    if _CARET.search(value) or '"' in value or "\n" in value:
        value = value.replace("^", "^^").replace('"', "^'").replace("\n", "^n")
    return f'"{value}"' if re.search(r"[,;:]", value) else value


def fold(text: str) -> bytes:
    """A line of at most 75 octets, and continuation lines, never splitting a character."""
    raw = text.encode()
    if len(raw) <= 75:
        return raw + b"\r\n"
    if len(raw) == len(text):  # ASCII, as the long ones (pictures) are: twice as fast
        pieces = [raw[:75], *(raw[n : n + 74] for n in range(75, len(raw), 74))]
        return b"\r\n ".join(pieces) + b"\r\n"
    pieces, start, room = [], 0, 75
    while len(raw) - start > room:
        end = start + room
        while raw[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(raw[start:end])
        start, room = end, 74
    return b"\r\n ".join((*pieces, raw[start:])) + b"\r\n"


def version(data: bytes) -> str:
    """The card's version, read from its second line if it is there; empty when it has none.

    Unreadable.
    """
    match = _VERSION.match(data)
    return match[1].decode() if match else parse(data).version


def text(data: bytes) -> str:
    """A card as text for an XML document.

    With LF, which XML makes of CRLF anyway: some clients count every ``&#13;``.
    """
    try:
        found = data.decode()
    except UnicodeDecodeError:  # where a fold splits a character, or in a file edited by hand
        lines = map(unfold, logical_lines(data))
        found = b"".join(fold(decode(line)) for line in lines).decode()
    return found.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
