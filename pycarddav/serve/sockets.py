"""Sockets to serve on."""

import errno
import socket
from typing import Any


class CannotListen(Exception):
    """There is nothing to serve on; the message says where and why."""


def listen(host: str, port: int) -> list[socket.socket]:
    """Sockets bound to every address that *host* has, all on one port; CannotListen."""
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
    if error.errno == errno.EACCES:
        return f"{where} may not be used by this user: ports below 1024 are for root"
    return f"cannot listen on {where}: {error.strerror}"
