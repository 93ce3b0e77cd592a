"""The methods of WebDAV and CardDAV, each as one function."""

import re
from collections.abc import Mapping

from ..dav.names import DAV
from ..dav.xml import E, document
from . import multistatus
from .errors import Garbled, LoginRefused, Unexpected
from .http import MAX_ANSWER, Answer, Http
from .multistatus import Multistatus

_XML = {"Content-Type": "application/xml; charset=utf-8"}
_CARD = {"Content-Type": "text/vcard; charset=utf-8"}


class Client(Http):
    """A client of the server at *url*; what is asked may be relative to that.

    Every method raises what Http.request does, and Unexpected (or LoginRefused) for another status
    than success.
    """

    def propfind(self, url: str, *names: str, depth: str = "0") -> tuple[Multistatus, str]:
        """The properties of these names, or all that the server likes to tell (RFC 4918 §9.1).

        With the URL that hrefs are relative to.
        """
        wanted = E(DAV.prop, *map(E, names)) if names else E(DAV.allprop)
        answer = self._expect(
            "PROPFIND", url, document(DAV.propfind, wanted), _XML | {"Depth": depth}
        )
        return multistatus.read(answer.body, answer.url, mend=True), answer.url

    def report(
        self, url: str, body: bytes, *, depth: str = "0", largest: int = MAX_ANSWER
    ) -> Multistatus:
        """What a REPORT (RFC 3253 §3.6) says, whose cards are as they were sent."""
        answer = self._expect("REPORT", url, body, _XML | {"Depth": depth}, largest)
        return multistatus.read(answer.body, answer.url)

    def get(self, url: str, *, largest: int = MAX_ANSWER) -> Answer:
        """The very octets that are stored there: no Accept header asks for another form."""
        return self._expect("GET", url, largest=largest)

    def put(self, url: str, data: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        return self._expect("PUT", url, data, {**_CARD, **(headers or {})})

    def delete(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self._expect("DELETE", url, headers=headers)

    def _expect(
        self,
        method: str,
        url: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        largest: int = MAX_ANSWER,
    ) -> Answer:
        """The answer of success."""
        answer = self.request(method, url, body, headers, largest=largest)
        what = f"{method} {answer.url}"
        if answer.status == 401:
            raise LoginRefused(f"{what}: {_why_refused(answer)}", 401)
        if not 200 <= answer.status < 300:
            raise Unexpected(
                f"{what}: {answer.status} {answer.reason[:80]}".rstrip(), answer.status
            )
        if method in ("PROPFIND", "REPORT") and answer.status != 207:
            raise Garbled(f"{what}: {answer.status} came in place of 207: this is no WebDAV server")
        return answer


def _why_refused(answer: Answer) -> str:
    schemes = answer.headers.get("www-authenticate", "")
    if schemes and not re.search(r"\b(basic|digest)\b", schemes, re.IGNORECASE):
        return f"the server wants {schemes.split()[0]:.20} authentication, not Basic or Digest"
    return "the server does not take this user and password"
