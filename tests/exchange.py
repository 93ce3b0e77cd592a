"""Recorded exchanges: a request as a client sends it, and the answer that it needs.

``tests/clients/recorded/README.md`` describes the files.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from pycarddav.dav import xml
from pycarddav.protocol.messages import Request, Response

ANYTHING = "…"
_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_ANSWER = re.compile(r"^(?=HTTP/1\.1 \d{3})", re.MULTILINE)

Known = dict[str, str]  # what the placeholders stand for, as far as the conversation has come


class Mismatch(AssertionError):
    """Where an answer is not what the client needs."""


@dataclass(frozen=True)
class Message:
    """A start line, headers (names in lower case) and a body, as text with placeholders."""

    start: str
    headers: dict[str, str]
    body: str

    @classmethod
    def read(cls, text: str) -> "Message":
        head, _, body = text.strip("\n").partition("\n\n")
        start, *lines = head.splitlines()
        fields = (line.partition(":") for line in lines)
        return cls(start, {name.lower(): value.strip() for name, _, value in fields}, body)


@dataclass(frozen=True)
class Exchange:
    """A file: after lines of comment the request, and the answer."""

    path: Path
    asked: Message
    answer: Message

    @classmethod
    def read(cls, path: Path) -> "Exchange":
        text = re.sub(r"\A(#.*\n|\n)*", "", path.read_text(encoding="utf-8"))
        asked, answer = _ANSWER.split(text)
        return cls(path, Message.read(asked), Message.read(answer))

    def request(self, known: Known) -> Request:
        """What to send, with the placeholders filled in."""
        method, target, _ = fill(self.asked.start, known).split(" ")
        headers = {name: fill(value, known) for name, value in self.asked.headers.items()}
        body = fill(self.asked.body, known)
        if body.startswith("BEGIN:"):  # a card ends its lines with CRLF, a file does not
            body = body.replace("\n", "\r\n") + "\r\n"
        origin = f"http://{headers.get('host', 'contacts.example')}"
        return Request(method, target, headers, body.encode(), "127.0.0.1", origin)

    def check(self, response: Response, known: Known) -> None:
        """Mismatch where *response* is not the answer; *known* learns what new placeholders are."""
        body = response.body if isinstance(response.body, bytes) else b"".join(response.body)
        text = body.decode().replace("\r\n", "\n").strip("\n")
        told = {name.lower(): value for name, value in response.headers.items()}
        try:
            match_text(self.answer.start, f"HTTP/1.1 {response.status}", known, "status")
            for name, expected in self.answer.headers.items():
                match_text(expected, told.get(name, ""), known, name)
            match_body(self.answer.body, text, known)
        except Mismatch as error:
            shown = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
            raise Mismatch(
                f"{self.path}: {error}\n\n{response.status}\n{shown}\n\n{text}"
            ) from None


def fill(text: str, known: Known) -> str:
    """*text* with what its placeholders stand for; one that nothing is known of stays."""
    return _PLACEHOLDER.sub(lambda match: known.get(match[1], match[0]), text)


def match_text(expected: str, actual: str, known: Known, where: str) -> None:
    """That *actual* is as expected: a new placeholder is any text without spaces, … any text."""
    pattern = re.escape(fill(expected, known)).replace(ANYTHING, "(?s:.*)")
    found = re.fullmatch(re.sub(r"\\\{([a-z0-9_]+)\\\}", r"(?P<\1>\\S+)", pattern), actual)
    if found is None:
        raise Mismatch(f"{where}: {actual!r}, not {fill(expected, known)!r}")
    known.update(found.groupdict())


def match_body(expected: str, actual: str, known: Known) -> None:
    if not expected.startswith("<"):
        match_text(expected, actual, known, "body")
    elif not actual.startswith("<"):
        raise Mismatch("the body is no XML")
    else:
        declared = re.sub(r"(?=[\s>])", xml.DECLARATIONS, expected, count=1)
        match_element(xml.parse(declared.encode()), xml.parse(actual.encode()), known, "")


def match_element(expected: Element, actual: Element, known: Known, where: str) -> None:
    """That the elements are equal, but for white space; with … others may be among those inside."""
    where = f"{where}/{expected.tag.rpartition('}')[2]}"
    if (expected.tag, expected.attrib) != (actual.tag, actual.attrib):
        raise Mismatch(f"{where}: there is <{actual.tag}> {actual.attrib}")
    texts = {text.strip() for text in (expected.text, *(child.tail for child in expected)) if text}
    if len(expected) == 0 and texts != {ANYTHING}:
        match_text((expected.text or "").strip(), (actual.text or "").strip(), known, where)
    if ANYTHING in texts:
        match_some(list(expected), list(actual), known, where)
    else:
        match_all(list(expected), list(actual), known, where)


def match_all(expected: list[Element], actual: list[Element], known: Known, where: str) -> None:
    for one, other in zip(expected, actual, strict=False):
        match_element(one, other, known, where)
    if len(expected) != len(actual):
        raise Mismatch(f"{where}: {len(actual)} elements, not {len(expected)}")


def match_some(expected: list[Element], actual: list[Element], known: Known, where: str) -> None:
    for one in expected:
        found = next((other for other in actual if matches(one, other, known)), None)
        if found is None:
            raise Mismatch(f"{where}: there is no such <{one.tag}>")
        actual.remove(found)


def matches(expected: Element, actual: Element, known: Known) -> bool:
    learned = dict(known)
    try:
        match_element(expected, actual, learned, "")
    except Mismatch:
        return False
    known.update(learned)
    return True
