"""The SQLite database of Baïkal, whose tables are sabre/dav's (``examples/sql`` there)."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

from ...dav.names import CARDDAV, DAV
from . import Fetched, Listed, SourceBook, SourceUnreadable, text

if TYPE_CHECKING:
    from sqlite3 import Connection

_TEXT = 1  # of propertystorage.valuetype; others are XML and PHP objects


class BaikalSource:
    """*file* is ``Specific/db/db.sqlite``.  SourceUnreadable when that is no such database."""

    def __init__(self, file: Path, user: str) -> None:
        if not file.is_file():
            raise SourceUnreadable(f"{file}: no such file")
        self._file, self._user, self._principal = file, user, f"principals/{user}"
        users = [name for (name,) in self._ask("SELECT username FROM users ORDER BY 1")]
        if user not in users:
            raise SourceUnreadable(f"{file} has nothing of {user}: --user {' or '.join(users)}")

    def books(self) -> list[SourceBook]:
        rows = self._ask(
            "SELECT uri, displayname, description FROM addressbooks WHERE principaluri = ?"
            " ORDER BY id",
            self._principal,
        )
        return [
            SourceBook(f"{self._file.absolute()}#{uri}", uri, tuple(self._props(uri, *texts)))
            for uri, *texts in rows
        ]

    def _props(self, uri: str, name: str | None, description: str | None) -> Iterator[Element]:
        if name:
            yield text(DAV.displayname, name)
        if description:
            yield text(CARDDAV.addressbook_description, description)
        if not list(self._ask("SELECT 1 FROM sqlite_master WHERE name = 'propertystorage'")):
            return
        path = f"addressbooks/{self._user}/{uri}"
        for key, value in self._ask(
            "SELECT name, value FROM propertystorage WHERE path = ? AND valuetype = ?", path, _TEXT
        ):
            if str(key).startswith("{"):
                yield text(key, str(value))

    def listing(self, book: SourceBook) -> list[Listed]:
        """The href of a card is its *uri*; the database has no other order than that of coming."""
        rows = self._cards("cards.uri, cards.etag, length(CAST(carddata AS BLOB))", book)
        return [
            Listed(uri, f"{book.name}/{uri}", etag or "", size, "" if size else "it has no content")
            for uri, etag, size in rows
        ]

    def fetch(self, book: SourceBook, listed: Sequence[Listed]) -> Iterator[Fetched]:
        wanted = {item.name: item for item in listed}
        for uri, data in self._cards("cards.uri, CAST(carddata AS BLOB)", book):
            if item := wanted.pop(uri, None):
                yield Fetched(item, data)

    def _cards(self, columns: str, book: SourceBook) -> Iterable[Any]:
        return self._ask(
            f"SELECT {columns} FROM cards JOIN addressbooks ON addressbooks.id = addressbookid"  # noqa: S608 - constants
            " WHERE principaluri = ? AND addressbooks.uri = ? ORDER BY cards.id",
            self._principal,
            book.name,
        )

    def _ask(self, sql: str, *values: object) -> Iterator[Any]:
        from sqlite3 import Error  # 8 ms that other commands do not need

        try:
            with closing(_opened(self._file)) as database:
                yield from database.execute(sql, values)
        except Error as error:
            raise SourceUnreadable(f"{self._file} is no database of Baïkal's: {error}") from error


def _opened(file: Path) -> "Connection":
    """The database, to be read only; that no text is UTF-8 hides nothing else."""
    import sqlite3  # as above

    database = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
    database.text_factory = lambda octets: octets.decode(errors="replace")
    return database
