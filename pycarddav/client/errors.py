"""What can go wrong with another server, each said in one sentence that names the place."""


class ClientError(Exception):
    """The other server, or the way there, is not as it should be."""


class Unreachable(ClientError):
    """No answer: no such host, nobody there, no trust in the certificate, too slow, cut off.

    *untrusted* says that it is for the certificate.
    """

    def __init__(self, message: str, *, untrusted: bool = False) -> None:
        super().__init__(message)
        self.untrusted = untrusted


class TooLarge(ClientError):
    """An answer of more octets than we are ready to take."""


class Garbled(ClientError):
    """An answer that cannot be read: not the HTTP, or not the XML, that was asked for."""


class TooManyRedirects(ClientError):
    """From here to there without end."""


class ForeignHost(ClientError):
    """We are sent to a place that is not to have the password: *url*."""

    def __init__(self, place: str, url: str) -> None:
        super().__init__(f"{place} leads to {url}, another server")
        self.url = url


class Unexpected(ClientError):
    """An answer with another *status* than what was asked for leads to."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class LoginRefused(Unexpected):
    """401: no such user, a wrong password, or another way to log in than Basic and Digest."""
