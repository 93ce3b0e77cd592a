"""Content lines on their way from one version to the other, and what they carry along."""

from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import NamedTuple

from .. import content
from ..content import Params, Property

# Where 3.0 cannot say what 4.0 says (or the other way round) these bring it back.
ASIDE = "X-VCARD4-"  # before the name of a property that 3.0 does not have in this form
PUT_ASIDE = ("ANNIVERSARY", "BDAY", "FN", "N")  # which these can be
ORIGINAL = "X-VCARD4-VALUE"  # a parameter: the value of which 3.0 has only a part
FORMER_NAME = "X-VCARD3-NAME"  # a parameter: which of several properties became this one


class Line(NamedTuple):
    """A content line; *source* is the property it was read from, if it was."""

    group: str | None
    name: str
    params: Params = ()
    value: str = ""
    source: Property | None = None

    def param(self, name: str) -> tuple[str, ...]:
        """The values of a parameter; none when it is absent."""
        return next((found for key, found in self.params if key == name), ())

    def one(self, name: str) -> str:
        """The first value of a parameter, empty when it is absent."""
        return next(iter(self.param(name)), "")

    def with_param(self, name: str, *found: str) -> "Line":
        """The line with these values of a parameter in its old place; without it for none."""
        if not found and not self.param(name):
            return self
        params = [(key, found if key == name else old) for key, old in self.params]
        if not any(key == name for key, _ in params):
            params.append((name, found))
        return self._replace(params=tuple(item for item in params if item[1]))

    def has_only(self, *names: str) -> bool:
        """Whether it has no parameter but these."""
        return all(key in names for key, _ in self.params)

    @property
    def types(self) -> frozenset[str]:
        """The values of TYPE, in lower case."""
        return frozenset(value.lower() for value in self.param("TYPE"))

    @property
    def kind(self) -> str:
        """The value type, in lower case, where VALUE names it."""
        return self.one("VALUE").lower()


Pass = Callable[[list[Line]], list[Line]]


def read(item: Property) -> Line:
    """A line of a card, with what neither 3.0 nor 4.0 has (quoted-printable) decoded."""
    if not item.parameters:
        return Line(item.group, item.name, (), item.value, item)
    parameters = content.split_unquoted(item.parameters, ";")[1:]
    bare = any("=" not in parameter for parameter in parameters)
    source = None if bare else item  # TEL;CELL has to be written as TEL;TYPE=CELL
    line = Line(item.group, item.name, item.params, item.value, source)
    if "QUOTED-PRINTABLE" in item.parameters.upper():
        line = line._replace(value=item.escaped).with_param("ENCODING")
    return line.with_param("CHARSET") if line.param("CHARSET") else line


def write(line: Line) -> bytes:
    """The line's bytes; spelled as before if nothing about it has changed."""
    source = line.source
    if source and source.name == "BEGIN":
        return source.line  # a component inside the card
    if source and line[:4] == (source.group, source.name, source.params, source.value):
        text = content.decode(content.unfold(source.line))
        if "\n" not in text and "\r" not in text:  # else unreadable lines followed it
            return content.fold(text)
    return content.write_line(*line[:4])


def free_groups(lines: Iterable[Line]) -> Iterator[str]:
    """Of Apple's item1, item2 … those that no line is in."""
    taken = {(line.group or "").lower() for line in lines}
    return (name for n in count(1) if (name := f"item{n}") not in taken)


def labelled(lines: list[Line], name: str) -> dict[int, int]:
    """Where lines of this name are, and where the X-ABLabel is that makes up their group."""
    groups: dict[str, list[int]] = {}
    for n, line in enumerate(lines):
        if line.group:
            groups.setdefault(line.group.lower(), []).append(n)
    pairs = (sorted(found, key=lambda n: lines[n].name == "X-ABLABEL") for found in groups.values())
    wanted = [name, "X-ABLABEL"]
    return {pair[0]: pair[1] for pair in pairs if [lines[n].name for n in pair] == wanted}
