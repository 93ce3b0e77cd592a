"""Reading XML safely, and writing it as context-free fragments.

A fragment uses only the prefixes that every document's root declares, so fragments can be joined,
remembered and sent in any order.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache, wraps
from typing import Protocol
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, fromstring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from .names import NAMESPACES

PREFIXES = {namespace.uri: namespace.prefix for namespace in NAMESPACES}
DECLARATIONS = "".join(f' xmlns:{ns.prefix}="{ns.uri}"' for ns in NAMESPACES)
XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"
XMLNS_NAMESPACE = "http://www.w3.org/2000/xmlns/"  # no element may be in it
LANGUAGE = f"{{{XML_NAMESPACE}}}lang"

MAX_DEPTH = 64
MAX_ELEMENTS = 200_000  # an addressbook-multiget of a whole book has one element per card
MAX_NAME = 1000  # characters of an element's namespace and name: names are remembered


class Malformed(ValueError):
    """Not well-formed, or larger in depth or number of elements than anyone needs."""


class Forbidden(ValueError):
    """A document type declaration: the door to entities (RFC 4918 §20.6)."""


class XML(str):
    """Markup, already escaped.  A plain ``str`` is text, and gets escaped."""

    __slots__ = ()


class Whole(XML):
    """The whole element of a property, where more than its content is known: its xml:lang."""

    __slots__ = ()


Fragment = XML | bytes  # those that are remembered are encoded, too


class _BoundedBuilder(TreeBuilder):
    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._depth = self._elements = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._depth += 1
        self._elements += 1
        if len(tag) > MAX_NAME:
            raise Malformed("the name of an element is too long")
        if self._depth > MAX_DEPTH or self._elements > self._most:
            raise Malformed("too many or too deeply nested elements")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def _declared(prefix: str | None, uri: str | None) -> None:
    """Refuse a long namespace before there is an element, or an attribute, that is in it."""
    if len(uri or "") > MAX_NAME:
        raise Malformed("the name of a namespace is too long")


class Parse(Protocol):
    def __call__(self, body: bytes, most: int = MAX_ELEMENTS) -> Element: ...


def plainly(parse: Parse) -> Parse:
    """Leave what clients send, as long as it is plain, to the parser in C: four times as fast.

    Whatever is not plain, not well-formed or too large is for the parser that knows what to refuse.
    """

    @wraps(parse)
    def quick(body: bytes, most: int = MAX_ELEMENTS) -> Element:
        if is_plain(body, most):
            with suppress(ParseError):
                return fromstring(body)  # noqa: S314  there is no declaration in it
        return parse(body, most)

    return quick


_BEGIN = re.compile(
    rb"""(?:<\?xml version=["']1\.0["'](?: encoding=["']utf-8["'])? ?\?>\s*+)?<(?![?!])""",
    re.IGNORECASE,
)
_CHILDLESS = re.compile(rb"<[^/<][^<]*+</")  # the begin of an element, and then the end of one


def is_plain(body: bytes, most: int) -> bool:
    """Whether this is UTF-8, without declarations, comments and instructions, and of no depth.

    Nor has it long names: a namespace is written out anew in each name that is in it.
    """
    if not (begin := _BEGIN.match(body)) or b"\0" in body or b"<!" in body:
        return False
    elements = body.count(b"<", begin.end() - 1) - body.count(b"</")
    if elements > most or body.find(b"<?", begin.end()) >= 0:
        return False
    if max(map(len, body.split(b"<"))) > MAX_NAME:
        return False
    return elements - len(_CHILDLESS.findall(body)) < MAX_DEPTH


@plainly
def parse(body: bytes, most: int = MAX_ELEMENTS) -> Element:
    """The root element of *body*; Malformed or Forbidden when it is not acceptable XML."""
    parser = DefusedXMLParser(target=_BoundedBuilder(most), forbid_dtd=True)
    parser.parser.StartNamespaceDeclHandler = _declared
    try:
        parser.feed(body)
        root: Element = parser.close()
    except DefusedXmlException as error:
        raise Forbidden(str(error)) from None
    except Malformed:
        raise
    except (ParseError, LookupError, ValueError) as error:  # the last two: an encoding of no use
        raise Malformed(f"not well-formed: {error}") from None
    return root


# What XML 1.0 cannot carry (§2.2) would make the whole answer unreadable: U+FFFD says it was there.
_UNSPEAKABLE = dict.fromkeys(
    [*range(9), 0xB, 0xC, *range(0xE, 0x20), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF], "\ufffd"
)
_ESCAPES = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        "\r": "&#13;",
        **{chr(code): text for code, text in _UNSPEAKABLE.items()},
    }
)


# Without any of these octets, and U+FFC0 to U+FFFF, text has nothing but markup to be escaped.
_RARE = bytes([*range(9), *range(0xB, 0x20)])


_PLAIN = re.compile(r"[ !-%'-;=?-~]{,200}+")  # hrefs and etags are


def escape(text: str) -> str:
    """*text* as it stands between tags, whatever it holds."""
    if _PLAIN.fullmatch(text):
        return text
    if _is_usual(text):  # in a twentieth of the time
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.translate(_ESCAPES)


def _is_usual(text: str) -> bool:
    try:
        octets = text.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    return b"\xef\xbf" not in octets and len(octets.translate(None, _RARE)) == len(octets)


def E(name: str, /, *children: str, **attributes: str) -> XML:
    """One element as a fragment; attribute ``content_type`` is written ``content-type``."""
    opening, closing = _tags(name)
    if attributes:
        opening += "".join(f" {k.replace('_', '-')}={_quote(v)}" for k, v in attributes.items())
    if not children:
        return XML(f"<{opening}/>")
    inner = "".join([child if isinstance(child, XML) else escape(child) for child in children])
    return XML(f"<{opening}>{inner}</{closing}>")


def join(fragments: Iterable[str]) -> XML:
    """Fragments one after the other."""
    return XML("".join(fragments))


def document(name: str, *fragments: Fragment) -> bytes:
    """A whole document: the root declares every prefix that fragments use."""
    tag, _ = _tags(name)
    begin = f'<?xml version="1.0" encoding="utf-8"?>\n<{tag}{DECLARATIONS}>'
    whole = (begin, *fragments, f"</{tag}>")
    return b"".join([part if isinstance(part, bytes) else part.encode() for part in whole])


def fragment(element: Element) -> XML:
    """*element*, as a client sent it, as a fragment: names, attributes, text and order kept."""
    opening, closing = _tags(element.tag)
    attrs = "".join(_attribute(n, *item) for n, item in enumerate(element.items()))
    children = "".join(fragment(child) + escape(child.tail or "") for child in element)
    return XML(f"<{opening}{attrs}>{escape(element.text or '')}{children}</{closing}>")


def _attribute(number: int, name: str, value: str) -> str:
    uri, local = split(name)
    value = _quote(value)
    if not uri:
        return f" {local}={value}"
    if uri == XML_NAMESPACE:
        return f" xml:{local}={value}"
    if prefix := PREFIXES.get(uri):
        return f" {prefix}:{local}={value}"
    return f" xmlns:a{number}={_quote(uri)} a{number}:{local}={value}"


def _quote(value: str) -> str:
    quoted = escape(value).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")
    return f'"{quoted}"'


def split(name: str) -> tuple[str, str]:
    """(namespace URI or '', local name) of a name in Clark notation."""
    if not name.startswith("{"):
        return "", name
    uri, _, local = name[1:].partition("}")
    return uri, local


@lru_cache(maxsize=1024)
def _tags(name: str) -> tuple[str, str]:
    uri, local = split(name)
    if prefix := PREFIXES.get(uri) or (uri == XML_NAMESPACE and "xml"):
        return f"{prefix}:{local}", f"{prefix}:{local}"
    return f"{local} xmlns={_quote(uri)}", local
