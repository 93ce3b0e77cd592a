"""What is asked again in the same octets: both ways answer the same, over a real socket."""

import base64
import time
from contextlib import contextmanager
from itertools import product
from types import SimpleNamespace

import pytest
from conftest import BOOK, PREFIXED, anyone, vcard
from disk import ME, card
from test_fast_paths import NAMES, questions
from wire import Client, running

from pycarddav.auth.files import edit
from pycarddav.auth.gate import Gate
from pycarddav.auth.htpasswd import Htpasswd
from pycarddav.auth.secure import over_tls
from pycarddav.dav import xml
from pycarddav.dav.headers import ANYTHING
from pycarddav.dav.names import DAV
from pycarddav.haste import wait
from pycarddav.model import AddressBook, Principal
from pycarddav.protocol.app import App
from pycarddav.protocol.context import Limits
from pycarddav.protocol.messages import Request, Response
from pycarddav.serve import recall as recalling
from pycarddav.serve.recall import LARGEST, Kept, Recall
from pycarddav.serve.sockets import listen
from pycarddav.serve.waitress import Server
from pycarddav.serve.wsgi import Application
from pycarddav.store.memory import MemoryStore

POLL = f"<D:propfind {PREFIXED}><D:prop>{xml.E(DAV.sync_token)}</D:prop></D:propfind>"
ALICE = "Authorization: alice"


class Served:
    """A server on a socket; *asked* are the requests that it had to find an answer to."""

    def __init__(self, app):
        self.app, self.asked, self.told = app, [], []
        self.recall = Recall(self.told.append)

    @contextmanager
    def connection(self):
        application = Application(self._serve, told=self.told.append)
        sockets = listen("127.0.0.1", 0)
        with (
            running(Server(application, sockets, Limits(), recall=self.recall)) as server,
            Client(server.address) as client,
        ):
            yield client

    def _serve(self, request):
        self.asked.append(request)
        return self.app.serve(request)


@pytest.fixture
def served(store):
    return filled(store)


@pytest.fixture
def remembering():
    """A server that can always tell what holds: on disk, only who can listen to it does."""
    return filled(MemoryStore())


def filled(store):
    store.save_book(AddressBook("alice", "friends"))
    data = card("ada.vcf")
    store.put(store.book("alice", "friends"), "ada.vcf", data, "ada.vcf", ANYTHING, ME)
    return Served(App(store, anyone))


def ask(client, method="PROPFIND", path=BOOK, body=POLL, auth=ALICE, **headers):
    """Status, header fields but for the date, body."""
    said = "".join(f"\r\n{name.replace('_', '-')}: {value}" for name, value in headers.items())
    status, fields, content = client.ask(
        f"{method} {path} HTTP/1.1\r\n{auth}{said}", body.encode(), method
    )
    fields.pop("date")
    return status, fields, content


def test_who_asks_in_the_same_words_is_answered_from_memory(remembering):
    with remembering.connection() as client:
        answers = [ask(client, depth="0") for _ in range(3)]
        assert answers[0][0] == 207
        assert answers == 3 * answers[:1]
        assert len({request.path for request in remembering.asked}) == 1
        asked = len(remembering.asked)
        ask(client, depth="0")
        assert len(remembering.asked) == asked
        assert len(remembering.told) == 4  # of each, whoever counts and writes down is told


def test_the_date_is_that_of_the_day(remembering, monkeypatch):
    with remembering.connection() as client:
        for _ in range(3):
            ask(client, depth="0")
        later = SimpleNamespace(time=lambda: 1_900_000_000, perf_counter=time.perf_counter)
        monkeypatch.setattr(recalling, "time", later)
        body = POLL.encode()
        head = f"PROPFIND {BOOK} HTTP/1.1\r\n{ALICE}\r\ndepth: 0"
        assert " Mar 2030 " in client.ask(head, body)[1]["date"]


CHANGES = {
    "another card": lambda store, book: store.put(book, "b.vcf", card("b"), "b", ANYTHING, ME),
    "another name": lambda store, book: store.save_book(AddressBook("alice", "friends", "", "F")),
    "no card": lambda store, book: store.delete(
        next(store.entries(book, ["ada.vcf"])), ANYTHING, ME
    ),
    "no book": lambda store, book: store.delete_book(book, ME),
}
QUESTIONS = [
    ("PROPFIND", BOOK, f"<D:propfind {PREFIXED}><D:allprop/></D:propfind>", {"depth": "0"}),
    ("PROPFIND", BOOK, POLL, {"depth": "1"}),
    ("GET", BOOK + "ada.vcf", "", {}),
    ("GET", BOOK + "b.vcf", "", {}),
    ("HEAD", BOOK + "ada.vcf", "", {}),
    ("OPTIONS", BOOK, "", {}),
    ("PROPFIND", "/alice/", POLL, {"depth": "1"}),
    ("PROPFIND", "/.principals/alice/", POLL, {"depth": "0"}),
]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_answer_is_given_again_only_while_it_is_true(served, change):
    store = served.app.store
    with served.connection() as client:
        for method, path, body, headers in QUESTIONS * 3:
            ask(client, method, path, body, **headers)
        change(store, store.book("alice", "friends"))
        for method, path, body, headers in QUESTIONS:
            said = {**headers, "authorization": "alice"}
            request = Request(method, path, said, body.encode(), "127.0.0.1", "http://localhost")
            expected = served.app.serve(request)
            status, _, content = ask(client, method, path, body, **headers)
            assert (status, content) == (
                expected.status,
                b"" if method == "HEAD" else expected.body,
            ), (method, path)


def test_a_file_that_somebody_changes_is_seen_at_once(server):
    server.put("ada.vcf")
    served = Served(App(server.store, anyone))
    with served.connection() as client:
        for number in range(20):
            first, *others = (ask(client, "GET", BOOK + "ada.vcf", "") for _ in range(4))
            assert others == 3 * [first]
            (server.folder / "ada.vcf").write_bytes(card("ada", f"{number}"))
            assert ask(client, "GET", BOOK + "ada.vcf", "")[2] == card("ada", f"{number}")


def test_both_ways_answer_the_same(served):
    """Whatever something is remembered for, after each of some changes."""
    store = served.app.store
    with served.connection() as client:
        token = "http://pycarddav/none"
        for step, name in product(range(2), NAMES):
            book = store.book("alice", "friends")
            store.put(book, name, vcard(name, f"Gra {step}"), name, ANYTHING, ME)
            for method, body, headers in questions(token):
                said = {key.replace("_", "-"): value for key, value in headers.items()}
                auth = {"authorization": "alice"}
                request = Request(
                    method, BOOK, said | auth, body.encode(), "127.0.0.1", "http://localhost"
                )
                expected = App(store, anyone).serve(request)
                for _ in range(3):  # the third time from memory
                    status, _, content = ask(client, method, BOOK, body, **headers)
                    assert (status, content) == (expected.status, expected.body)


def test_what_is_locked_is_asked_for_each_time(served):
    """The time that is left is another every second."""
    lock = (
        f"<D:lockinfo {PREFIXED}><D:lockscope><D:exclusive/></D:lockscope>"
        "<D:locktype><D:write/></D:locktype></D:lockinfo>"
    )
    about = f"<D:propfind {PREFIXED}><D:prop>{xml.E(DAV.lockdiscovery)}</D:prop></D:propfind>"
    with served.connection() as client:
        assert ask(client, "LOCK", BOOK, lock)[0] == 200
        for _ in range(3):
            ask(client, body=about, depth="0")
        asked = len(served.asked)
        ask(client, body=about, depth="0")
        assert len(served.asked) > asked


def test_whoever_has_changed_the_password_has_changed_it_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("pycarddav.auth.files.SETTLED", -1)  # its stamp can be relied on at once
    store = MemoryStore()
    store.save_book(AddressBook("alice", "friends"))
    users = tmp_path / "users"
    users.write_text("alice:{PLAIN}secret\n")
    served = Served(App(store, over_tls(Gate([Htpasswd(users, accept=["plain"])]))))
    secret = base64.b64encode(b"alice:secret").decode()
    auth = f"Authorization: Basic {secret}"
    with served.connection() as client:
        for _ in range(3):
            assert ask(client, auth=auth, depth="0")[0] == 207
        edit(users, lambda lines: [b"alice:{PLAIN}another\n"])
        assert ask(client, auth=auth, depth="0")[0] == 401
        edit(users, lambda lines: [b"alice:{PLAIN}secret\n"])
        assert ask(client, auth=auth, depth="0")[0] == 207
    kept = [entry for entry, _ in served.recall._kept._kept.values()]
    assert kept
    assert all("authorization" not in entry.request.headers for entry in kept)
    assert secret not in repr([(vars(entry), entry.request.headers) for entry in kept])


def test_what_head_does_not_send_is_not_kept(remembering):
    """It would not count, and be as large as the largest card."""
    with remembering.connection() as client:
        for _ in range(3):
            assert ask(client, "HEAD", BOOK + "ada.vcf", "")[0] == 200
    (kept,) = (entry for entry, _ in remembering.recall._kept._kept.values())
    assert card("ada.vcf") not in vars(kept).values()
    assert not any(isinstance(value, Response) for value in vars(kept).values())


def test_who_attaches_much_to_a_book_is_answered_anew(remembering):
    """Each answer would keep what the book was when it was given."""
    note = xml.E("{a:}note", "x" * 2000)
    with remembering.connection() as client:
        for named, more in ((xml.E("{a:}note", "x"), False), (note, True)):
            remembering.app.store.save_book(
                AddressBook("alice", "friends", dead=(("{a:}note", named),))
            )
            for _ in range(3):
                ask(client, depth="0")
            asked = len(remembering.asked)
            ask(client, depth="0")
            assert (len(remembering.asked) > asked) is more


def test_who_is_somebody_else_is_not_taken_for_them(served):
    with served.connection() as client:
        for _ in range(4):
            assert ask(client, depth="0")[0] == 207
            assert ask(client, auth="Authorization: bob", depth="0")[0] == 404


def test_requests_in_a_row_are_not_taken_for_one(served):
    head = f"OPTIONS {BOOK} HTTP/1.1\r\nHost: localhost\r\n{ALICE}\r\n\r\n"
    with served.connection() as client:
        for many in (1, 3, 1, 2, 3):
            client.send(head * many)
            for _ in range(many):
                assert client.answer("OPTIONS")[0] == 200
        client.send(head[:30])
        time.sleep(0.05)
        client.send(head[30:])
        assert client.answer("OPTIONS")[0] == 200


def test_who_asks_to_be_left_is_left(served):
    for _ in range(3):
        with served.connection() as client:
            answer = ask(client, "OPTIONS", BOOK, "", connection="close")
            assert answer[1]["connection"] == "close"
            assert client.closed()


REQUEST = Request("GET", "/", {"authorization": "alice"})
OCTETS = b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: alice\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nDate: yesterday\r\nX: y\r\n\r\n"


def waiting(request):
    wait()
    return True


def failing(request):
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("holds", "body", "head"),
    [
        (None, b"", HEAD),
        (lambda request: False, b"", HEAD),
        (waiting, b"", HEAD),
        (failing, b"", HEAD),
        (lambda request: True, b"x" * (LARGEST + 1), HEAD),
        (lambda request: True, b"", HEAD.replace(b"Date", b"Data")),
    ],
    ids=["cannot be told", "does not hold", "would wait", "fails", "large", "without a date"],
)
def test_what_is_not_kept(holds, body, head):
    recall = Recall(print)
    kept = Kept.of(REQUEST, Response(200, holds=holds), body)
    for _ in range(3 if kept else 0):
        recall.keep(OCTETS, "1.2.3.4", kept, head)
    assert recall.find(OCTETS, "1.2.3.4") is None


def test_what_is_kept_is_for_the_same_octets_from_the_same_address():
    def holds(request):
        assert request.header("authorization") == "alice"
        return Principal("alice") == Principal(request.headers["authorization"])

    told = []
    recall = Recall(told.append)
    kept = Kept.of(REQUEST, Response(200, holds=holds), b"body")
    assert "authorization" not in kept.request.headers
    recall.keep(OCTETS, "1.2.3.4", kept, HEAD)
    assert recall.find(OCTETS, "1.2.3.4") is None  # most are asked for once
    recall.keep(OCTETS, "1.2.3.4", kept, HEAD)
    before, _, after = recall.find(OCTETS, "1.2.3.4").partition(b"\r\nDate: ")
    assert (before, after.partition(b"\r\n")[2]) == (b"HTTP/1.1 200 OK", b"X: y\r\n\r\nbody")
    assert len(told) == 1
    for octets, peer in ((OCTETS, "1.2.3.5"), (OCTETS + b" ", "1.2.3.4"), (b"", "")):
        assert recall.find(octets, peer) is None
