"""The way to the server: names, addresses, TLS."""

import errno
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..auth.secure import is_local
from ..client.http import trust
from .ailments import Ailment
from .findings import Finding, Stop, ok
from .visit import Visit

if TYPE_CHECKING:
    from ssl import SSLCertVerificationError

DAY = 86400.0
SOON = 14  # days; Let's Encrypt's clients renew 30 days before the end
LONGEST = 825  # days that Apple's devices take
SECONDS = 10.0  # for a connection
NOT_FROM_HERE = (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)  # this machine's lack
PATIENCE = 4.0  # seconds for a record, which are asked for one after the other

# By OpenSSL's number (X509_V_ERR_...) of what is wrong with a certificate.
CERTIFICATES = {
    9: Ailment.tls_early,
    10: Ailment.tls_expired,
    18: Ailment.tls_self_signed,
    62: Ailment.tls_name,
    64: Ailment.tls_name,
}


def dns(visit: Visit) -> Iterator[Finding]:
    """RFC 6764 §3 to §5: what the zone says to clients that know only the domain."""
    if visit.is_numeric or visit.is_here or "." not in visit.host:
        yield ok(f"nothing to look up for {visit.host}")
        return
    parent = visit.host.partition(".")[2]
    for domain in [visit.host, parent] if "." in parent else [visit.host]:
        records = list(_services(visit, domain))
        yield from records
        if records:
            return
    yield ok("no SRV records: people have to be told the host name, not only the domain")


def _services(visit: Visit, domain: str) -> Iterator[Finding]:
    name = f"_carddavs._tcp.{domain}"
    found = _lookup(visit, name, "SRV")
    if isinstance(found, Finding):
        yield found
        return
    for record in found[:1]:  # the others are for when this one is down
        there = f"{str(record.target).rstrip('.').lower()}:{record.port}"
        visit.path = _path(visit, name)
        if str(record.target) == ".":
            yield Ailment.srv_none.found(name=name)
            continue
        if visit.by_domain:
            visit.go(f"https://{there}/")
        here = f"{visit.host}:{visit.port}"
        if there == here or domain != visit.host:
            yield ok(f"{name} leads to {there}{visit.path}")
        else:
            yield Ailment.srv_elsewhere.found(name=name, target=there, here=here)
    plain = _lookup(visit, f"_carddav._tcp.{domain}", "SRV")
    if not isinstance(plain, Finding) and any(str(record.target) != "." for record in plain):
        yield Ailment.srv_plain.found(name=f"_carddav._tcp.{domain}")


def _path(visit: Visit, name: str) -> str:
    """The path in the TXT record beside a service (RFC 6764 §4), or nothing."""
    found = _lookup(visit, name, "TXT")
    texts = [] if isinstance(found, Finding) else [b"".join(record.strings) for record in found]
    paths = [text[5:].decode(errors="replace") for text in texts if text.startswith(b"path=/")]
    return paths[0] if paths else ""


def _lookup(visit: Visit, name: str, kind: str) -> list[Any] | Finding:
    """Records, the most important ones first; or why they cannot be had."""
    from dns import exception, resolver  # 60 ms that only this command is to cost

    try:
        asked = visit.resolver or resolver.Resolver()
        records = list(asked.resolve(f"{name}.", kind, lifetime=PATIENCE))
    except (resolver.NXDOMAIN, resolver.NoAnswer):
        return []
    except exception.DNSException as error:
        return Ailment.dns_silent.found(name=name, why=str(error).partition(": Server")[0][:200])
    return sorted(records, key=lambda record: getattr(record, "priority", 0))


def address(visit: Visit) -> Iterator[Finding]:
    """Each address that the name has: phones take any of them."""
    try:
        found = socket.getaddrinfo(visit.host, visit.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Ailment.unknown_host.stop(host=visit.host) from None
    visit.places = tuple(dict.fromkeys(str(item[4][0]) for item in found))
    silent = {place: error for place in visit.places if (error := _deaf(place, visit.port))}
    if len(silent) == len(visit.places):
        ailment = Ailment.not_running if visit.own else Ailment.unreachable
        facts = {"url": visit.url, "host": visit.host, "port": visit.port}
        raise ailment.stop(**facts, why=_why(silent[visit.places[0]]))
    answering = [place for place in visit.places if place not in silent]
    shown = f" ({', '.join(answering)})" if answering != [visit.host] else ""
    yield ok(f"{visit.host}{shown} answers on port {visit.port}")
    for place, error in silent.items():
        if error.errno not in NOT_FROM_HERE and not visit.is_here:
            yield Ailment.dead_address.found(host=visit.host, place=place, why=_why(error))


def _deaf(place: str, port: int) -> OSError | None:
    """Why nobody listens there, if so."""
    try:
        socket.create_connection((place, port), SECONDS).close()
    except OSError as error:
        return error
    return None


def _why(error: OSError) -> str:
    return error.strerror or str(error)


def tls(visit: Visit) -> Iterator[Finding]:
    if visit.scheme == "http":
        if visit.is_here:
            yield ok("without TLS, which is fine on this machine alone")
            return
        finding = Ailment.no_tls.found(url=visit.url)
        if visit.user and not visit.access.insecure and not all(map(is_local, visit.places)):
            raise Stop(finding)  # rather than to send the password for everybody to read
        yield finding
        return
    finding = _certificate(visit)
    if finding.level == "FAIL" and not visit.access.insecure:
        raise Stop(finding)
    yield finding


def _certificate(visit: Visit) -> Finding:
    """The handshake as a phone would do it."""
    import ssl  # 16 ms and 6 MB: only who looks at TLS

    context = trust(replace(visit.access, insecure=False))
    context.check_hostname = not visit.own  # which is asked past its name
    try:
        with (
            socket.create_connection((visit.host, visit.port), SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=visit.host) as encrypted,
        ):
            return judge(visit, encrypted.getpeercert() or {}, str(encrypted.version()))
    except ssl.SSLCertVerificationError as error:
        return _untrusted(visit, error)
    except OSError as error:  # which SSLError is, too
        why = getattr(error, "reason", None) or error.strerror or "the connection is cut"
        ailment = Ailment.tls_absent if _speaks_http(visit) else Ailment.tls_failed
        return ailment.found(host=visit.host, port=visit.port, why=why)


def _speaks_http(visit: Visit) -> bool:
    with (
        suppress(OSError),
        socket.create_connection((visit.host, visit.port), SECONDS) as plain,
    ):
        plain.sendall(b"OPTIONS * HTTP/1.0\r\n\r\n")
        return plain.recv(5) == b"HTTP/"
    return False


def _untrusted(visit: Visit, error: "SSLCertVerificationError") -> Finding:
    ailment = CERTIFICATES.get(error.verify_code, Ailment.tls_chain)
    return ailment.found(host=visit.host, why=error.verify_message)


def judge(visit: Visit, certificate: Any, version: str) -> Finding:
    """What a certificate that is trusted is like."""
    import ssl  # as above

    begin, end = (ssl.cert_time_to_seconds(certificate[key]) for key in ("notBefore", "notAfter"))
    whole, left = int((end - begin) / DAY), int((end - time.time()) / DAY)
    if left < SOON and whole > SOON:
        return Ailment.tls_soon.found(host=visit.host, days=left)
    if whole > LONGEST:
        return Ailment.tls_long.found(host=visit.host, days=whole)
    names = [name for kind, name in certificate.get("subjectAltName", ()) if kind == "DNS"]
    return ok(
        f"{version.replace('v', ' ')}, a certificate for {', '.join(names)}, {left} days left"
    )
