"""What can go wrong, each with its status and, where a standard names one, its precondition.

Declared here, raised anywhere, rendered in one place (``protocol/app.py``).  403 where repeating
the request is pointless, 409 where the user can do something about it (RFC 4918 §16).
"""

from collections.abc import Sequence

from .names import CARDDAV, DAV
from .xml import XML, E, document

BASIC = 'Basic realm="pycarddav", charset="UTF-8"'  # RFC 7617 §2


class Error(Exception):
    """A request that cannot be served; its message says why in one sentence."""

    status = 500
    condition: str | None = None
    public: str | None = None  # said to the client where the message may name the server's files

    def details(self, base: str) -> tuple[XML, ...]:
        """What goes inside the precondition element; *base* is put before every path."""
        return ()

    def headers(self) -> dict[str, str]:
        """Headers beside the body's own."""
        return {}

    def element(self, base: str = "") -> XML | None:
        """The precondition, as it stands inside DAV:error."""
        return E(self.condition, *self.details(base)) if self.condition else None

    def body(self, base: str = "") -> bytes:
        """A DAV:error document (RFC 4918 §14.5), with the message for the person who debugs."""
        message = self.public or str(self)
        said = [E(DAV.responsedescription, message)] if message else []
        return document(DAV.error, self.element(base) or XML(), *said)


class BadRequest(Error):
    status = 400


class ExternalEntities(Error):
    status = 403
    condition = DAV.no_external_entities


class Unauthorized(Error):
    """With a line for each challenge: clients are at odds about several on one."""

    status = 401

    def __init__(self, message: str, challenges: Sequence[str] = (BASIC,)) -> None:
        super().__init__(message)
        self.challenges = challenges

    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": "\n".join(self.challenges)}


class Forbidden(Error):
    status = 403


class NeedPrivileges(Error):
    """DAVx⁵ and Evolution revert the user's edit only when this element names what is missing."""

    status = 403
    condition = DAV.need_privileges

    def __init__(self, path: str, privilege: str) -> None:
        super().__init__(f"{privilege} is needed on {path}")
        self.path, self.privilege = path, privilege

    def details(self, base: str) -> tuple[XML, ...]:
        href = E(DAV.href, base + self.path)
        return (E(DAV.resource, href, E(DAV.privilege, E(self.privilege))),)


class NotFound(Error):
    status = 404


class MethodNotAllowed(Error):
    status = 405

    def __init__(self, allowed: list[str]) -> None:
        super().__init__("this method is not allowed here")
        self.allowed = allowed

    def headers(self) -> dict[str, str]:
        return {"Allow": ", ".join(self.allowed)}


class Conflict(Error):
    status = 409


class PreconditionFailed(Error):
    """With the current ETag, so that the client need not ask for it."""

    status = 412

    def __init__(self, message: str, etag: str | None = None) -> None:
        super().__init__(message)
        self.etag = etag

    def headers(self) -> dict[str, str]:
        return {"ETag": self.etag} if self.etag else {}


class LengthRequired(Error):
    status = 411


class TokenMismatch(Error):
    """The lock that a token names is not one of this resource."""

    status = 409
    condition = DAV.lock_token_matches_request_uri


class RefreshMismatch(TokenMismatch):
    """The same where the token is a condition (RFC 4918 §9.10.6)."""

    status = 412


class BodyTooLarge(Error):
    status = 413


class UnsupportedMediaType(Error):
    status = 415


class RangeNotSatisfiable(Error):
    status = 416

    def __init__(self, size: int) -> None:
        super().__init__(f"there are {size} octets")
        self.size = size

    def headers(self) -> dict[str, str]:
        return {"Content-Range": f"bytes */{self.size}"}


class Locked(Error):
    """A lock forbids it, and its token was not submitted (RFC 4918 §7.5)."""

    status = 423
    condition = DAV.lock_token_submitted

    def __init__(self, root: str) -> None:
        super().__init__(f"{root} is locked")
        self.root = root

    def details(self, base: str) -> tuple[XML, ...]:
        return (E(DAV.href, base + self.root),)


class LockConflict(Locked):
    """There is a lock already that this one cannot stand beside (RFC 4918 §6.2)."""

    condition = DAV.no_conflicting_lock


class TooManyRequests(Error):
    """Too many wrong passwords (RFC 6585 §4): *seconds* have to pass before the next try."""

    status = 429

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many failed logins; try again in {seconds} seconds")
        self.seconds = seconds

    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.seconds)}


class BadGateway(Error):
    """The destination is on another server (RFC 4918 §9.8.5)."""

    status = 502


class Unavailable(Error):
    """The storage cannot be read or trusted at the moment: nothing must be concluded from that."""

    status = 503
    public: str | None = "the storage cannot be trusted at the moment; the server's log says why"
    retry_after = 300  # seconds

    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after)}


class CardUnavailable(Unavailable):
    """The same of the content of one card; of the others it can be had."""

    public = "this card cannot be read at the moment; the server's log says why"


class Busy(Unavailable):
    """As many are being served as can be; DAVx⁵ and Apple's clients come back by themselves."""

    public = None
    retry_after = 2


class InsufficientStorage(Error):
    status = 507
    public: str | None = "there is no room for this on the server"
    condition = DAV.sufficient_disk_space


class TooManyMatches(Error):
    """The whole answer would be larger than anyone needs (RFC 3744 §9.4, RFC 6578 §3.7)."""

    status = 507
    condition = DAV.number_of_matches_within_limits


class QuotaExceeded(InsufficientStorage):
    public = None
    condition = DAV.quota_not_exceeded


class ReportNotSupported(Error):
    status = 403
    condition = DAV.supported_report


class InvalidSyncToken(Error):
    status = 403
    condition = DAV.valid_sync_token


class ProtectedProperty(Error):
    status = 403
    condition = DAV.cannot_modify_protected_property


class InvalidResourceType(Error):
    status = 403
    condition = DAV.valid_resourcetype


class InfiniteDepth(Error):
    status = 403
    condition = DAV.propfind_finite_depth


class LocationNotOk(Error):
    status = 403
    condition = CARDDAV.addressbook_collection_location_ok


class UnsupportedAddressData(Error):
    status = 403
    condition = CARDDAV.supported_address_data


class InvalidAddressData(Error):
    status = 403
    condition = CARDDAV.valid_address_data


class NoConversion(Error):
    """This card cannot be had in the form that was asked for (RFC 6352 §5.1.1)."""

    status = 415
    condition = CARDDAV.supported_address_data_conversion


class CardTooLarge(Error):
    status = 403
    condition = CARDDAV.max_resource_size


class UnsupportedFilter(Error):
    """With the elements that are not supported (RFC 6352 §8.6)."""

    status = 403
    condition = CARDDAV.supported_filter

    def __init__(self, message: str, *elements: XML) -> None:
        super().__init__(message)
        self.elements = elements

    def details(self, base: str) -> tuple[XML, ...]:
        return self.elements


class UnsupportedCollation(Error):
    status = 403
    condition = CARDDAV.supported_collation


class UidConflict(Error):
    """409: on a 403 DAVx⁵ gives up the whole sync, on a 409 it takes this one card back."""

    status = 409
    condition = CARDDAV.no_uid_conflict

    def __init__(self, path: str) -> None:
        super().__init__(f"the UID is in use by {path}")
        self.path = path

    def details(self, base: str) -> tuple[XML, ...]:
        return (E(DAV.href, base + self.path),)
