"""Everything that the doctor knows to be wrong, and the sentence that mends it.

docs/troubleshooting.md has a heading for each, and says more.
"""

from enum import Enum

from .findings import Finding, Level, Stop

PROXY = "`pycarddav proxy` prints a configuration that does not"


class Ailment(Enum):
    """How bad it is, what is said, and what mends it; in braces, what is known when it is found."""

    # The way to the server
    dns_silent = (
        "warn",
        "the name servers do not answer for {name}: {why}",
        "Ask another one with --nameserver, or look whether this machine is on the net.",
    )
    srv_none = (
        "FAIL",
        "{name} says that there is no such service",
        "Replace that record of the zone: `pycarddav dns` prints the right ones.",
    )
    srv_elsewhere = (
        "FAIL",
        "{name} leads to {target}, not to {here}",
        "Correct the record, which `pycarddav dns` prints, or give people the address in it.",
    )
    txt_path = (
        "FAIL",
        "the zone says that the server is at {path}, where {status} is answered",
        "Correct the TXT record: `pycarddav dns` prints it with [server] base_path.",
    )
    srv_plain = (
        "warn",
        "{name} leads clients to a service without TLS",
        "Replace that record by the one that `pycarddav dns` prints, which says there is none.",
    )
    unknown_host = (
        "FAIL",
        "{host} has no address",
        "Look whether the name is spelled right, and add an A or AAAA record for it.",
    )
    unreachable = (
        "FAIL",
        "{host} port {port} cannot be reached: {why}",
        "Look whether the server or its proxy runs, the firewall lets that port through, and the"
        " router forwards it.",
    )
    dead_address = (
        "warn",
        "{place}, one of the addresses of {host}, does not answer: {why}",
        "Take that record (A or AAAA) out of the zone, or let the server or its proxy listen there"
        " as well: phones may take any of them.",
    )
    no_tls = (
        "warn",
        "{url} is not encrypted: iPhones refuse that, and everybody on the way reads the password",
        "Put a proxy in front that has a certificate: `pycarddav proxy caddy` prints all it needs.",
    )
    # TLS
    tls_absent = (
        "FAIL",
        "{host} port {port} speaks HTTP, not HTTPS",
        "Use the port that does, or give the server or its proxy a certificate.",
    )
    tls_expired = (
        "FAIL",
        "the certificate of {host} has expired",
        "Renew it, look why that did not happen by itself, and let the server reload it.",
    )
    tls_early = (
        "FAIL",
        "the certificate of {host} is not valid yet",
        "Set the clock, of this machine or of the one that made the certificate.",
    )
    tls_name = (
        "FAIL",
        "the certificate is not for {host}",
        "Get one for that name, or give people a name that is in it.",
    )
    tls_self_signed = (
        "FAIL",
        "the certificate of {host} is signed by nobody but its owner",
        "Get one that phones trust, which is free with Caddy or Let's Encrypt, or install it on"
        " every phone.",
    )
    tls_chain = (
        "FAIL",
        "the certificate of {host} leads to nobody whom phones trust: {why}",
        "Serve the whole chain (fullchain.pem, not cert.pem); with a CA of your own, install it on"
        " every phone and give it to the doctor with --ca.",
    )
    tls_failed = (
        "FAIL",
        "{host} and this machine do not agree on TLS: {why}",
        "Allow TLS 1.2 and 1.3 with usual ciphers there.",
    )
    tls_soon = (
        "warn",
        "the certificate of {host} expires in {days} days",
        "Renew it; what does that by itself should have done so by now.",
    )
    tls_long = (
        "warn",
        "the certificate of {host} is valid for {days} days: Apple's devices take 825 at most",
        "Make one that is valid for a shorter time.",
    )
    # The front door
    bad_gateway = (
        "FAIL",
        "the proxy answers {status}: it does not reach the server behind it",
        "Start the server (`systemctl status pycarddav`), and compare the address and port in the"
        " proxy's configuration with [server] host and port.",
    )
    clock = (
        "warn",
        "the clock of the server is {minutes} minutes off, or that of this machine",
        "Switch on time synchronisation on both: `timedatectl set-ntp true`.",
    )
    well_known_missing = (
        "FAIL",
        "{url} is {status}: who knows only the host name does not find the server",
        "Lead that path to the server as well; `pycarddav proxy` prints how.",
    )
    well_known_page = (
        "FAIL",
        "{url} is answered with {status} by something else than a CardDAV server",
        "Lead that path to the server, before the rule for the site's pages; `pycarddav proxy`"
        " prints how.",
    )
    redirect_status = (
        "FAIL",
        "{url} redirects with {status}, which makes clients ask for a page instead",
        "Redirect with 301, 302, 307 or 308, or let the server do it.",
    )
    redirect_plain = (
        "FAIL",
        "{url} leads from https to {target}",
        "Tell the proxy to leave redirects alone, or which scheme it has; clients do not follow"
        " this one.",
    )
    redirect_elsewhere = (
        "FAIL",
        "{url} leads to {target}, another server",
        "If that is the inner address, let the proxy pass on the Host header; in nginx:"
        " proxy_set_header Host $http_host.",
    )
    redirect_nowhere = (
        "FAIL",
        "{url} leads to {target}, which is answered {status}",
        "Set [server] base_path to the path at which the proxy publishes the server, and let the"
        " proxy pass the path on whole.",
    )
    redirect_slash = (
        "warn",
        "{url} leads to {target}, without a slash at its end",
        "Redirect to the path with a slash: some clients follow only once.",
    )
    redirect_loop = (
        "FAIL",
        "{url} redirects for ever",
        "Look which of proxy and server redirects to https or to another name, and let only one"
        " do it.",
    )
    method_refused = (
        "FAIL",
        "{method} is answered {status} by something in front of the server",
        "Let the proxy, its firewall rules or the hosting service pass every method on; "
        + PROXY
        + " refuse any.",
    )
    login_page = (
        "FAIL",
        "{url} is answered {status}, with a web page",
        "Take the login page (single sign-on, Cloudflare Access) or the site away from this path:"
        " phones cannot read pages.",
    )
    not_carddav = (
        "FAIL",
        "{url} is answered {status}{said}",
        "Look at the path: it is / or [server] base_path, and the proxy must pass it on unchanged.",
    )
    forbidden = (
        "FAIL",
        "{url} is answered 403{said}",
        "Use https; a proxy has to be in [server] trusted_proxies and to send X-Forwarded-Proto.",
    )
    server_error = (
        "FAIL",
        "{method} is answered {status}{said}",
        "Look into the server's log: `journalctl -u pycarddav`.",
    )
    open_to_all = (
        "FAIL",
        "{url} can be read without a password",
        "Let nobody but the server log people in; take away what adds an Authorization header.",
    )
    no_challenge = (
        "FAIL",
        "{url} is answered 401 without asking for a Basic login",
        "Let the proxy pass on WWW-Authenticate, and not ask for a login of its own.",
    )
    stripped = (
        "FAIL",
        "the password does not arrive: something in front takes the Authorization header away",
        "Let the proxy pass it on (Apache with WSGI: WSGIPassAuthorization On), and not use it for"
        " a login of its own.",
    )
    wrong_password = (
        "FAIL",
        "the server does not take this password for {user}",
        "Mind capitals in the name; `pycarddav user list` shows who there is, `pycarddav user"
        " passwd` sets another password.",
    )
    login_refused = (
        "FAIL",
        "the login of {user} is refused: the password is wrong, or it does not arrive",
        "Try the password on the server's own page, then see whether the proxy passes it on.",
    )
    throttled = (
        "FAIL",
        "too many wrong passwords: the server lets nobody try for {seconds} seconds",
        "Wait, and look which device still has an old password; behind a proxy, set [server]"
        " trusted_proxies so that one device does not lock out all.",
    )
    anonymous = (
        "warn",
        "nobody logged in, so nothing behind the login was looked at",
        "Give a user with --user; `pycarddav token add USER doctor --expires 1` makes a password"
        " for it.",
    )
    # Behind the door
    no_principal = (
        "FAIL",
        "{url} does not say who is logged in (current-user-principal)",
        "This is no CardDAV server, or an old one: give the whole URL of an address book.",
    )
    no_home = (
        "FAIL",
        "{url} does not say where the address books are (addressbook-home-set)",
        "This server may only have calendars; look which path it has for contacts.",
    )
    wrong_prefix = (
        "FAIL",
        "the server says {href}, which is not there from outside ({status})",
        "Set [server] base_path to the path at which the proxy publishes the server, and let the"
        " proxy pass the path on whole.",
    )
    foreign_href = (
        "FAIL",
        "the server says that things are elsewhere: {why}",
        "Let the proxy pass on the Host header, and the scheme as X-Forwarded-Proto.",
    )
    no_dav = (
        "FAIL",
        "OPTIONS is not answered by the server: its DAV header does not name addressbook",
        "Let the proxy pass OPTIONS on; what it adds for browsers (CORS) must not answer in the"
        " server's place.",
    )
    no_book = (
        "FAIL",
        "{user} has no address book",
        "Make one: `pycarddav book create {user}/contacts`.",
    )
    slash = (
        "warn",
        "{url} without a slash at its end is answered {status}",
        "Let the proxy pass that on, too, or redirect it to the path with the slash.",
    )
    decoded_path = (
        "FAIL",
        "%2F in a path arrives as /",
        "In nginx nothing may stand behind the port in proxy_pass, not even a slash; "
        + PROXY
        + " change paths.",
    )
    refused_path = (
        "FAIL",
        "a path with %2F in it is answered {status} by something in front of the server",
        "In Apache: AllowEncodedSlashes NoDecode, and nocanon in ProxyPass.",
    )
    changed_path = (
        "FAIL",
        "{sent} arrives as {came}",
        "Let the proxy pass paths on as they are; " + PROXY + " change them.",
    )
    # A throw-away card
    read_only = (
        "FAIL",
        "{user} may not write into {url}{said}",
        "If that is meant, nothing is wrong; otherwise look at the app password's limits:"
        " `pycarddav token list`.",
    )
    no_room = (
        "FAIL",
        "there is no room for another card: {status}{said}",
        "Free some of the disk, or raise [storage] quota.",
    )
    weak_etag = (
        "FAIL",
        "the ETag of a card arrives as {came} in place of {sent}",
        "Switch off compression in the proxy for this server (nginx: gzip off): it makes ETags"
        " weak, and clients cannot change a contact safely.",
    )
    changed_body = (
        "FAIL",
        "a card does not come back as it was sent",
        "Switch off what rewrites or filters contents on the way.",
    )
    condition_ignored = (
        "FAIL",
        "a change that is out of date is answered {status}, not 412: phones overwrite each other",
        "Let the proxy pass on If-Match and If-None-Match.",
    )
    cached = (
        "FAIL",
        "{method} is answered from a cache: it shows what was there before",
        "Switch off the proxy's or the hosting service's cache for this server.",
    )
    no_304 = (
        "warn",
        "what nobody changed is sent again ({status} in place of 304)",
        "Let the proxy pass on If-None-Match; until then every look costs the whole contact.",
    )
    no_sync = (
        "warn",
        "there is no sync-token: clients list everything to find what is new",
        "Look whether the server can do sync-collection (RFC 6578); pycarddav can.",
    )
    host_lost = (
        "warn",
        "MOVE is answered {status}: the server does not know under which name it is published",
        "Let the proxy pass on the Host header; in nginx: proxy_set_header Host $http_host.",
    )
    body_limit = (
        "FAIL",
        "{size} are answered 413 by something in front: contacts with photos stay behind",
        "Raise the proxy's limit to [server] max_body_size; in nginx: client_max_body_size 32m.",
    )
    cut_off = (
        "FAIL",
        "{size} do not arrive, which a contact with a photo has: {why}",
        "Raise the limits of size and time of what stands in front of the server.",
    )
    left_over = (
        "warn",
        "the throw-away card could not be deleted: {url}",
        "Delete it: it is named pycarddav doctor.",
    )
    no_answer = (
        "FAIL",
        "{why}",
        "Look into the log of the server, and of the proxy if there is one.",
    )
    # This machine
    no_storage = (
        "FAIL",
        "there is no storage in {folder}",
        "Mount its disk, or correct [storage] folder; `pycarddav serve` begins a new one.",
    )
    storage_refused = (
        "FAIL",
        "{why}",
        "Run this as the user who runs the server, and give the folder to that user.",
    )
    storage_open = (
        "FAIL",
        "{folder} can be read by every user of this machine",
        "chmod 700 {folder}",
    )
    disk_full = (
        "FAIL",
        "nothing more can be saved: {why}",
        "Free some of it; `[storage] history_days` and history_size say what the history takes.",
    )
    disk_nearly_full = (
        "warn",
        "the disk of {folder} has {free} left",
        "Free some of it before contacts can no longer be saved.",
    )
    no_users = (
        "FAIL",
        "nobody can log in: {why}",
        "Add somebody: `pycarddav user add NAME`.",
    )
    not_by_http = (
        "warn",
        "the server listens on {where}, which the doctor cannot visit",
        "Give the URL that people use: `pycarddav doctor https://contacts.example.org/ --user me`.",
    )
    not_running = (
        "FAIL",
        "nothing answers at {url}: {why}",
        "Start it (`pycarddav serve`, `systemctl start pycarddav`), or give the URL if it listens"
        " elsewhere.",
    )

    def __init__(self, level: Level, what: str, mend: str) -> None:
        self.level, self.what, self.mend = level, what, mend

    def found(self, **facts: object) -> Finding:
        """This ailment, with what is known about it."""
        return Finding(
            self.level,
            self.what.format_map(facts),
            self.mend.format_map(facts),
            self.name.replace("_", "-"),
        )

    def stop(self, **facts: object) -> Stop:
        """The same, to be raised: nothing behind it can be looked at."""
        return Stop(self.found(**facts))
