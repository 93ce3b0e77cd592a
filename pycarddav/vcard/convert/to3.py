"""From 4.0 to 3.0 (RFC 6350 to RFC 2426): passes over the lines of a card."""

from collections.abc import Callable
from urllib.parse import unquote

from .. import values
from . import fields, media, names, to4
from .lines import ASIDE, FORMER_NAME, Line, Pass, free_groups

LABELS = {relation: label for label, relation in to4.RELATIONS.items()}
GENDERS = {"M": "Male", "F": "Female"}
EMPTY_NAME = ";;;;"

# Where 3.0, or Apple in it, has TYPE=pref.
_TYPED = {"ADR", "EMAIL", "IMPP", "KEY", "LOGO", "PHOTO", "RELATED", "SOUND", "TEL", "URL"}


def one_name(lines: list[Line]) -> list[Line]:
    """3.0 has one FN and one N: of several FNs the preferred one, of Ns the first."""
    kept = {
        id(min((line for line in lines if line.name == "FN"), key=_rank, default=None)),
        id(next((line for line in lines if line.name == "N"), None)),
    }
    return [
        _aside(line) if line.name in ("FN", "N") and id(line) not in kept else line
        for line in lines
    ]


def _rank(line: Line) -> int:
    """PREF, from 1 to 100; without one a property comes last (RFC 6350 §5.3)."""
    pref = line.one("PREF")
    return int(pref) if pref.isdecimal() and len(pref) < 4 else 101


def _aside(line: Line) -> Line:
    return line._replace(name=ASIDE + line.name)


def preferences(lines: list[Line]) -> list[Line]:
    """The lowest PREF of each property is TYPE=pref; what that cannot say stays in PREF."""
    if not any(line.param("PREF") for line in lines):
        return lines
    lowest: dict[str, int] = {}
    for line in lines:
        lowest[line.name] = min(_rank(line), lowest.get(line.name, 100))
    return [
        _preferred(line) if _is_typed(line) and _rank(line) == lowest[line.name] else line
        for line in lines
    ]


def _is_typed(line: Line) -> bool:
    return line.name in _TYPED or (line.name[:2] == "X-" and not line.name.startswith(ASIDE))


def _preferred(line: Line) -> Line:
    line = line.with_param("TYPE", *line.param("TYPE"), "pref")
    return line.with_param("PREF") if line.one("PREF") == "1" else line


def each(lines: list[Line]) -> list[Line]:
    """What does not depend on other lines."""
    result = []
    for line in lines:
        if line.name in media.BINARY:
            result += media.down(line)
        elif line.name in RENAMED:
            result.append(RENAMED[line.name](line))
        elif line.name != "ANNIVERSARY":
            result.append(fields.down(line) or _aside(line))
        else:
            result.append(line)
    return result


def gender(line: Line) -> Line:
    """The words, or Male or Female; the line as it is where 3.0 would not bring it back."""
    sex, *words = values.split(line.value, ";")
    said = GENDERS.get(sex.upper(), "") if not any(words) else ""
    if sex.upper() == "O" and len(words) == 1 and words[0].lower() not in to4.GENDERS:
        said = words[0]
    return line._replace(name="X-GENDER", value=said) if said else line


def kind(line: Line) -> Line:
    """Groups and companies as Apple writes them; 3.0 knows no other KIND, but may carry it."""
    match line.value.lower():
        case "group":
            return line._replace(name=to4.GROUP_KIND, value="group")
        case "org":
            return line._replace(name=to4.COMPANY, value="COMPANY")
    return line


def messenger(line: Line) -> Line:
    """IMPP is known in 3.0 too (RFC 4770), but old clients had names of their own."""
    name, line = line.one(FORMER_NAME), line.with_param(FORMER_NAME)
    scheme, colon, address = line.value.partition(":")
    if not colon or to4.MESSENGERS.get(name) != scheme:
        return line
    return line._replace(name=name, value=values.escape(unquote(address)))


RENAMED: dict[str, Callable[[Line], Line]] = {
    "GENDER": gender,
    "IMPP": messenger,
    "KIND": kind,
    "MEMBER": lambda line: line._replace(name=to4.GROUP_MEMBER),
}


def relations(lines: list[Line]) -> list[Line]:
    """RELATED by text is a name with Apple's label where there is one that says the same."""
    groups = free_groups(lines)
    named = {line.group for line in lines if line.name == "X-ABLABEL"}
    result = []
    for line in lines:
        label = LABELS.get("".join(line.types - {"pref"})) if line.name == "RELATED" else None
        if label and line.kind != "text":
            line = _agent(line)
        elif label and line.has_only("TYPE", "VALUE", "PREF") and line.group not in named - {None}:
            group = line.group or next(groups)
            types = (value for value in line.param("TYPE") if value.lower() == "pref")
            line = line._replace(group=group, name="X-ABRELATEDNAMES").with_param("VALUE")
            result.append(line.with_param("TYPE", *types))
            line = Line(group, "X-ABLABEL", (), label)
        result.append(line)
    return result


def _agent(line: Line) -> Line:
    if "agent" not in line.types:
        return line
    types = (value for value in line.param("TYPE") if value.lower() != "agent")
    return line._replace(name="AGENT").with_param("VALUE", "uri").with_param("TYPE", *types)


def anniversary(lines: list[Line]) -> list[Line]:
    """ANNIVERSARY as Evolution and Outlook know it, and as Apple does."""
    groups = free_groups(lines)
    result = []
    for line in lines:
        low = fields.down(line) if line.name == "ANNIVERSARY" else None
        if low is None:
            result.append(_aside(line) if line.name == "ANNIVERSARY" else line)
        elif (name := low.one(FORMER_NAME)) in to4.ANNIVERSARIES:
            result.append(low.with_param(FORMER_NAME)._replace(name=name))
        else:
            low = low.with_param(FORMER_NAME)
            group = next(groups)
            result.append(low._replace(name="X-ANNIVERSARY"))
            result.append(low._replace(group=group, name="X-ABDATE"))
            result.append(Line(group, "X-ABLABEL", (), to4.ANNIVERSARY_LABEL))
    return result


def address_labels(lines: list[Line]) -> list[Line]:
    """The parameter LABEL is a property of the same TYPEs, right after its ADR."""
    result = []
    for line in lines:
        text = ",".join(line.param("LABEL")) if line.name == "ADR" else ""
        if not text:
            result.append(line)
            continue
        text = text.replace("\\n", "\n").replace("\\N", "\n")  # RFC 6350 §6.3.1 has an example
        address = line.with_param("LABEL")
        if address.value.strip("; ") or not address.has_only("TYPE"):
            result.append(address)
        label = Line(line.group, "LABEL", (), values.escape(text))
        result.append(label.with_param("TYPE", *line.param("TYPE")))
    return result


def sort_string(lines: list[Line]) -> list[Line]:
    """SORT-STRING is the first item of the name's SORT-AS; the parameter stays if it has more."""
    name = next((line for line in lines if line.name == "N" and line.one("SORT-AS")), None)
    if name is None or any(line.name == "SORT-STRING" for line in lines):
        return lines
    first, *more = ",".join(name.param("SORT-AS")).split(",")
    kept = name if more else name.with_param("SORT-AS")
    result = [kept if line is name else line for line in lines]
    return [*result, Line(None, "SORT-STRING", (), values.escape(first))]


def named(lines: list[Line]) -> list[Line]:
    """3.0 needs an FN and an N, if an empty one."""
    lines = names.with_formatted_name(lines)
    if any(line.name == "N" for line in lines):
        return lines
    return [Line(None, "N", (), EMPTY_NAME), *lines]


PASSES: tuple[Pass, ...] = (
    one_name,
    preferences,
    each,
    relations,
    anniversary,
    address_labels,
    sort_string,
    named,
)


def convert(lines: list[Line]) -> list[Line]:
    """The lines of a 4.0 card, without VERSION, as 3.0 has them."""
    for step in PASSES:
        lines = step(lines)
    return lines
