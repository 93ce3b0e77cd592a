"""A directory (LDAP, RFC 4511): whoever can bind with a password is who their entry says."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from . import DoorClosed, DoorUnusable, Identity, Login, LoginFailed
from .basic import BASIC
from .outage import Outage
from .secure import is_this_machine

if TYPE_CHECKING:
    from ldap3 import Connection

SECONDS = 5  # for each answer; ldap3 wants whole ones
USER = "{user}"

# What a bind says when it is about this user (RFC 4511 §4.1.9): constraintViolation, noSuchObject,
# invalidDNSyntax, inappropriateAuthentication, invalidCredentials, insufficientAccessRights,
# unwillingToPerform.  Anything else but success is about the directory.
REFUSED = (19, 32, 34, 48, 49, 50, 53)
SUCCESS, TOO_MANY, NO_ENTRY = 0, 4, 32


@dataclass(frozen=True)
class Directory:
    """Where users are and how they are found.

    With a template *user_dn* that is their entry; otherwise the one that *filter* finds below
    *base*, for *bind_dn* or anonymously.  *name* is the attribute that says what they are called.
    """

    url: str
    start_tls: bool
    ca: Path | None
    user_dn: str
    bind_dn: str
    password: str
    base: str
    filter: str
    name: str


class Ldap:
    """Asks the directory with each login that is not remembered, on a connection of its own."""

    scheme = BASIC
    guessable = costly = True

    def __init__(self, directory: Directory, outage: Outage | None = None) -> None:
        """DoorUnusable."""
        check(directory)
        self._directory, self._outage = directory, outage or Outage()

    def generation(self) -> None:
        return None

    def knows(self, user: str) -> bool:
        return True

    def verify(self, login: Login) -> Identity:
        """Nobody, while the directory cannot be asked: DoorClosed."""
        from ldap3.core.exceptions import LDAPException  # 150 ms and 9 MB

        if not login.secret:  # a bind without a password succeeds, as nobody (RFC 4513 §5.1.2)
            raise LoginFailed("bad-password")
        self._outage.check()
        try:
            return Identity(self._entry(login.user, login.secret))
        except (LDAPException, OSError) as error:
            why = f"{self._directory.url}: {' '.join(str(error).split())[:200]}"
        # Not before here, where the error has gone, and with it the socket that ldap3 forgot.
        raise self._outage.begin(why)

    def _entry(self, user: str, password: str) -> str:
        """What the directory calls the user with this password."""
        from ldap3.utils.conv import escape_filter_chars
        from ldap3.utils.dn import escape_rdn

        asked = self._directory
        wanted = asked.filter.replace(USER, escape_filter_chars(user))
        connection = self._connection()
        try:
            connection.open()
            if asked.start_tls and urlsplit(asked.url).scheme == "ldap":
                connection.start_tls()
            if asked.user_dn:
                dn = asked.user_dn.replace(USER, escape_rdn(user))
                _bind(connection, dn, password)
                _, names = self._find(connection, dn, wanted, "BASE")
            else:
                self._bind_ourselves(connection)
                dn, names = self._find(connection, asked.base, wanted, "SUBTREE")
                _bind(connection, dn, password)
            return spelled(names, user)
        finally:
            if not connection.closed:
                connection.unbind()
            if connection.socket:  # ldap3 forgets those on which something failed
                connection.socket.close()

    def _connection(self) -> "Connection":
        """Not open yet."""
        import ssl

        from ldap3 import NONE, Connection, Server, Tls

        url, ca = self._directory.url, self._directory.ca

        def encrypt(connection: Connection, do_handshake: bool = True) -> None:
            """As everybody does it today, in place of ldap3's way of ten years ago."""
            context = ssl.create_default_context(cafile=ca)
            host = urlsplit(url).hostname
            connection.socket = context.wrap_socket(connection.socket, server_hostname=host)

        tls = Tls()
        tls.wrap_socket = encrypt
        server = Server(url, get_info=NONE, tls=tls, connect_timeout=SECONDS)
        return Connection(
            server,
            receive_timeout=SECONDS,
            auto_referrals=False,  # or it takes the password wherever a server says
            check_names=False,
            read_only=True,
        )

    def _bind_ourselves(self, connection: "Connection") -> None:
        if self._directory.bind_dn:
            try:
                _bind(connection, self._directory.bind_dn, self._directory.password)
            except LoginFailed:
                raise DoorClosed(f"{self._directory.url} does not let bind_dn in") from None

    def _find(
        self, connection: "Connection", base: str, wanted: str, scope: str
    ) -> tuple[str, Sequence[str]]:
        """DN and names of the only entry that is *wanted*."""
        attribute = self._directory.name
        connection.search(base, wanted, scope, attributes=[attribute], size_limit=2, time_limit=5)
        code = connection.result["result"]
        if code not in (SUCCESS, TOO_MANY, NO_ENTRY):
            raise DoorClosed(f"{self._directory.url}: {connection.result['description']}")
        found = [item for item in connection.response or () if item["type"] == "searchResEntry"]
        if not found:
            raise LoginFailed("unknown-user")
        if len(found) > 1:
            raise LoginFailed("ambiguous-user")
        # It comes as it is called, in whatever capitals it was asked for, and with options.
        values = chain(*found[0]["raw_attributes"].values())
        return found[0]["dn"], [value.decode(errors="replace") for value in values]


def check(directory: Directory) -> None:
    """DoorUnusable if it says too little, or would send passwords in the clear."""
    url = urlsplit(directory.url)
    local = url.scheme == "ldapi" or is_this_machine(url.hostname or "")
    if not find_spec("ldap3"):
        why = "needs the Python package ldap3"
    elif not directory.url:
        why = "needs [ldap] url"
    elif not (local or directory.start_tls or url.scheme == "ldaps"):
        why = "would send passwords in the clear: [ldap] start_tls, or an ldaps URL"
    elif directory.user_dn and USER not in directory.user_dn:
        why = f"needs {USER} in [ldap] user_dn"
    elif not directory.user_dn and not (directory.base and USER in directory.filter):
        why = f"needs [ldap] user_dn, or base and a filter with {USER}"
    else:
        return
    raise DoorUnusable(f"[auth] type = ldap {why}")


def spelled(names: Sequence[str], user: str) -> str:
    """How the directory writes the *user*'s name: it takes ALICE, who may be another, for alice."""
    same = [name for name in names if name.casefold() == user.casefold()]
    for found in (names, same):
        if len(found) == 1:
            return found[0]
    raise LoginFailed("ambiguous-name" if names else "no-name")


def _bind(connection: "Connection", dn: str, password: str) -> None:
    """LoginFailed, DoorClosed."""
    from ldap3.core.exceptions import LDAPSASLPrepError

    if connection.closed:  # ldap3 would open it again, without TLS
        raise DoorClosed(f"{connection.server.host} has closed the connection")
    try:
        connection.rebind(dn, password, authentication="SIMPLE")
    except LDAPSASLPrepError:  # nobody's password (RFC 4013), and no outage of the directory
        raise LoginFailed("bad-password") from None
    code = connection.result["result"]
    if code in REFUSED:
        raise LoginFailed("bad-password")
    if code != SUCCESS:
        raise DoorClosed(f"{connection.server.host}: {connection.result['description']}")
