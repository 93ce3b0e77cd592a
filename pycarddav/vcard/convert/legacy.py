"""From vCard 2.1 to 3.0: what old phones, Outlook and Android export.

vobject decodes the values.  It is given single values that our tokenizer has passed, never text:
its line regex is exponential.
"""

from .. import content, values
from ..content import Property
from . import media, to3
from .lines import Line

_TEXTS = {"FN", "LABEL", "MAILER", "NOTE", "ROLE", "TITLE"}
_STRUCTURED = {"ADR", "N", "ORG"}
_BASE64 = {"B", "BASE64"}

# What is escaped already, as characters that no text may have (Unicode §23.7).
_ASIDE = {"\\\\": "\ufdd0", "\\,": "\ufdd1", "\\;": "\ufdd2", "\\n": "\ufdd3", "\\N": "\ufdd4"}


def read(item: Property) -> Line:
    """A line of 2.1, with its value decoded and escaped as 3.0 has it."""
    line = Line(item.group, item.name, item.params, item.value)
    if item.name == "BEGIN":
        return line._replace(source=item)
    encoding = line.one("ENCODING").upper()
    if encoding != "QUOTED-PRINTABLE" and (item.name in media.BINARY or encoding in _BASE64):
        return _binary(line)
    charset = values.known_charset(line.one("CHARSET")).lower()
    text = _quoted(line, charset) if encoding == "QUOTED-PRINTABLE" else _plain(item, charset)
    line = line.with_param("ENCODING").with_param("CHARSET")
    text = text.replace(",", ";") if item.name == "GEO" else text
    return line._replace(value=_escaped(item.name, text.replace("\r\n", "\n")))


def _binary(line: Line) -> Line:
    """Base64 in indented lines, or in lines that look like none, up to a blank one."""
    if line.kind in ("url", "uri"):
        return line.with_param("VALUE", "uri")
    data = line.value.replace("\\n", "").translate(media.BLANKS)
    return line.with_param("VALUE").with_param("ENCODING", "b")._replace(value=data)


def _quoted(line: Line, charset: str) -> str:
    from vobject.base import ContentLine  # 50 ms and 8 MB that nothing else needs

    params = [["ENCODING", "QUOTED-PRINTABLE"], ["CHARSET", charset]]
    try:
        text = str(ContentLine(line.name, params, line.value).value)
    except (UnicodeError, LookupError):  # cut off, or in another charset than it says
        text = values.unescape(values.quoted_printable(line.value, "utf-8"))
    return values.CONTROL.sub("\ufffd", text)


def _plain(item: Property, charset: str) -> str:
    """The value; of a line that is not UTF-8, in the charset that it names."""
    raw = content.unfold(item.line)
    try:
        raw.decode()
    except UnicodeDecodeError:
        named = content.read_line(raw.decode(charset, "replace").encode())
        return named.value if named and charset != "utf-8" else item.value
    return item.value


def _escaped(name: str, text: str) -> str:
    """2.1 escapes nothing but semicolons between components, though many writers do more."""
    special = "\\,;" if name in _TEXTS else "\\," if name in _STRUCTURED else ""
    if special:
        for escaped, aside in _ASIDE.items():
            text = text.replace(escaped, aside)
        text = text.replace("\\:", ":")
    for character in special:
        text = text.replace(character, f"\\{character}")
    for escaped, aside in _ASIDE.items():
        text = text.replace(aside, escaped)
    return text.replace("\n", "\\n")


def upgrade(lines: list[Line]) -> list[Line]:
    """The lines of a 2.1 card, read by ``read``, as 3.0 has them."""
    return to3.named(agents(lines))


def agents(lines: list[Line]) -> list[Line]:
    """A card inside the card, which follows an empty AGENT, is AGENT's value in 3.0."""
    return [_agent(line) for line in lines if line.name != "AGENT" or line.value]


def _agent(line: Line) -> Line:
    if line.name != "BEGIN" or not line.source:
        return line
    return Line(None, "AGENT", (), values.escape(content.text(line.source.line).strip()))
