"""Who comes in, over a real socket."""

import base64
from contextlib import contextmanager

from wire import Client, running

from pycarddav.dav.names import DAV
from pycarddav.dav.xml import DECLARATIONS, parse
from pycarddav.serve import site

ME = f"<D:propfind {DECLARATIONS}><D:prop><D:current-user-principal/></D:prop></D:propfind>"


def basic(credentials):
    raw = credentials if isinstance(credentials, bytes) else credentials.encode()
    return "Basic " + base64.b64encode(raw).decode()


@contextmanager
def served(config):
    """A connection to a server with this configuration."""
    with (
        site.listening(config) as bound,
        site.serving(config, bound) as server,
        running(server),
        Client(server.address) as client,
    ):
        yield client


def who(client, *lines):
    """Whom the server takes the sender of these header lines for; the status if it is nobody."""
    head = "".join(f"\r\n{line}" for line in ("PROPFIND / HTTP/1.1", "Depth: 0", *lines))
    status, _, body = client.ask(head.removeprefix("\r\n"), ME.encode())
    if status != 207:
        return status
    return parse(body).findtext(f".//{DAV.current_user_principal}/{DAV.href}").split("/")[2]
