"""The configuration: what command line, environment, file and defaults say, in that order."""

import os
import re
import textwrap
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from .schema import Config

PREFIX = "PYCARDDAV_"
FILE_VARIABLE = PREFIX + "CONFIG"
HIDDEN = "(secret)"


class ConfigError(Exception):
    """A configuration that cannot be used; its message says where and why in one line."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Key(NamedTuple):
    """Where a value belongs."""

    section: str
    name: str

    @property
    def variable(self) -> str:
        return f"{PREFIX}{self.section}__{self.name}".upper()


class Given(NamedTuple):
    """What somebody wrote, and where: ``config.ini:14``, a variable, an option, ``default``."""

    text: str
    origin: str


# Each section's dataclass is the default factory of its field in Config.
SECTIONS: Mapping[str, Any] = {section.name: section.default_factory for section in fields(Config)}
SCHEMA: Mapping[Key, Field[Any]] = {
    Key(section, item.name): item for section, kind in SECTIONS.items() for item in fields(kind)
}


@dataclass(frozen=True)
class Loaded:
    """A configuration, with where it came from."""

    config: Config
    files: tuple[Path, ...]
    given: Mapping[Key, Given]
    warnings: tuple[str, ...]

    @property
    def file(self) -> Path | None:
        """The first of the files, if there are any."""
        return next(iter(self.files), None)

    def value(self, key: Key) -> Any:
        return getattr(getattr(self.config, key.section), key.name)


def load(file: str | None = None, options: Mapping[Key, Given] | None = None) -> Loaded:
    """The configuration in effect: *options* over the environment over the file over defaults.

    *file* is what the command line names, if anything.  ConfigError.
    """
    found = find(file)
    given = {key: Given(item.metadata["default"], "default") for key, item in SCHEMA.items()}
    for path in found:  # what stands in a later one counts
        given |= parse(_content(path), str(path))
    variables, warnings = from_environment(os.environ)
    given |= variables | dict(options or {})
    values = {key: _read(key, written) for key, written in given.items()}
    sections = {
        section: kind(**{item.name: values[Key(section, item.name)] for item in fields(kind)})
        for section, kind in SECTIONS.items()
    }
    config = Config(**sections)
    folder = config.storage.folder
    auth = replace(config.auth, htpasswd=folder / config.auth.htpasswd)
    digest = replace(config.digest, file=folder / config.digest.file)
    return Loaded(replace(config, auth=auth, digest=digest), found, given, tuple(warnings))


def find(file: str | None) -> tuple[Path, ...]:
    """The files to read: the one that is named, or else the first that exists, and its additions.

    ConfigError.
    """
    if named := file or os.environ.get(FILE_VARIABLE):
        return Path(named), *_additions(Path(named))
    for home in [*_config_home(), Path("/etc")]:
        main = home / "pycarddav" / "config.ini"
        if found := (*([main] if _exists(main) else []), *_additions(main)):
            return found
    return ()


def _additions(main: Path) -> list[Path]:
    """What lies in ``config.d`` beside ``config.ini``, in the order of the names.  ConfigError."""
    folder = main.with_suffix(".d")
    try:
        names = sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ConfigError(f"cannot read {folder}: {error.strerror}") from None
    return [folder / name for name in names if name.endswith(".ini") and not name.startswith(".")]


def _config_home() -> list[Path]:
    """Nowhere for a system user without a home directory."""
    named = os.environ.get("XDG_CONFIG_HOME", "")
    try:
        return [Path(named if named.startswith("/") else "~/.config").expanduser()]
    except RuntimeError:
        return []


def _exists(candidate: Path) -> bool:
    """Whether there is something; what one may not look at counts, and then fails to be read."""
    try:
        candidate.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _content(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{file}:{line}: this is not UTF-8") from None


def parse(content: str, name: str) -> dict[Key, Given]:
    """The keys of an INI file; *name* is what errors call it.

    By hand, because configparser forgets on which line a value stood.
    """
    given: dict[Key, Given] = {}
    section = ""
    for number, line in enumerate(content.split("\n"), 1):
        line, where = line.strip(), f"{name}:{number}"
        if not line or line[0] in "#;":
            continue
        if line[0] == "[":
            section = _section(line, where)
            continue
        word, equals, written = (part.strip() for part in line.partition("="))
        if not equals:
            raise ConfigError(f'{where}: "{line}" is neither "key = value" nor "[section]"')
        key = _key(section, word.lower(), where)
        if key in given:
            raise ConfigError(
                f'{where}: [{section}] "{key.name}" stands in {given[key].origin} too'
            )
        given[key] = Given(written, where)
    return given


def _section(line: str, where: str) -> str:
    name = line.strip("[] \t").lower()
    if name not in SECTIONS:
        raise ConfigError(f"{where}: unknown section [{name}]{_meant(name, list(SECTIONS))}")
    return name


def _key(section: str, word: str, where: str) -> Key:
    if not section:
        raise ConfigError(f'{where}: "{word}" stands before the first [section]')
    key = Key(section, word)
    if key not in SCHEMA:
        known = [other.name for other in SCHEMA if other.section == section]
        homes = [other.section for other in SCHEMA if other.name == word]
        meant = f" - it belongs in [{homes[0]}]" if homes else _meant(word, known)
        raise ConfigError(f'{where}: [{section}] unknown key "{word}"{meant}')
    return key


def _meant(word: str, known: list[str]) -> str:
    close = get_close_matches(word, known, 1)
    return f' - did you mean "{close[0]}"?' if close else f" - known are {', '.join(known)}"


def from_environment(environ: Mapping[str, str]) -> tuple[dict[Key, Given], list[str]]:
    """What variables say, and a warning for each that is ours by its name and not known.

    A secret may be in a file that a variable names, as of Docker or systemd.  ConfigError.
    """
    known = {key.variable: key for key in SCHEMA}
    in_files = {f"{key.variable}_FILE": key for key in SCHEMA if SCHEMA[key].metadata["secret"]}
    given, warnings = {}, []
    for variable, written in environ.items():
        if variable in known:
            given[known[variable]] = Given(written.strip(), variable)
        elif key := in_files.get(variable):
            if key.variable in environ:
                raise ConfigError(f"there are both {key.variable} and {variable}")
            given[key] = Given(_content(Path(written)).strip(), variable)
        elif _looks_like_ours(variable, written):
            warnings.append(f"unknown variable {variable}{_meant(variable, list(known))}")
    return given, warnings


def _looks_like_ours(variable: str, written: str) -> bool:
    """Kubernetes and Docker's links announce a service called pycarddav with such names, too."""
    injected = re.search(r"_SERVICE_(HOST|PORT)|_PORT_\d+_(TCP|UDP)|_ENV_", variable)
    address = re.match(r"(tcp|udp|sctp)://", written)
    link = variable == PREFIX + "NAME"
    ours = variable.startswith(PREFIX) and variable != FILE_VARIABLE
    return ours and not (injected or address or link)


def _read(key: Key, given: Given) -> Any:
    try:
        return SCHEMA[key].metadata["read"](given.text)
    except ValueError as error:
        names_itself = given.origin.startswith((key.variable, "--"))
        where = given.origin if names_itself else f"{given.origin}: [{key.section}] {key.name}"
        commented = re.search(r"\s[#;]", given.text)
        hint = "a comment stands on a line of its own" if commented else ""
        shown = HIDDEN if SCHEMA[key].metadata["secret"] else f'"{given.text}"'
        raise ConfigError(f"{where}: {shown} {error}", hint) from None


def example() -> str:
    """A configuration file that changes nothing: every key, explained, with its default."""
    head = (
        "The configuration of pycarddav: every key, with its default. The first of these files is"
        f" read: the one after --config, the one that {FILE_VARIABLE} names,"
        " $XDG_CONFIG_HOME/pycarddav/config.ini, /etc/pycarddav/config.ini; and after it the .ini"
        " files in config.d beside it, of which the last one counts. A key can be set by a"
        f" variable as well, {Key('server', 'port').variable} for example, which wins over the"
        " file; an option of the command line wins over both. Comments stand on lines of their own."
    )
    parts = [_comment(head)]
    for section, kind in SECTIONS.items():
        parts.append(f"\n[{section}]\n" + _comment(kind.__doc__))
        for item in fields(kind):
            setting = f"#{item.name} = {item.metadata['default']}".rstrip()
            parts.append("\n" + _comment(item.metadata["doc"]) + setting + "\n")
    return "".join(parts)


def _comment(doc: str) -> str:
    return textwrap.fill(doc, 88, initial_indent="# ", subsequent_indent="# ") + "\n"
