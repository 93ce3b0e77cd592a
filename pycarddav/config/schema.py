"""What can be set.  The only place where a key is named.

The file, the environment, the options of the command line, config.example.ini and `config show`
all come from these dataclasses: one a section, one field a key.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from ..auth import DoorName
from ..auth.ldap import Directory
from ..auth.oauth import Issuer
from ..auth.passwords import WEAK
from ..protocol.context import Limits
from ..store.filesystem import Retention
from ..store.filesystem.watch import Choice
from .values import (
    absolute,
    default,
    file,
    header,
    hosts,
    list_of,
    names,
    networks,
    number,
    one_of,
    path,
    port_number,
    prefix,
    processes,
    realm,
    size,
    some_of,
    text,
    token,
    url,
    yes_or_no,
)


@dataclass(frozen=True)
class Server:
    """Where the server is reached."""

    host: tuple[str, ...] = default(
        "127.0.0.1",
        hosts,
        "Addresses to listen on, separated by commas. The default is this machine only, as behind a"
        " proxy that does TLS; 0.0.0.0 is every IPv4 address, :: every IPv6 address, unix:/PATH a"
        " unix socket.",
        "--host ADDRESS",
    )
    port: int = default(
        "5236", port_number, "Port to listen on; 0 takes any free one.", "--port NUMBER"
    )
    certificate: Path | None = default(
        "",
        file,
        "TLS certificate with its chain, in PEM: the server then speaks https only. SIGHUP reads"
        " it again.",
    )
    key: Path | None = default("", file, "The certificate's key, if it is in a file of its own.")
    redirect_port: int = default(
        "0",
        port_number,
        "With a certificate: port on which plain http is sent to https, such as 80. 0 is none.",
    )
    hsts: int = default(
        "0",
        number,
        "For how many seconds browsers insist on https once they have seen it, such as 31536000."
        " Only with a certificate that every browser trusts.",
    )
    trusted_proxies: tuple[str, ...] = default(
        "",
        networks,
        "Addresses or networks of proxies, separated by commas, and unix for the one that uses the"
        " unix socket. Their X-Forwarded-For, -Proto and -Host are believed, nobody else's.",
    )
    workers: int = default(
        "1",
        processes,
        "Processes that serve together, to use more than one core. Each remembers for itself: it"
        " takes its own memory, and forgives as many wrong passwords as if it were alone.",
    )
    base_path: str = default(
        "", prefix, "Path under which a proxy publishes the server, such as /contacts."
    )
    max_body_size: int = default(
        f"{Limits.max_body_size >> 20}M",
        size,
        "The largest request that is accepted. A contact with photos can have several megabytes.",
    )
    metrics: str = default(
        "off",
        one_of("off", "local"),
        "Who may read /.metrics, in Prometheus' format, without a password: nobody, or who asks"
        " from this machine itself. A proxy here must say for whom it asks: X-Forwarded-For.",
    )
    metrics_token: str = default(
        "",
        token,
        "Who sends this as a Bearer token may read /.metrics from anywhere; none if it is empty.",
        secret=True,
    )


@dataclass(frozen=True)
class Storage:
    """Where the address books are."""

    folder: Path = default(
        "$XDG_DATA_HOME/pycarddav",
        absolute,
        "One folder is everything: a copy of it is a complete backup. ~ and $VARIABLES are"
        " replaced; XDG_DATA_HOME is ~/.local/share where it is not set.",
        "--storage FOLDER",
    )
    quota: int = default(
        f"{Limits.quota}",
        size,
        "The most that the contacts of one user may take together, such as 500M. 0 is no limit.",
    )
    watch: Choice = default(
        "auto",
        one_of(*get_args(Choice)),
        "How changes by other programs are noticed: inotify is told of them by the kernel, stat"
        " looks at every file (network shares need that), auto finds out which it takes.",
    )
    history_days: int = default(
        f"{Retention.days}",
        number,
        "For how long a version is kept after it was replaced or deleted.",
    )
    history_versions: int = default(
        f"{Retention.versions}", number, "How many of a card's last versions are kept longer."
    )
    history_size: int = default(
        f"{Retention.size >> 30}G",
        size,
        "The most that is kept of each address book; the oldest versions go first.",
    )


@dataclass(frozen=True)
class Auth:
    """Who may log in."""

    type: tuple[DoorName, ...] = default(
        "htpasswd",
        list_of(*get_args(DoorName)),
        "Where users are known, in the order to ask, separated by commas: htpasswd, digest,"
        " ldap, oauth, remote_user. Each but the first has a section of its own. App passwords"
        " (`pycarddav token`) count always.",
    )
    htpasswd: Path = default(
        ".htpasswd",
        path,
        "File with users and passwords, as `pycarddav user` and Apache's htpasswd write it."
        " A relative path starts in the storage folder (on the command line: where you are).",
        "--htpasswd FILE",
    )
    accept: tuple[str, ...] = default(
        "",
        some_of(*sorted(WEAK)),
        "Kinds of weak hashes whose users may log in all the same, separated by commas: sha1, des,"
        " plain ({PLAIN} before a password).",
    )
    plain_http: str = default(
        "local",
        one_of("local", "always"),
        "From where passwords and tokens are taken without TLS: local is this machine, private"
        " networks and VPNs; always is the internet as well, where everybody on the way can read"
        " them.",
    )


@dataclass(frozen=True)
class Digest:
    """With [auth] type = digest: passwords are proven without being sent (RFC 7616)."""

    file: Path = default(
        ".htdigest",
        path,
        "File with users and hashes, as `pycarddav user` and Apache's htdigest write it. A relative"
        " path starts in the storage folder. Who can read it can log in.",
    )
    realm: str = default(
        "pycarddav", realm, "What the hashes are for: with another one they are worth nothing."
    )


@dataclass(frozen=True)
class Ldap(Directory):
    """With [auth] type = ldap: users log in to a directory."""

    url: str = default(
        "",
        url("ldap", "ldaps", "ldapi"),
        "Where it is: ldaps://HOST, ldap://HOST, or ldapi://%2Frun%2Fslapd%2Fldapi, a unix socket.",
    )
    start_tls: bool = default(
        "yes",
        yes_or_no,
        "Whether an ldap:// connection is encrypted before anything else. It can be no on this"
        " machine only.",
    )
    ca: Path | None = default(
        "", file, "Certificates that are trusted to be the directory's, in place of the system's."
    )
    user_dn: str = default(
        "",
        text,
        "The entry of a user, with {user} in it, such as uid={user},ou=people,dc=example,dc=org."
        " Without it, the entry is searched for.",
    )
    bind_dn: str = default("", text, "As whom to search; nobody in particular if it is empty.")
    password: str = default("", text, "The password of bind_dn.", secret=True)
    base: str = default(
        "", text, "Below which entry to search, such as ou=people,dc=example,dc=org."
    )
    filter: str = default(
        "(uid={user})",
        text,
        "Which entry is {user}'s, and may log in: (&(uid={user})(memberOf=cn=cards,dc=example)).",
    )
    name: str = default(
        "uid",
        text,
        "The attribute that says what a user is called here, however they typed it. Users must not"
        " be able to change it.",
    )


@dataclass(frozen=True)
class OAuth(Issuer):
    """With [auth] type = oauth: users bring tokens of a single sign-on (OAuth 2.0)."""

    issuer: str = default("", text, "Who makes the tokens, as it stands in them (iss).")
    audience: str = default(
        "", text, "For whom tokens are, as it stands in them (aud): others are refused."
    )
    user: str = default(
        "sub",
        text,
        "The claim that says what a user is called here. Users must not be able to change it.",
    )
    jwks: str = default(
        "",
        url("https", "http"),
        "URL of the issuer's keys, for tokens that are signed (JWT). They count until they expire.",
    )
    introspection: str = default(
        "",
        url("https", "http"),
        "URL where the issuer is asked about each token instead (RFC 7662): those that are revoked"
        " count for a minute at the most.",
    )
    client_id: str = default("", text, "As whom to ask there.")
    client_secret: str = default("", text, "The password of client_id.", secret=True)
    ca: Path | None = default(
        "", file, "Certificates that are trusted to be the issuer's, in place of the system's."
    )


@dataclass(frozen=True)
class RemoteUser:
    """With [auth] type = remote_user: a proxy in front lets users in, and says whom."""

    header: str = default(
        "X-Remote-User",
        header,
        "The header in which it says so. It has to be one that the proxy sets or removes in every"
        " request, so that no client can.",
    )
    proxies: tuple[str, ...] = default(
        "",
        networks,
        "Addresses or networks of the proxies that are believed, separated by commas, and unix for"
        " the one that uses the unix socket. Whoever can connect from there can be anybody: every"
        " program on this machine if it is 127.0.0.1.",
    )


@dataclass(frozen=True)
class Rights:
    """Who may do what, beyond everyone's own address books."""

    admins: tuple[str, ...] = default(
        "", names, "Users who may do everything, separated by commas."
    )


@dataclass(frozen=True)
class Log:
    """What the server says while it runs, on standard error."""

    level: str = default(
        "info", one_of("debug", "info", "warning", "error"), "The least that is said."
    )
    format: str = default(
        "text",
        one_of("text", "json"),
        "text is for people, the journal and fail2ban; json is one object a line.",
    )


@dataclass(frozen=True)
class Config:
    """Everything that can be set."""

    server: Server = field(default_factory=Server)
    storage: Storage = field(default_factory=Storage)
    auth: Auth = field(default_factory=Auth)
    digest: Digest = field(default_factory=Digest)
    ldap: Ldap = field(default_factory=Ldap)
    oauth: OAuth = field(default_factory=OAuth)
    remote_user: RemoteUser = field(default_factory=RemoteUser)
    rights: Rights = field(default_factory=Rights)
    log: Log = field(default_factory=Log)
