"""A consistent copy of a storage while it is in use: it is a storage itself."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from ...dav.errors import Conflict
from . import deleted, files, member, names, root
from .book import Book
from .engine import FilesystemStore

_UNFINISHED = ".unfinished"


@dataclass(frozen=True)
class Copied:
    """What is in a backup; *octets* are those of its cards."""

    books: int
    cards: int
    octets: int


def backup(
    store: FilesystemStore,
    target: str,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Copied:
    """Copy everything to *target*, which must not exist.  Conflict; Unavailable where a book is.

    Each book is copied in one state that it was in.  On the same disk, what is in the history is
    linked, and takes no room.  *target* appears when it is complete.
    """
    if os.path.lexists(target):
        raise Conflict(f"{target} is there already")
    old, making = store.root.path, target + _UNFINISHED
    books = [store.opened(book) for owner in store.owners() for book in store.books(owner)]
    total = sum(len(book.trusted().members) for book in books)
    sizes: list[int] = []
    with files.trouble(making):
        shutil.rmtree(making, ignore_errors=True)
        for path in ("", *store.owners()):
            _copy_files(os.path.join(old, path), os.path.join(making, path))
        for book in books:
            for size in _copy_book(book, old, making):
                sizes.append(size)
                progress(len(sizes), total)
        _copy_tree(store.root.state(deleted.FOLDER), old, making)
        shutil.copy2(store.root.marker, os.path.join(making, root.STATE))
        os.sync()
        os.rename(making, target)
        files.sync_folder(os.path.dirname(os.path.abspath(target)))
    return Copied(len(books), len(sizes), sum(sizes))


def _copy_book(book: Book, old: str, making: str) -> Iterator[int]:
    """Copy a book from below *old* to below *making*; the size of each card, when it is there."""
    folder, state = (os.path.join(making, os.path.relpath(path, old)) for path in book.places)
    files.make_folders(folder)
    files.make_folders(state)
    with book.locked():
        book.mirror.reconcile(())
        members = book.mirror.snapshot.members
        if os.path.exists(book.mirror.journal.path):
            shutil.copy2(book.mirror.journal.path, state)
    for name in members:
        yield _copy_card(book, name, members[name].etag, os.path.join(folder, names.file_of(name)))
    _copy_files(book.folder.path, folder)  # what is no card, or broken
    _copy_tree(book.history.folder, old, making)


def _copy_card(book: Book, name: str, etag: str, path: str) -> int:
    """Write a card as it was when the journal was copied; if that is not kept, as it is now."""
    if book.history.get(etag) is not None:
        _link(book.history.path(etag), path)
        return os.stat(path).st_size
    try:
        data, status = files.read(book.folder.file(name), member.LARGEST)
    except (OSError, ValueError):
        return 0
    files.write(path, data, sync=False)
    os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
    return len(data)


def _copy_files(source: str, target: str) -> None:
    """Copy the files of a folder, not what is in its folders, that are not there yet."""
    files.make_folders(target)
    with os.scandir(source) as items:
        for item in items:
            path = os.path.join(target, item.name)
            missing = not os.path.lexists(path) and not files.is_temporary(item.name)
            if missing and item.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError):
                    shutil.copy2(item.path, path)


def _copy_tree(source: str, old: str, making: str) -> None:
    """Copy a folder of files that nobody changes, by links where that goes."""
    if os.path.isdir(source):
        target = os.path.join(making, os.path.relpath(source, old))
        shutil.copytree(source, target, copy_function=_link, dirs_exist_ok=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
