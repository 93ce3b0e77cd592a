"""Which file holds the card of which name: the same word wherever a directory can hold it.

A member is a ``.vcf`` file, as in any vdir.  A client may choose a name without that ending, or
one that looks like another program's leftover; its file carries a marker behind the name.
"""

import re
from functools import lru_cache

from ...dav.errors import Forbidden

_ENDING = ".vcf"
_MARKER = ".noext.vcf"
_LONGEST = 255  # octets: NAME_MAX of every file system in use

# Syncthing, Dropbox and Nextcloud, Seafile: a version that somebody has to look at.
_CONFLICT = re.compile(r"\.sync-conflict-\d{8}-|\(.*conflicted copy|\(SFConflict ")


def name_of(file: str) -> str | None:
    """The name of the card that this file holds; None for a file that is no member."""
    if not file.isascii() and not can_be_file(file):  # no text: os.listdir() has made it up
        return None
    if _is_plain(file):
        return file
    name = file.removesuffix(_MARKER)
    return None if name in (file, "") or _hides(file) or _is_plain(name) else name


def file_of(name: str) -> str:
    """The file for the card *name*.  Forbidden where there can be none."""
    file = name if _is_plain(name) else name + _MARKER
    if not can_be_file(file):
        raise Forbidden(f"a card cannot have this name: {name[:80]!r}")
    return file


@lru_cache(maxsize=1024)  # of users and books, at every request
def can_be_file(name: str) -> bool:
    """Whether a file or folder can have this name, and be seen."""
    try:
        length = len(name.encode())
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    return 0 < length <= _LONGEST and not _hides(name) and not {"/", "\0"} & set(name)


def conflicts(file: str) -> bool:
    """Whether a synchronising program has put the loser of a conflict into this file."""
    return bool(_CONFLICT.search(file))


def _is_plain(file: str) -> bool:
    """Whether name and file are the same word.  Asked of every file at every look at a folder."""
    if not (file.endswith(_ENDING) or file.lower().endswith(_ENDING)) or file.startswith("."):
        return False
    if "onflict" in file and conflicts(file):
        return False
    return not file.endswith(_MARKER) or file == _MARKER or _is_plain(file[: -len(_MARKER)])


def _hides(name: str) -> bool:
    return name.startswith(".")
