"""TLS without a proxy: certificates, and connections that speak it."""

import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .connection import Channel

if TYPE_CHECKING:
    from ssl import SSLContext

RECORD = 2**14  # octets of plain text in a record (RFC 8446 §5.1)
AT_ONCE = 2**18  # octets that OpenSSL is given to send; record by record takes up to twice as long

# TLS 1.2 with forward secrecy and authenticated encryption; 1.3 has nothing else.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


log = logging.getLogger(__name__)


class CertificateUnusable(Exception):
    """There is no certificate and key to serve with; the message says which file and why."""


class Certificate:
    """A certificate (with its chain) and its key, in PEM; *key* None if it is in the same file."""

    def __init__(self, certificate: Path, key: Path | None = None) -> None:
        self._certificate, self._key = certificate, key
        self.context = self._load()

    def reload(self) -> None:
        """Take what the files have now for the connections to come; CertificateUnusable."""
        self.context = self._load()  # a context that was half changed could serve nobody
        if trouble := self.trouble():
            log.warning("%s", trouble)

    def trouble(self) -> str:
        """What every client will have against it, as that it has expired; "" is nothing."""
        said = objection(self.context, self._certificate)
        return f"{self._certificate}: {said}" if said else ""

    def _load(self) -> "SSLContext":
        import ssl  # 16 ms and 6 MB that a server behind a proxy does not spend

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS)
        context.set_alpn_protocols(["http/1.1"])
        context.options |= ssl.OP_NO_RENEGOTIATION
        key = self._key or self._certificate
        try:
            self._certificate.open("rb").close()  # OpenSSL does not say which file it is about
            if b"ENCRYPTED" in key.read_bytes():  # and it would ask on the terminal
                raise CertificateUnusable(f"{key} has a password; openssl pkey can take it off")
            context.load_cert_chain(self._certificate, key)
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise CertificateUnusable(f"{key} is not the key of {self._certificate}") from error
            raise CertificateUnusable(
                f"no certificate and key in PEM: {self._certificate}, {key}"
            ) from error
        except OSError as error:
            raise CertificateUnusable(f"{error.filename}: {error.strerror}") from error
        return context


def objection(server: "SSLContext", trusted: Path) -> str:
    """What a client says that knows the certificate itself, whoever signed it; "" is nothing.

    Python's ssl reads no dates; but OpenSSL judges them in a handshake, which needs no network.
    """
    import ssl  # it is loaded, where this is called

    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(trusted)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = client.wrap_bio(back, there), server.wrap_bio(there, back, server_side=True)
    try:
        for end in ends * 2:  # TLS 1.3 has three messages (RFC 8446 §2)
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    return ""


class TLSChannel(Channel):
    """A connection that is encrypted here."""

    def __init__(
        self, server: Any, sock: socket.socket, addr: Any, adj: Any, map: Any, context: "SSLContext"
    ) -> None:
        # A worker may send while the loop receives: OpenSSL's connections stand only one.
        # Nothing else is locked while this is held.
        self._lock = threading.Lock()
        encrypted = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        super().__init__(server, encrypted, addr, adj, map)
        self._greeted = False
        self.sendbuf_len = AT_ONCE

    def _greet(self) -> None:
        with self._lock:
            self.socket.do_handshake()
        self._greeted = True

    def _receive(self) -> bytes:
        with self._lock:
            data: bytes = self.socket.recv(RECORD)
            while data and self.socket.pending():  # poll() cannot see what OpenSSL holds back
                data += self.socket.recv(RECORD)
        return data

    def handle_read(self) -> None:
        try:
            if not self._greeted:
                # A request may have come since this turn began to look at things: see haste.py.
                self._greet()
                return
            data = self._receive()
        except OSError as error:
            if not _would_block(error):
                self.handle_close()
            return
        if data:
            self.last_activity = time.time()
            self.received(data)
        else:
            self.handle_close()

    def send(self, data: bytes, do_close: bool = True) -> int:
        try:
            with self._lock:
                return int(self.socket.send(data))
        except OSError as error:
            self.will_close = self.will_close or not _would_block(error)
            return 0

    def handle_close(self) -> None:
        if self.socket is not None:
            # Says that nothing was cut off (RFC 8446 §6.1), if that can be said at once.
            with suppress(OSError, ValueError), self._lock:
                self.socket.unwrap()
        super().handle_close()


def _would_block(error: OSError) -> bool:
    import ssl  # it is loaded, where this is called

    return isinstance(error, ssl.SSLWantReadError | ssl.SSLWantWriteError)


def opener(certificate: Certificate) -> Callable[..., None]:
    """What a listener is to do with its connections: encrypt with the *certificate* of the day."""

    def open_channel(server: Any, sock: socket.socket, addr: Any, adj: Any, map: Any) -> None:
        try:
            TLSChannel(server, sock, addr, adj, map, certificate.context)
        except OSError:  # gone before it began; waitress would close the listener
            sock.close()

    return open_channel
