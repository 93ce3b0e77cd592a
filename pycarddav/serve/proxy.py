"""What a proxy in front says about the client, for those proxies whose word counts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

UNIX = "unix"  # the other end of a unix socket, in place of a network
NO_ADDRESS = "localhost"  # what waitress calls it


@dataclass(frozen=True)
class Client:
    """Who sent a request and what they call this server; *host* None if they did not say."""

    remote: str
    scheme: str
    host: str | None


@dataclass(frozen=True)
class Proxies:
    """Networks whose hosts are believed, and whether whoever has the unix socket is."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    unix: bool = False

    @classmethod
    def of(cls, *names: str) -> "Proxies":
        """From addresses, networks and ``unix``; ValueError."""
        networks = tuple(ip_network(name) for name in names if name != UNIX)
        return cls(networks, UNIX in names)

    def trust(self, address: str) -> bool:
        if address == NO_ADDRESS:
            return self.unix
        ip = _ip(address)
        return ip is not None and any(ip in network for network in self.networks)

    def seen(self, peer: Client, headers: Mapping[str, str]) -> Client:
        """The client behind *peer*, as X-Forwarded-For, -Proto and -Host have it."""
        if not self.trust(peer.remote):
            return peer
        scheme = _last(headers.get("x-forwarded-proto", "")).lower()
        return replace(
            peer,
            remote=self._origin(peer.remote, headers.get("x-forwarded-for", "")),
            scheme=scheme if scheme in ("http", "https") else peer.scheme,
            host=_last(headers.get("x-forwarded-host", "")) or peer.host,
        )

    def _origin(self, remote: str, hops: str) -> str:
        """The last of the *hops* that no proxy of ours has put there by itself."""
        for hop in reversed(hops.split(",")):
            ip = _ip(hop)
            if ip is None:
                break
            remote = str(ip)
            if not self.trust(remote):
                break
        return remote


@dataclass(frozen=True)
class Vouching:
    """Proxies that let clients in themselves, and the *header* (in lower case) that says whom."""

    proxies: Proxies
    header: str = ""

    def user(self, peer: Client, headers: Mapping[str, str]) -> str:
        """Whom *peer*, the other end of the connection, has let in; "" if it has no say in that."""
        return headers.get(self.header, "") if self.proxies.trust(peer.remote) else ""


def _last(values: str) -> str:
    """What the nearest proxy has added to a list."""
    return values.rpartition(",")[2].strip()


@lru_cache(maxsize=256)  # the same few clients ask again and again
def _ip(text: str) -> IPv4Address | IPv6Address | None:
    """An address, also in brackets or with a port, as some proxies write it."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        ip = ip_address(text)
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip
