"""A book on its way to another place, with what is known of it, though its mover be killed.

Its folder goes in one step, what is known of it does not.  So it is written down before where both
go, and which folder it is: whoever finds the folder gone and it there moves the rest.
"""

import json
import os
from contextlib import suppress

from . import files
from .folder import identify

LOCK = "lock"  # stays: somebody may be waiting for it
_NOTE = "leaving"


def go(state: str, folder: str, to: str, state_to: str) -> None:
    """Move a *folder* and its *state*.  OSError, and then nothing has happened."""
    files.make_folders(state)
    note = {"folder": _from(state, to), "state": _from(state, state_to), "is": identify(folder)}
    path = os.path.join(state, _NOTE)
    files.save(path, json.dumps(note).encode() + b"\n")
    try:
        os.rename(folder, to)
    except OSError:
        with suppress(OSError):
            os.unlink(path)
        raise


def finish(state: str) -> bool:
    """Move the rest of a state whose folder has gone where it was to go; whether that is so.

    OSError.
    """
    path = os.path.join(state, _NOTE)
    try:
        note = json.loads(files.read(path, 10_000)[0])
        folder, to = (os.path.normpath(os.path.join(state, note[it])) for it in ("folder", "state"))
        if list(identify(folder) or ()) != note["is"]:
            return False
    except (OSError, ValueError, LookupError, TypeError):
        return False
    move(state, to)
    return True


def move(state: str, to: str) -> None:
    """Move everything but the lock, and remove the note."""
    names = os.listdir(state) if os.path.isdir(state) else []
    for name in names:
        if name not in (LOCK, _NOTE):
            files.make_folders(to)
            with suppress(FileNotFoundError):  # another process is finishing it as well
                _into(os.path.join(state, name), os.path.join(to, name))
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(state, _NOTE))


def _into(path: str, to: str) -> None:
    """Rename a file or folder; what is in a folder that is there already comes into it."""
    if os.path.isdir(path) and os.path.isdir(to):
        for name in os.listdir(path):
            os.rename(os.path.join(path, name), os.path.join(to, name))
        os.rmdir(path)
    else:
        os.rename(path, to)


def _from(state: str, path: str) -> str:
    return os.path.relpath(path, state)  # the whole storage may be moved before it is finished
