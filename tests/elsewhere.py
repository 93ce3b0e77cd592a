"""Another server: whatever a test says it answers, and what it was asked."""

import socket
import threading
from collections.abc import Callable
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pycarddav.dav import multistatus
from pycarddav.dav.names import CARDDAV, DAV
from pycarddav.dav.xml import XML, E

Reply = tuple[int, dict[str, str], bytes] | Callable[[BaseHTTPRequestHandler], None]


class Elsewhere:
    """*replies* are by method and path; None is the method of all others.

    *otherwise* is for every other path.
    """

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.server = server
        self.url = "http://{}:{}".format(*server.server_address)
        self.replies: dict[tuple[str | None, str], Reply] = {}
        self.otherwise: Reply = (404, {}, b"")
        self.asked: list[tuple[str, str]] = []
        self.logins: list[str | None] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        elsewhere = self.server.elsewhere
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        elsewhere.asked.append((self.command, self.path))
        elsewhere.logins.append(self.headers["Authorization"])
        replies = elsewhere.replies
        reply = replies.get((self.command, self.path)) or replies.get(
            (None, self.path), elsewhere.otherwise
        )
        if callable(reply):
            reply(self)
        else:
            self.say(*reply)

    def say(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def elsewhere():
    """A server that runs as long as the block."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.elsewhere = Elsewhere(server)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.elsewhere
        finally:
            server.shutdown()
            thread.join()


def nobody() -> str:
    """The URL of a server that is down."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def says(*responses: XML) -> Reply:
    return 207, {"Content-Type": "application/xml"}, multistatus.multistatus(responses)


def leads(to: str, status: int = 301) -> Reply:
    return status, {"Location": to}, b""


def about(href: str, *props: XML) -> XML:
    return multistatus.propstats(href, {200: props})


def principal(href: str, at: str) -> XML:
    return about(at, E(DAV.current_user_principal, E(DAV.href, href)))


def home(href: str, at: str) -> XML:
    return about(at, E(CARDDAV.addressbook_home_set, E(DAV.href, href)))


def book(href: str, *props: XML) -> XML:
    return about(href, E(DAV.resourcetype, E(DAV.collection), E(CARDDAV.addressbook)), *props)
