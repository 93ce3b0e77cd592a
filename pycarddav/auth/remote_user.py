"""Whom a proxy in front has let in.

Which proxies have a say, and in which header, is decided where the connection is seen
(``serve/proxy.py``); nobody else's word arrives here.
"""

from ..protocol.messages import Request
from . import Identity, Login, LoginFailed, Scheme


def read(written: str, request: Request) -> Login:
    """ValueError if it is not UTF-8.

    A comma is what becomes of two headers: a proxy may have added its own to a forged one.
    """
    user = written.encode("latin-1").decode()  # WSGI's way to hand over octets (PEP 3333)
    if "," in user:
        raise ValueError("two users at once")
    return Login(user, "", request, familiar=True)


REMOTE_USER = Scheme("", read, lambda failure: [], repeated=False)


class RemoteUser:
    """Believes the proxy."""

    scheme = REMOTE_USER
    guessable = costly = False

    def generation(self) -> None:
        return None

    def knows(self, user: str) -> bool:
        return True

    def verify(self, login: Login) -> Identity:
        if not login.user:
            raise LoginFailed("no-user-name")
        return Identity(login.user, good_for=0)
