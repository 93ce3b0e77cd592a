"""Who comes in, over a real socket."""

import base64
from contextlib import contextmanager

import pytest
from wire import Client, running

from pycarddav.auth.digest import fields
from pycarddav.auth.htdigest import digest
from pycarddav.dav.errors import Unauthorized
from pycarddav.dav.names import DAV
from pycarddav.dav.xml import DECLARATIONS, parse
from pycarddav.protocol.messages import Request
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


def challenge(gate, request=None):
    """The first challenge."""
    with pytest.raises(Unauthorized) as asked:
        gate(request or Request("GET", "/a"))
    first = asked.value.headers()["WWW-Authenticate"].split("\n")[0]
    scheme, _, rest = first.partition(" ")
    assert scheme == "Digest"
    return fields(rest)


def proof(told, user="alice", password="secret", count=1, method="GET", uri="/a", **others):
    """What a client says to a challenge; *others* replaces parameters, None takes them away."""
    algorithm, nc = told.get("algorithm", "MD5"), f"{count:08x}"
    hashed = digest(algorithm, user, told["realm"], password)
    response = digest(
        algorithm, hashed, told["nonce"], nc, "abc", "auth", digest(algorithm, method, uri)
    )
    said = {
        "username": user, "realm": told["realm"], "nonce": told["nonce"], "uri": uri, "nc": nc,
        "cnonce": "abc", "qop": "auth", "algorithm": algorithm, "response": response, **others,
    }  # fmt: skip
    listed = ", ".join(f'{name}="{value}"' for name, value in said.items() if value is not None)
    return f"Digest {listed}".encode().decode("latin-1")
