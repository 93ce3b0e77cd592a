"""What tests share: every engine, a client without a socket, and a reader of its answers."""

import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from disk import Server
from hypothesis import settings

from pycarddav import floor, haste
from pycarddav.cli import main
from pycarddav.dav import xml
from pycarddav.dav.names import CARDDAV, DAV
from pycarddav.model import AddressBook, Author, Home, Principal
from pycarddav.protocol import stencil, urls
from pycarddav.protocol.app import App
from pycarddav.protocol.cache import Cache
from pycarddav.protocol.context import Limits
from pycarddav.protocol.messages import Request, Response
from pycarddav.serve import waitress
from pycarddav.serve.connection import READING
from pycarddav.store import Store
from pycarddav.store.filesystem import FilesystemStore, sight
from pycarddav.store.filesystem.texts import Texts
from pycarddav.store.memory import MemoryStore
from pycarddav.transfer.report import Fate
from pycarddav.vcard import skim

tried_in_haste = {*READING}  # methods


def pytest_addoption(parser):
    parser.addoption(
        "--without-caches",
        action="store_true",
        help="take no short cut, and remember nothing: every test must pass all the same",
    )


def pytest_configure(config):
    if config.getoption("--without-caches"):
        Cache.put = lambda cache, key, value, size: None  # type: ignore[method-assign]
        skim.uid = lambda data: None
        stencil.FEW = sys.maxsize
        sight.glimpse = lambda path: None
        waitress.turn = nullcontext
        floor.take = lambda: None
        tried_in_haste.clear()
        xml.is_plain = lambda body, most: False
        urls._PLAIN = re.compile(r"(?!)")
        Texts.add = lambda texts, new, current: None  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def caches_are_on(request):
    """For the few tests that are about the short cuts themselves."""
    if request.config.getoption("--without-caches"):
        pytest.skip("there are no caches")


# A red CI says that this change broke something, not that chance has found what was there before:
# looking for that is what the long runs and everybody's own runs are for.
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")

HOME = "/alice/"
BOOK = "/alice/friends/"
ALICE = Author("alice", "pytest")
PREFIXED = xml.DECLARATIONS


class Clock:
    """A time in seconds that passes when a test says so."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def vcard(uid: str, fn: str, *lines: str, version: str = "3.0") -> bytes:
    """A card of these lines."""
    extra = "".join(f"{line}\r\n" for line in lines)
    return (
        f"BEGIN:VCARD\r\nVERSION:{version}\r\nUID:{uid}\r\nFN:{fn}\r\n{extra}END:VCARD\r\n"
    ).encode()


# What may make whoever does it wait; fsync() and locks cannot be heard, and say haste.wait().
WAITING = {"os.scandir", "os.listdir", "os.rename", "os.mkdir", "os.remove", "os.link"}
WAITING |= {"os.truncate", "socket.connect", "subprocess.Popen"}
# By files.read(), which does not wait for the disk; and where there is a bug, by its traceback.
READ_IN_HASTE = (".vcf", ".json", ".py")


def _read_in_haste(path):
    return path.endswith(READ_IN_HASTE) or "/texts-" in path


def _nobody_waits_in_haste(event, args):
    if haste.hasty() and (
        event in WAITING or (event == "open" and not _read_in_haste(str(args[0])))
    ):
        raise AssertionError(f"{event} in haste: {args}")


sys.addaudithook(_nobody_waits_in_haste)


def as_on_the_loop(app: App, request: Request) -> Response:
    """The response to *request*: in haste if it reads, as the server tries it, or at leisure."""
    if request.method in tried_in_haste:
        try:
            with haste.haste():
                return app.serve(request)
        except haste.WouldWait:
            pass
    return app.serve(request)


@dataclass
class Client:
    """Speaks to the application as a client would, without a socket."""

    app: App
    user: str | None = "alice"
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, method: str, path: str, body: bytes | str = b"", **headers: str) -> Response:
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.user:
            said["authorization"] = self.user
        data = body.encode() if isinstance(body, str) else body
        request = Request(
            method, path, self.headers | said, data, "127.0.0.1", "http://localhost:5236"
        )
        return as_on_the_loop(self.app, request)

    def propfind(self, path: str, *names: str, depth: str = "0") -> "Found":
        body = f"<D:propfind {PREFIXED}><D:prop>{elements(names)}</D:prop></D:propfind>"
        return found(self("PROPFIND", path, body, depth=depth))

    def put(self, name: str, data: bytes, **headers: str) -> Response:
        return self("PUT", BOOK + name, data, **headers)

    def set(self, path: str, *props: str) -> Response:
        """Set properties, given as elements."""
        return self(
            "PROPPATCH",
            path,
            f"<D:propertyupdate {PREFIXED}><D:set><D:prop>{''.join(props)}</D:prop></D:set>"
            "</D:propertyupdate>",
        )

    def sync(
        self, token: str = "", *names: str, limit: int | None = None, path: str = BOOK
    ) -> tuple["Found", str]:
        """What changed since *token*, and the new token."""
        limited = f"<D:limit><D:nresults>{limit}</D:nresults></D:limit>" if limit else ""
        body = (
            f"<D:sync-collection {PREFIXED}><D:sync-token>{token}</D:sync-token>"
            f"<D:sync-level>1</D:sync-level>{limited}"
            f"<D:prop>{elements(names or [DAV.getetag])}</D:prop></D:sync-collection>"
        )
        response = self("REPORT", path, body)
        token = root(response).findtext(DAV.sync_token) or "" if response.status == 207 else ""
        return found(response), token

    def query(self, filter: str, *names: str, path: str = BOOK, **headers: str) -> "Found":
        """What matches; *filter* is what stands inside C:filter, and after it."""
        body = (
            f"<C:addressbook-query {PREFIXED}><D:prop>{elements(names or [DAV.getetag])}</D:prop>"
            f"{filter}</C:addressbook-query>"
        )
        return found(self("REPORT", path, body, **headers))

    def multiget(self, *hrefs: str, names: Iterable[str] = (), path: str = BOOK) -> "Found":
        listed = "".join(xml.E(DAV.href, href) for href in hrefs)
        asked = elements(names or [DAV.getetag, CARDDAV.address_data])
        body = (
            f"<C:addressbook-multiget {PREFIXED}><D:prop>{asked}</D:prop>{listed}"
            "</C:addressbook-multiget>"
        )
        return found(self("REPORT", path, body))


def elements(names: Iterable[str]) -> str:
    return "".join(xml.E(name) for name in names)


def root(response: Response) -> Element:
    """The document that a response is."""
    assert isinstance(response.body, bytes)
    return xml.parse(response.body)


# href -> status of the whole, or property -> text, or tags of children, or status when not 200
Found = dict[str, int | dict[str, str | list[str] | int | None]]


def found(response: Response) -> Found:
    """A multistatus as values."""
    assert response.status == 207, response
    answers: Found = {}
    for answer in root(response).findall(DAV.response):
        href, status = answer.findtext(DAV.href) or "", answer.findtext(DAV.status)
        assert href not in answers, f"{href} is answered twice"
        answers[href] = code(status) if status else properties(answer)
    return answers


def properties(answer: Element) -> dict[str, str | list[str] | int | None]:
    """name -> text, or tags of the children, or the status where it is not 200."""
    values: dict[str, str | list[str] | int | None] = {}
    for propstat in answer.findall(DAV.propstat):
        status = code(propstat.findtext(DAV.status))
        for prop in propstat.iterfind(f"{DAV.prop}/*"):
            inner = [child.tag for child in prop]
            values[prop.tag] = status if status != 200 else inner or prop.text
    return values


def code(status: str | None) -> int:
    assert status is not None
    assert status.startswith("HTTP/1.1 ")
    return int(status.split()[1])


def condition(response: Response) -> str:
    """The precondition that a DAV:error names."""
    error = root(response)
    assert error.tag == DAV.error
    return error[0].tag


ENGINES = {"memory": lambda folder: MemoryStore(), "filesystem": FilesystemStore}


@pytest.fixture(params=ENGINES)
def empty_store(request, tmp_path) -> Store:
    """Every test runs against every engine: what they promise is the same."""
    return ENGINES[request.param](tmp_path / "storage")


@pytest.fixture
def store(empty_store) -> Store:
    """Where Alice has a book."""
    empty_store.save_home(Home("alice"))
    empty_store.save_book(AddressBook("alice", "friends", displayname="Friends"))
    return empty_store


def anyone(request: Request) -> Principal | None:
    """Takes the Authorization header for a name; "root" is an admin."""
    name = request.header("authorization")
    return Principal(name, admin=name == "root") if name else None


@pytest.fixture
def client(store) -> Client:
    return Client(App(store, anyone, Limits(max_resource_size=20_000)))


@pytest.fixture
def quick_path(tmp_path):
    """A folder in memory, where there is one: for what asks hundreds of times for a sync."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture
def server(tmp_path) -> Server:
    """A book on disk."""
    FilesystemStore(tmp_path / "storage").save_book(AddressBook("alice", "friends", "", "Friends"))
    return Server(tmp_path / "storage")


@pytest.fixture
def synced(server) -> Server:
    """A book on disk with two cards, which a client has."""
    server.put("ada.vcf")
    server.put("bob.vcf")
    server.sync()
    return server


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home directory with nothing in it, and no variable of ours."""
    for variable in [*os.environ]:
        if variable.startswith(("PYCARDDAV_", "XDG_")):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def cli(home, capsys):
    """Run a command: (exit code, standard output, standard error)."""

    def run(*words):
        code = main(list(words))
        said = capsys.readouterr()
        return int(code), said.out, said.err

    return run


@pytest.fixture
def typed(monkeypatch):
    """Put these lines on standard input."""

    def put(*lines):
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))

    return put


@pytest.fixture
def anna(cli, typed):
    """A user with an address book."""
    typed("correct horse")
    code, _, err = cli("user", "add", "anna", "--password-stdin")
    assert code == 0, err
    return "anna"


@pytest.fixture
def here(home, anna, monkeypatch):
    """Where somebody is who types commands, with nothing in it; anna has an address book."""
    (home / "here").mkdir()
    monkeypatch.chdir(home / "here")
    return home / "here"


@pytest.fixture
def bring(cli):
    """Import files: the exit code, the numbers that are reported, the cards that are."""

    def run(*words, to="anna/contacts"):
        code, out, err = cli("import", *words, "--to", to, "--json")
        assert out, err
        said = json.loads(out)
        numbers = {what: said[what] for what in (*Fate, "repaired") if said[what]}
        return code, numbers, said["cards"]

    return run
