"""A server on a free port in this process, and a client that sends what it is told to."""

import socket
import threading
import time
from contextlib import contextmanager

from pycarddav.protocol.context import Limits
from pycarddav.protocol.messages import Response
from pycarddav.serve.sockets import listen
from pycarddav.serve.waitress import Server
from pycarddav.serve.wsgi import Application

HOST = "Host: localhost\r\n"


@contextmanager
def serving(serve, limits=None, **options):
    """The address of a server that answers with *serve*."""
    limits = limits or Limits()
    application = Application(serve, max_body=limits.max_body_size)
    with running(Server(application, listen("127.0.0.1", 0), limits, **options)) as server:
        yield server.address


@contextmanager
def running(server):
    """*server*, in a thread of its own."""
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(20)
        assert not thread.is_alive()


def wait_for(condition):
    """Return when *condition* holds; AssertionError if it does not within half a minute."""
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until, "it does not come true"
        time.sleep(0.02)


def echo(request):
    """Says what arrived."""
    text = f"{request.method} {request.path} {request.body.decode()}"
    return Response(200, {"Content-Type": "text/plain"}, text.encode())


class Client:
    """One connection."""

    def __init__(self, address, timeout=10, tls=None):
        self.socket = socket.create_connection(address, timeout)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def ask(self, head, body=b"", method=None):
        """Send a request, with a Host and the length of *body*, and read the answer."""
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        self.send(f"{head}\r\nHost: localhost\r\n{length}\r\n".encode() + body)
        return self.answer(method or head.split()[0])

    def answer(self, method="GET"):
        """Status, header fields in lower case, body."""
        status = int(self.line().split()[1])
        headers = {}
        while line := self.line():
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        return status, headers, self._body(method, status, headers)

    def line(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError(line)
        return line[:-2].decode()

    def _body(self, method, status, headers):
        if method == "HEAD" or status in (204, 304) or status < 200:
            return b""
        if headers.get("transfer-encoding") == "chunked":
            chunks = []
            while size := int(self.line(), 16):
                chunks.append(self.file.read(size))
                self.line()
            self.line()
            return b"".join(chunks)
        if "content-length" in headers:
            return self.file.read(int(headers["content-length"]))
        return self.file.read()

    def closed(self):
        """Whether the server has closed the connection; waits for that."""
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True
