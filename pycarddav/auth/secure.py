"""Passwords do not cross the internet in the clear."""

import ipaddress
from functools import lru_cache

from ..dav.errors import Forbidden
from ..model import Principal
from ..protocol.messages import Request
from . import Authenticator


def over_tls(authenticate: Authenticator) -> Authenticator:
    """*authenticate*, but Forbidden to whoever comes from outside the house without TLS.

    It is said before a password is asked for, so that a client that can help it sends none.
    """

    def check(request: Request) -> Principal | None:
        if request.origin.startswith("http:") and not is_local(request.remote):
            raise Forbidden(
                "passwords are taken over https only; a proxy that speaks it has to be a trusted"
                " one, and to send X-Forwarded-Proto"
            )
        return authenticate(request)

    return check


def is_this_machine(host: str) -> bool:
    """Whether what is sent to *host* stays here."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@lru_cache(maxsize=1024)  # with every request
def is_local(address: str) -> bool:
    """Whether nobody outside can listen: loopback, a private network, a VPN, a unix socket."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return True  # a unix socket has no address
    return not (getattr(ip, "ipv4_mapped", None) or ip).is_global
