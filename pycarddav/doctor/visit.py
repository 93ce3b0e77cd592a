"""What the checks share: the address, ways to ask there, and what earlier checks have found out."""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..client import Access, Answer
from ..client.http import Http, joined, origin
from ..client.multistatus import Multistatus, read
from ..dav import xml
from ..dav.names import DAV
from ..dav.xml import E, document
from .ailments import Ailment

if TYPE_CHECKING:
    from dns.resolver import Resolver

XML = {"Content-Type": "application/xml; charset=utf-8"}
GATEWAY = (502, 503, 504)  # what a proxy says when there is nobody behind it
LARGEST = 2**24  # octets of an answer
UNKNOWN = (405, 501)  # what one says that does not know a method
NO_METHOD = (400, 403, *UNKNOWN)  # or does not like it


class Visit:
    """A visit to the server at *url*, as a phone would pay it.

    *endpoint*, *home* and *book* are URLs that are found on the way, *path* is what the zone says;
    *card* is the throw-away card's URL, *left* are all that it may have.  *by_domain* says that the
    address is a domain, whose zone may name another host; *own* that the server is this
    machine's, and asked past its public name.
    """

    def __init__(
        self,
        url: str,
        access: Access,
        resolver: "Resolver | None" = None,
        *,
        by_domain: bool = False,
        own: bool = False,
    ) -> None:
        self.access, self.resolver, self.by_domain, self.own = access, resolver, by_domain, own
        self.user, self.path = access.user, ""
        self.number = secrets.token_hex(8)
        self.home = self.book = self.card = self.etag = self.token = ""
        self.pycarddav = False  # whether that is what is there
        self.left: list[str] = []
        self.places: tuple[str, ...] = ()  # the addresses of the host
        self.limit: int | None = None  # octets of the largest card that the server says it takes
        self.go(url)

    def go(self, url: str) -> None:
        """Take this for the address; Garbled."""
        self.url = self.endpoint = url
        self.scheme, self.host, self.port = origin(url)
        self.root = f"{self.scheme}://{urlsplit(url).netloc}"
        self.stranger = Http(url, replace(self.access, user="", password=""))
        self.phone = Http(url, self.access)

    def close(self) -> None:
        self.stranger.close()
        self.phone.close()

    def ask(
        self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """The answer to the user, whatever it is; ClientError."""
        return self.phone.request(method, url, body, headers, follow=False, largest=LARGEST)

    def propfind(self, url: str, *names: str, depth: str = "0") -> Answer:
        return self.ask("PROPFIND", url, asking(*names), XML | {"Depth": depth})

    def properties(self, url: str, *names: str, depth: str = "0") -> Multistatus:
        """What is answered where everything is as it should be; ClientError, Stop."""
        answer = self.propfind(url, *names, depth=depth)
        self.check("PROPFIND", answer, 207)
        return read(answer.body, answer.url, mend=True)

    def check(self, method: str, answer: Answer, *wanted: int) -> None:
        """Stop with the ailment that another status than these speaks of."""
        status = answer.status
        if status in wanted:
            return
        if status in GATEWAY and not is_dav(answer):
            raise Ailment.bad_gateway.stop(status=status)
        if self.is_stopped(answer):
            raise Ailment.method_refused.stop(method=method, status=status)
        raise Ailment.server_error.stop(method=method, status=status, said=said(answer))

    def is_stopped(self, answer: Answer) -> bool:
        """Whether a request got no farther than to what stands in front of the server.

        pycarddav says everything in XML; others do not, but know the methods.
        """
        return answer.status in (NO_METHOD if self.pycarddav else UNKNOWN) and not is_dav(answer)

    def locate(self, href: str) -> str:
        """The URL of an href in an answer; ForeignHost."""
        return self.phone.locate(self.endpoint, href)

    @property
    def is_numeric(self) -> bool:
        with suppress(ValueError):
            return bool(ip_address(self.host))
        return False

    @property
    def is_here(self) -> bool:
        """Whether only this machine can be meant."""
        with suppress(ValueError):
            return ip_address(self.host).is_loopback
        return self.host == "localhost"


def asking(*names: str) -> bytes:
    return document(DAV.propfind, E(DAV.prop, *map(E, names)))


def is_dav(answer: Answer) -> bool:
    """Whether the answer comes from a WebDAV server rather than from what stands in front of it."""
    kind = answer.headers.get("content-type", "")
    return "xml" in kind.lower() or "PROPFIND" in answer.headers.get("allow", "")


def said(answer: Answer) -> str:
    """The server's own words, for the end of a sentence."""
    try:
        words = xml.parse(answer.body).findtext(f".//{DAV.responsedescription}")
    except (xml.Malformed, xml.Forbidden):
        words = None
    return f": {words[:200]}" if words else ""


def target(answer: Answer) -> str:
    """Where a redirect leads."""
    return joined(answer.url, answer.headers.get("location", ""))
