"""Sockets to serve on."""

import errno
import os
import resource
import socket
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

UNIX = "unix:"
FIRST_INHERITED = 3  # SD_LISTEN_FDS_START


class CannotListen(Exception):
    """There is nothing to serve on; the message says where and why."""


def listen(host: str, port: int) -> list[socket.socket]:
    """Sockets bound to every address that *host* has, on one port, or to ``unix:PATH``.

    CannotListen.
    """
    if is_unix(host):
        return [_listen_unix(Path(host.removeprefix(UNIX)))]
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, address in dict.fromkeys(found):
            number = sockets[0].getsockname()[1] if sockets else port
            sockets.append(_bind(family, (address[0], number, *address[2:])))
    except OSError as error:
        for sock in sockets:
            sock.close()
        raise CannotListen(_reason(error, f"{host}:{port}")) from error
    return sockets


def listen_all(hosts: Iterable[str], port: int) -> list[socket.socket]:
    """The sockets of all *hosts*; 0 is one port for all of them.  CannotListen."""
    sockets: list[socket.socket] = []
    try:
        for host in hosts:
            sockets += listen(host, port)
            port = port or port_of(sockets)
    except CannotListen:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def port_of(sockets: Iterable[socket.socket]) -> int:
    """The first that there is; 0 if all are unix sockets."""
    return next((sock.getsockname()[1] for sock in sockets if sock.family != socket.AF_UNIX), 0)


def is_unix(host: str) -> bool:
    return host.startswith(UNIX)


def activated() -> bool:
    """Whether systemd has opened sockets for this process (sd_listen_fds(3))."""
    return os.environ.get("LISTEN_PID") == str(os.getpid())


def inherited() -> list[socket.socket]:
    """The sockets that systemd has opened, once: no child is to take them for its own."""
    mine = activated()
    for name in ("LISTEN_PID", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
    number = int(os.environ.pop("LISTEN_FDS", "0"))
    descriptors = range(FIRST_INHERITED, FIRST_INHERITED + number) if mine else ()
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return [socket.socket(fileno=descriptor) for descriptor in descriptors]


def _listen_unix(path: Path) -> socket.socket:
    """A socket that its owner and group may use; one that nobody listens on is replaced."""
    sock = socket.socket(socket.AF_UNIX)
    try:
        with suppress(FileNotFoundError):
            if stat.S_ISSOCK(path.lstat().st_mode) and not _answers(path):
                path.unlink()
        sock.bind(str(path))
        path.chmod(0o660)  # nobody can connect before it listens
        sock.listen()
    except OSError as error:
        sock.close()
        raise CannotListen(_reason(error, str(path))) from error
    return sock


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def allow_descriptors(number: int) -> None:
    """Let this process open that many files, or as many as it may be allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = number if hard == resource.RLIM_INFINITY else min(number, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _bind(family: int, address: tuple[Any, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # no waiting at a restart
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen()
    except OSError:
        sock.close()
        raise
    return sock


def _reason(error: OSError, where: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{where} is in use by another program"
    if error.errno == errno.EACCES and not where.startswith("/"):
        return f"{where} may not be used by this user: ports below 1024 are for root"
    return f"cannot listen on {where}: {error.strerror}"


def own_names() -> list[str]:
    """What this machine is called in its network: by itself, and by mDNS (RFC 6762)."""
    name = socket.gethostname().lower()
    return list(dict.fromkeys([f"{name.partition('.')[0]}.local", name]))


def own_addresses() -> list[str]:
    """The IPv4 address of the way out.  Those of IPv6 change, or are not used inside."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, suppress(OSError):
        sock.connect(("192.0.2.1", 9))  # RFC 5737; a datagram socket sends nothing by that
        return [sock.getsockname()[0]]
    return []
