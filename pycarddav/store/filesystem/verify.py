"""Whether a storage is as it should be, and what to do where it is not."""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ...dav.errors import Error
from .. import etag
from . import derived, files, index, leftovers, member, names, properties
from .book import Book
from .engine import FilesystemStore

Progress = Callable[[int, int], None]  # cards looked at, of how many


@dataclass(frozen=True)
class Finding:
    """What is wrong with a file or folder, and what helps.

    *kind* is a word for programs.  *path* is absolute.  *repaired* says that it is so no more.
    """

    kind: str
    path: str
    message: str
    advice: str
    repaired: bool = False


def verify(
    store: FilesystemStore, repair: bool = False, progress: Progress = lambda done, of: None
) -> Iterator[Finding]:
    """Look at everything: every octet of every card, and what is derived from them.

    With *repair*, what is derived is made anew, and a broken or damaged file gets its last good
    version back; what was in it stays in the history.
    """
    yield from _permissions(store.root.path, repair)
    for path in store.folders():
        yield from _leftovers(path, repair)
    books = []
    for owner in store.owners():
        yield from _strangers(os.path.join(store.root.path, owner), files_too=True)
        books += [store.opened(about) for about in store.books(owner)]
    total, done = sum(len(book.mirror.snapshot.members) for book in books), 0
    for book in books:
        for finding in _book(book, repair):
            if finding:
                yield finding
            else:
                done += 1
                progress(done, total)


def _book(book: Book, repair: bool) -> Iterator[Finding | None]:
    """What is wrong with a book; a None after each card."""
    try:
        snapshot = book.trusted()
    except Error as error:
        yield Finding("unavailable", book.folder.path, str(error), "put back what is missing")
        return
    for name in snapshot.names:
        yield from _card(book, name, snapshot.members[name].etag, repair)
        yield None
    for name, broken in dict(book.mirror.broken).items():
        if name not in snapshot.members:
            yield Finding("broken", book.folder.file(name), str(broken), "mend or remove it")
    yield from _strangers(book.folder.path)
    yield from _properties(book)
    yield from _journal(book, repair)
    yield from _index(book, repair)
    yield from _texts(book, repair)
    yield from _derived(book, repair)
    yield from _history(book, repair)
    for folder in (*book.places, book.history.folder):
        yield from _leftovers(folder, repair)


def _card(book: Book, name: str, known: str, repair: bool) -> Iterator[Finding]:
    path, broken = book.folder.file(name), book.mirror.broken.get(name)
    try:
        data, _ = files.read(path, member.LARGEST)
        content = etag(data)
    except (OSError, ValueError):
        content = ""
    if content == known and not broken:
        return
    kind, message = "damaged", "its content is not what it was, though it was not written"
    if broken:
        kind, message = "broken", str(broken)
    good = book.history.get(known)
    if good is None:
        yield Finding(kind, path, message, "mend it; no good version is kept")
    elif not repair:
        yield Finding(kind, path, message, "mend it; --repair brings back the version before")
    else:
        yield _mended(book, name, good, Finding(kind, path, message, "the version before is back"))


def _mended(book: Book, name: str, good: bytes, finding: Finding) -> Finding:
    try:
        book.mend(name, good)
    except Error as error:
        return replace(finding, advice=f"this could not be repaired: {error}")
    return replace(finding, repaired=True)


def _permissions(root: str, repair: bool) -> Iterator[Finding]:
    secrets = [os.path.join(root, name) for name in (".htpasswd", ".htdigest")]
    for path in (root, *secrets):
        if not os.path.lexists(path) or not (mode := os.stat(path).st_mode & 0o077):
            continue
        if repair:
            os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) & ~0o077)
        message = f"others may read or write it ({mode:03o})"
        yield Finding("permissions", path, message, f"chmod go= {path}", repair)


def _strangers(folder: str, files_too: bool = False) -> Iterator[Finding]:
    """Files that are no cards.  Hidden ones are others' business."""
    with os.scandir(folder) as items:
        for item in items:
            if item.name.startswith(".") or item.is_dir(follow_symlinks=False):
                continue
            if names.conflicts(item.name):
                yield Finding("conflict", item.path, "two programs changed a card", "choose one")
            elif item.is_symlink():
                yield Finding("link", item.path, "links are not followed", "replace it by a copy")
            elif files_too or names.name_of(item.name) is None:
                yield Finding("stranger", item.path, "this is no card", "move it elsewhere")


def _leftovers(folder: str, repair: bool) -> Iterator[Finding]:
    for path in leftovers.unfinished(folder):
        if repair:
            leftovers.remove(path)
        yield Finding("leftover", path, "a process was killed while it wrote", "remove it", repair)
    for path in leftovers.put_aside(folder):
        advice = "take from it what is of use, and remove it"
        yield Finding("aside", path, "it could not be read, and was put aside", advice)


def _properties(book: Book) -> Iterator[Finding]:
    if problem := properties.problem(book.folder.path):
        path = os.path.join(book.folder.path, properties.FILE)
        yield Finding("properties", path, problem, "mend it; the next change by a client does")


def _journal(book: Book, repair: bool) -> Iterator[Finding]:
    with book.locked():
        book.mirror.reconcile(())
        now = {name: found.etag for name, found in book.mirror.snapshot.members.items()}
        try:
            problem = None if book.past().now() == now else "it does not say what is there"
        except Error as error:
            problem = str(error)
        if problem and repair:
            book.mirror.begin_anew()
    if problem:
        advice = "--repair begins a new one: clients compare the whole book once"
        yield Finding("journal", book.mirror.journal.path, problem, advice, repair)


def _index(book: Book, repair: bool) -> Iterator[Finding]:
    if problem := index.problem(book.mirror.index):
        if repair:
            book.mirror.save_index(at_least=0)
        yield Finding("index", book.mirror.index, problem, "it is made anew by itself", repair)


def _texts(book: Book, repair: bool) -> Iterator[Finding]:
    for texts in book.forms.all():
        if problem := texts.problem():
            if repair:
                texts.drop()
            yield Finding("texts", texts.path, problem, "it is made anew by itself", repair)


def _derived(book: Book, repair: bool) -> Iterator[Finding]:
    for path in derived.paths(book.places[1]):
        if problem := derived.problem(path):
            if repair:
                derived.drop(path)
            yield Finding("derived", path, problem, "it is made anew by itself", repair)


def _history(book: Book, repair: bool) -> Iterator[Finding]:
    for found in sorted(book.history.damaged()):
        if repair:
            os.unlink(found)
        yield Finding("history", found, "it is not the version it was", "remove it", repair)
