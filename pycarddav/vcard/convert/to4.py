"""From 3.0 to 4.0 (RFC 2426 to RFC 6350): passes over the lines of a card."""

from collections.abc import Callable, Iterator
from urllib.parse import quote

from .. import values
from . import fields, media, names
from .lines import ASIDE, FORMER_NAME, PUT_ASIDE, Line, Pass, labelled

# Apple's labels that say the same as a TYPE of RELATED (RFC 6350 §6.6.6).
RELATIONS = {
    "_$!<Spouse>!$_": "spouse",
    "_$!<Child>!$_": "child",
    "_$!<Parent>!$_": "parent",
    "_$!<Sibling>!$_": "sibling",
    "_$!<Friend>!$_": "friend",
    "_$!<Assistant>!$_": "agent",
}
ANNIVERSARY_LABEL = "_$!<Anniversary>!$_"
ANNIVERSARIES = ("ANNIVERSARY", "X-ANNIVERSARY", "X-EVOLUTION-ANNIVERSARY")
MESSENGERS = {
    "X-AIM": "aim",
    "X-GADUGADU": "gg",
    "X-GOOGLE-TALK": "xmpp",
    "X-GROUPWISE": "groupwise",
    "X-GTALK": "xmpp",
    "X-ICQ": "icq",
    "X-JABBER": "xmpp",
    "X-MSN": "msnim",
    "X-QQ": "qq",
    "X-SIP": "sip",
    "X-SKYPE": "skype",
    "X-SKYPE-USERNAME": "skype",
    "X-YAHOO": "ymsgr",
}
GENDERS = {"male": "M", "female": "F"}
GROUP_KIND, GROUP_MEMBER, COMPANY = (
    "X-ADDRESSBOOKSERVER-KIND",
    "X-ADDRESSBOOKSERVER-MEMBER",
    "X-ABSHOWAS",
)

# Single texts, in which 4.0 wants every comma escaped, and values with odd escapes of ``:`` and
# ``"`` (Google, old iOS).
_TEXTS = {"FN", "TITLE", "ROLE", "NOTE", "ORG"}
_ESCAPED = _TEXTS | {"N", "ADR", "NICKNAME", "CATEGORIES", "URL", "EMAIL"}


def omitted_years(lines: list[Line]) -> list[Line]:
    """Some versions of iOS write 1604 without the parameter that says what it means."""
    if not any(line.name == "PRODID" and "Apple" in line.value for line in lines):
        return lines
    return [
        line.with_param(fields.OMIT_YEAR, fields.NO_YEAR)
        if line.name == "BDAY" and line.value.startswith(fields.NO_YEAR)
        else line
        for line in lines
    ]


def address_labels(lines: list[Line]) -> list[Line]:
    """LABEL becomes a parameter of the ADR with the same TYPEs, or of a new one."""
    owners = _owners(lines)
    texts = {owner: _text(lines[n]) for n, owner in owners.items()}
    result = []
    for n, line in enumerate(lines):
        if n in owners:
            continue
        if n in texts:
            line = line.with_param("LABEL", texts[n])
        elif _is_plain_label(line):
            address = Line(line.group, "ADR", line.params, ";;;;;;")
            line = address.with_param("LABEL", _text(line))
        result.append(line)
    return result


def _owners(lines: list[Line]) -> dict[int, int]:
    """The ADR of each LABEL: the one right before it, as to3 puts them, or the first free one."""
    free: dict[object, dict[int, None]] = {}
    for n, line in enumerate(lines):
        if line.name == "ADR" and not line.param("LABEL"):
            free.setdefault((line.group, line.types), {})[n] = None
    owners: dict[int, int] = {}
    loose = [n for n, line in enumerate(lines) if _is_plain_label(line)]
    for n in loose:
        if n - 1 in free.get((lines[n].group, lines[n].types), ()):
            owners[n] = n - 1
            del free[lines[n].group, lines[n].types][n - 1]
    for n in loose:
        found = free.get((lines[n].group, lines[n].types))
        if found and n not in owners:
            owners[n] = next(iter(found))
            del found[owners[n]]
    return owners


def _is_plain_label(line: Line) -> bool:
    # In a parameter, a backslash and an n would be read as a line break.
    return line.name == "LABEL" and line.has_only("TYPE") and "\\n" not in _text(line)


def _text(line: Line) -> str:
    return values.unescape(line.value)


def sort_string(lines: list[Line]) -> list[Line]:
    """SORT-STRING is the first item of the name's SORT-AS."""
    name = next((line for line in lines if line.name == "N"), None)
    strings = [line for line in lines if line.name == "SORT-STRING"]
    if name is None or len(strings) != 1:
        return lines
    found, text = strings[0], _text(strings[0])
    if not text or "," in text or found.params or found.group:  # more than a parameter can say
        return lines
    if name.one("SORT-AS").split(",")[0] != text:
        lines = [line.with_param("SORT-AS", text) if line is name else line for line in lines]
    return [line for line in lines if line is not found]


def anniversary(lines: list[Line]) -> list[Line]:
    """The several ways of saying ANNIVERSARY are one; other dates stay as they are."""
    ways = sorted(_ways(lines), key=lambda way: way[0])
    if not ways:
        return lines
    _, place, chosen, _ = ways[0]
    gone = {n for _, n, line, label in ways if line.value == chosen.value for n in (n, label)}
    return [
        chosen if n == place else line
        for n, line in enumerate(lines)
        if n == place or n not in gone
    ]


def _ways(lines: list[Line]) -> Iterator[tuple[int, int, Line, int]]:
    """(rank, where, as 4.0 has it, where its label is) for each date that is an anniversary."""
    dates = labelled(lines, "X-ABDATE")
    for n, line in enumerate(lines):
        if line.name in ANNIVERSARIES:
            rank, label = ANNIVERSARIES.index(line.name), n
        elif n in dates and lines[dates[n]].value == ANNIVERSARY_LABEL:
            rank, label, line = len(ANNIVERSARIES), dates[n], line._replace(group=None)
        else:
            continue
        found = fields.up(line._replace(name="ANNIVERSARY"))
        if line.name == "X-EVOLUTION-ANNIVERSARY":
            found = found.with_param(FORMER_NAME, line.name)
        if found.value and found.kind != "text":
            yield rank, n, found, label


def relations(lines: list[Line]) -> list[Line]:
    """Apple's related names are RELATED where the label says exactly what a TYPE says."""
    gone = set()
    result = list(lines)
    for n, label in labelled(lines, "X-ABRELATEDNAMES").items():
        relation = RELATIONS.get(lines[label].value)
        if relation and lines[n].types <= {"pref"} and lines[n].kind in ("", "text"):
            related = lines[n]._replace(name="RELATED").with_param("VALUE", "text")
            result[n] = related.with_param("TYPE", relation, *related.param("TYPE"))
            gone.add(label)
    return [line for n, line in enumerate(result) if n not in gone]


def messenger(line: Line) -> Line:
    """X-AIM:bob is IMPP:aim:bob."""
    text, scheme = _text(line), MESSENGERS[line.name]
    if not text or text.startswith(f"{scheme}:"):
        return line
    value = f"{scheme}:{quote(text, safe='@+')}"
    return line._replace(name="IMPP", value=value).with_param(FORMER_NAME, line.name)


def gender(line: Line) -> Line:
    """Male and Female have a letter; anything else is other, in these words (RFC 6350 §6.2.7)."""
    if not line.value:
        return line
    value = GENDERS.get(line.value.lower(), f"O;{values.escape(_text(line))}")
    return line._replace(name="GENDER", value=value)


def company(line: Line) -> Line:
    """Apple shows such a card by its ORG."""
    if line.value.upper() != "COMPANY":
        return line
    return line._replace(name="KIND", value="org")


RENAMED: dict[str, Callable[[Line], Line]] = {
    "X-GENDER": gender,
    COMPANY: company,
    GROUP_KIND: lambda line: line._replace(name="KIND", value=line.value.lower()),
    GROUP_MEMBER: lambda line: line._replace(name="MEMBER"),
    **dict.fromkeys(MESSENGERS, messenger),
}


def renamed(lines: list[Line]) -> list[Line]:
    """Extensions of 3.0 that are properties of 4.0, where the card does not have those already."""
    taken = {_identity(line) for line in lines} - {None}
    result = []
    for line in lines:
        new = RENAMED[line.name](line) if line.name in RENAMED else line
        if new.name != line.name and _identity(new) in taken:
            new = line
        if identity := _identity(new):
            taken.add(identity)
        result.append(new)
    return result


def _identity(line: Line) -> tuple[str, str] | None:
    """What must not be in a card twice; None for what may."""
    if line.name in ("KIND", "GENDER"):
        return line.name, ""
    return (line.name, line.value) if line.name == "IMPP" else None


def agent(line: Line) -> Line:
    """A person who acts for this one, by URI; a whole card in a value stays where it is."""
    if line.name != "AGENT" or line.kind != "uri":
        return line
    types = ("agent", *line.param("TYPE"))
    return line._replace(name="RELATED").with_param("VALUE").with_param("TYPE", *types)


def preference(line: Line) -> Line:
    """TYPE=pref is PREF=1, unless to3 has left a PREF that says more."""
    if not line.params or "pref" not in line.types:
        return line
    types = [kind for kind in line.param("TYPE") if kind.lower() != "pref"]
    line = line.with_param("TYPE", *types)
    return line if line.param("PREF") else line.with_param("PREF", "1")


def tidy(line: Line) -> Line:
    """The value with every comma escaped that separates nothing, and nothing else (§3.4)."""
    value = line.value
    if line.name not in _ESCAPED or not ("\\" in value or "," in value):
        return line
    value = value.replace("\\\\", "\r").replace("\\:", ":").replace('\\"', '"')  # no value has a CR
    if line.name in _TEXTS:
        value = value.replace("\\,", ",").replace(",", "\\,")
    return line._replace(value=value.replace("\r", "\\\\"))


def each(lines: list[Line]) -> list[Line]:
    """What does not depend on other lines."""
    result = []
    for line in lines:
        line = fields.up(tidy(preference(agent(line))))
        result += media.up(line) if line.name in media.BINARY else [line]
    return result


def named(lines: list[Line]) -> list[Line]:
    """4.0 needs an FN, and no N that says nothing."""
    return [
        line
        for line in names.with_formatted_name(lines)
        if line.name != "N" or line.params or line.value.strip("; ")
    ]


def asides(lines: list[Line]) -> list[Line]:
    """What 3.0 could not say comes back, unless it has been said since."""
    said = {line.name for line in lines}
    return [line._replace(name=_returning(line, said)) for line in lines]


def _returning(line: Line, said: set[str]) -> str:
    name = line.name.removeprefix(ASIDE)
    once = name in ("ANNIVERSARY", "BDAY") and not line.param("ALTID")
    return name if name in PUT_ASIDE and not (once and name in said) else line.name


PASSES: tuple[Pass, ...] = (
    omitted_years,
    address_labels,
    sort_string,
    anniversary,
    relations,
    renamed,
    each,
    named,
    asides,
)


def convert(lines: list[Line]) -> list[Line]:
    """The lines of a 3.0 card, without VERSION, as 4.0 has them."""
    for step in PASSES:
        lines = step(lines)
    return lines
