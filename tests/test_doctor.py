"""The doctor finds exactly what is wrong with the way to a server, and leaves nothing behind."""

from base64 import b64encode
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from urllib.parse import unquote

import misbehaving as wrong
import pytest
from disk import ME
from wire import running

from pycarddav.auth import accounts, tokens
from pycarddav.client import Access
from pycarddav.config.schema import Config
from pycarddav.dav.headers import ANYTHING
from pycarddav.doctor import Visit, examine
from pycarddav.serve import site
from pycarddav.serve.sockets import listen
from pycarddav.serve.waitress import Server
from pycarddav.serve.wsgi import Application
from pycarddav.store import Store


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Serve alice's contacts, with something in front."""
    folder = tmp_path_factory.mktemp("storage")
    htpasswd = folder / ".htpasswd"
    accounts.add_user(htpasswd, "alice", "a long password")
    password = tokens.add_token(tokens.beside(htpasswd), "alice", "doctor")
    config = Config()
    config = replace(
        config,
        storage=replace(config.storage, folder=folder),
        auth=replace(config.auth, htpasswd=htpasswd),
    )
    with site.store(config) as store:
        app = site.app(config, store)

        @contextmanager
        def serve(*middleware, base=""):
            application = Application(replace(app, base=base).serve, base)
            for wrap in middleware:
                application = wrap(application)
            with running(Server(application, listen("127.0.0.1", 0), app.limits)) as server:
                yield f"http://127.0.0.1:{server.address[1]}/"

        yield Served(config, store, serve, password)


@dataclass(frozen=True)
class Served:
    """Alice's contacts, and ways to get at them."""

    config: Config
    store: Store
    serve: Callable[..., AbstractContextManager[str]]
    password: str

    def entries(self):
        books = [book for owner in self.store.owners() for book in self.store.books(owner)]
        return [entry for book in books for entry in self.store.entries(book)]

    def clear(self):
        for entry in self.entries():
            self.store.delete(entry, ANYTHING, ME)


@pytest.fixture
def visited(served):
    """What the doctor finds wrong there, by name; nothing is ever left behind."""

    def visit(*middleware, path="", base="", password=served.password, user="alice"):
        with served.serve(*middleware, base=base) as url:
            found = list(examine(Visit(url + path, Access(user, password, seconds=10))))
        assert served.entries() == []
        return [finding.name for finding in found if finding.level != "ok"]

    return visit


def test_a_server_that_is_well(visited):
    assert visited() == []
    assert visited(path="alice/contacts/") == []
    assert visited(path="c", base="/c") == []


WELL_KNOWN = wrong.path("/.well-known/.*")
EVERYTHING = wrong.path("/.*")
PROPFIND = wrong.both(wrong.method("PROPFIND"), wrong.logged_in)
NOTHING = wrong.says(207)
OTHER = wrong.says(
    207, wrong.prop("D:current-user-principal", "<D:href>http://other.example/</D:href>")
)

WRONG = {
    "a site that does not know CardDAV": (
        "well-known-missing not-carddav", wrong.when(EVERYTHING, wrong.answer(404)),
    ),
    "nothing behind the proxy": ("bad-gateway", wrong.when(EVERYTHING, wrong.answer(502))),
    "nothing behind one path": (
        "bad-gateway", wrong.when(wrong.path("/"), wrong.answer(503)),
    ),
    "well-known is a page": ("well-known-page", wrong.when(WELL_KNOWN, wrong.answer(200))),
    "well-known makes it a GET": (
        "redirect-status", wrong.when(WELL_KNOWN, wrong.answer(303, Location="/")),
    ),
    "well-known leads inside": (
        "redirect-elsewhere", wrong.when(WELL_KNOWN, wrong.answer(301, Location="http://10.0.0.1/")),
    ),
    "well-known leads to itself": (
        "redirect-loop",
        wrong.when(WELL_KNOWN, wrong.answer(301, Location="/.well-known/carddav/")),
    ),
    "well-known leaves the slash out": (
        "redirect-slash", wrong.when(WELL_KNOWN, wrong.answer(301, Location="/alice")),
    ),
    "a slow clock": (
        "clock",
        wrong.answered(lambda _, headers: headers.update(date="Thu, 01 Jan 2026 00:00:00 GMT")),
    ),
    "nobody is asked to log in": (
        "no-challenge", wrong.answered(lambda _, headers: headers.pop("www-authenticate", None)),
    ),
    "a login page": ("well-known-page login-page", wrong.when(EVERYTHING, wrong.answer(200))),
    "no Authorization": ("stripped", wrong.without("Authorization")),
    "no more logins": (
        "throttled", wrong.when(wrong.logged_in, wrong.answer(429, Retry_After="30")),
    ),
    "only with TLS": ("forbidden", wrong.when(wrong.logged_in, wrong.says(403))),
    "no principal": ("no-principal", wrong.when(PROPFIND, NOTHING)),
    "no home": ("no-home", wrong.when(wrong.both(PROPFIND, wrong.path("/.p.*")), NOTHING)),
    "no book": ("no-book", wrong.when(wrong.both(PROPFIND, wrong.path("/alice/")), NOTHING)),
    "a principal elsewhere": ("foreign-href", wrong.when(PROPFIND, OTHER)),
    "a listing that is a page": ("no-answer", wrong.when(PROPFIND, wrong.answer(207))),
    "OPTIONS answered by a proxy": (
        "no-dav", wrong.when(wrong.method("OPTIONS"), wrong.answer(204, b"")),
    ),
    "no PROPFIND": (
        "method-refused method-refused",
        wrong.when(wrong.method("PROPFIND"), wrong.answer(405)),
    ),
    "no PUT": ("method-refused", wrong.when(wrong.method("PUT"), wrong.answer(405))),
    "no REPORT": ("method-refused", wrong.when(wrong.method("REPORT"), wrong.answer(403))),
    "no MKCOL": ("method-refused", wrong.when(wrong.method("MKCOL"), wrong.answer(405))),
    "no MOVE": ("method-refused", wrong.when(wrong.method("MOVE"), wrong.answer(501))),
    "a slash is needed": (
        "slash", wrong.when(wrong.path("/alice/contacts"), wrong.answer(404)),
    ),
    "a slash is put to the wrong place": (
        "redirect-elsewhere",
        wrong.when(wrong.path("/alice/contacts"), wrong.answer(301, Location="http://[::1]/")),
    ),
    "paths are decoded": ("decoded-path", wrong.asked(wrong.decoded)),
    "paths are encoded again": ("changed-path", wrong.asked(wrong.twice_encoded)),
    "%2F is refused": ("refused-path", wrong.when(wrong.path(".*%2F.*"), wrong.answer(404))),
    "answers are compressed": ("weak-etag", wrong.answered(wrong.weakened)),
    "contents are rewritten": (
        "changed-body weak-etag no-304 cached cached",
        wrong.when(wrong.method("GET"), wrong.answer(200, b"x", ETag='"x"')),
    ),
    "no If-Match": ("condition-ignored", wrong.without("If-Match")),
    "no If-None-Match": ("no-304 condition-ignored", wrong.without("If-None-Match")),
    "a cache": ("no-304 cached", wrong.cached("GET")),
    "a cache of reports": ("cached", wrong.when(wrong.method("REPORT"), NOTHING)),
    "another name": ("host-lost", wrong.asked(lambda _: {"HTTP_HOST": "inner:80"})),
    "small contacts only": ("body-limit", wrong.when(wrong.larger(2**20), wrong.answer(413))),
    "no room": ("no-room", wrong.when(wrong.method("PUT"), wrong.says(507))),
    "a server that breaks": ("server-error", wrong.when(wrong.method("PUT"), wrong.answer(500))),
}  # fmt: skip


@pytest.mark.parametrize(("names", "middleware"), WRONG.values(), ids=WRONG)
def test_what_stands_in_front_and_is_wrong_is_found(visited, names, middleware):
    assert visited(middleware) == names.split()


@pytest.mark.parametrize(("base", "then"), [("", "wrong-prefix"), ("/c", "not-carddav")])
def test_a_path_that_the_proxy_keeps_to_itself(visited, base, then):
    """One that the server does not know of, and one that it is waiting for."""
    middleware = (
        wrong.asked(wrong.stripped("/c")),
        wrong.when(wrong.path(r"/(?!c/|\.well-known/).*"), wrong.answer(404)),
    )
    assert visited(*middleware, path="c/", base=base) == ["redirect-nowhere", then]


def test_who_is_not_let_in(visited):
    assert visited(user="") == ["anonymous"]
    assert visited(password="x") == ["wrong-password"]
    other = wrong.answered(lambda _, headers: headers.update({"www-authenticate": "Basic realm=x"}))
    assert visited(other, password="x") == ["login-refused"]


def test_another_server_may_say_no_in_its_own_words(visited):
    other = wrong.answered(lambda _, headers: headers.update({"www-authenticate": "Basic realm=x"}))
    no = wrong.answer(403, b"no", Content_Type="text/plain")
    assert visited(other, wrong.when(wrong.method("MKCOL", "PROPPATCH"), no)) == []
    assert visited(wrong.when(wrong.method("PROPPATCH"), no)) == ["method-refused"]


def test_who_may_only_read(visited, served):
    file = tokens.beside(served.config.auth.htpasswd)
    password = tokens.add_token(file, "alice", "reader", read_only=True)
    assert visited(password=password) == ["read-only"]


def test_a_server_that_logs_everybody_in(visited, served):
    login = b64encode(f"alice:{served.password}".encode()).decode()
    everybody = wrong.asked(lambda _: {"HTTP_AUTHORIZATION": f"Basic {login}"})
    assert visited(everybody) == ["open-to-all"]


def test_a_card_that_cannot_be_deleted_is_named(served):
    undeletable = wrong.when(wrong.method("DELETE"), wrong.answer(405))
    with served.serve(undeletable) as url:
        found = list(examine(Visit(url, Access("alice", served.password))))
    assert [finding.name for finding in found if finding.level != "ok"] == [
        "method-refused",
        "left-over",
    ]
    [left] = (entry.name for entry in served.entries())
    assert left in unquote(found[-1].what)
    served.clear()


def test_a_visit_that_is_interrupted_leaves_nothing_behind(served):
    with served.serve() as url:
        visit = examine(Visit(url, Access("alice", served.password)))
        assert any(finding.check == "create" for finding in visit)
        assert len(served.entries()) == 1
        visit.close()
    assert served.entries() == []
