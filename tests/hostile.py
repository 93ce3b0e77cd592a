"""Fifty connections that mean no good and two that guess passwords; until it is ended.

python tests/hostile.py HOST PORT [--tls]

Two kinds of them have a password, mallory's: a user, too, may mean no good.
"""

import base64
import itertools
import socket
import ssl
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


def ask(connection, requests):
    """Ask for a whole address book, and fetch nothing."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    credentials = base64.b64encode(b"mallory:secret")
    request = b"GET /mallory/contacts/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic "
    connection.sendall((request + credentials + b"\r\n\r\n") * requests)
    time.sleep(60)


def export(connection):
    ask(connection, 1)


def in_a_row(connection):
    ask(connection, 20)


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


def churn(connection):
    """Nothing but connecting; over TLS with a handshake, which is the server's work."""


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


def attack(how, address, tls):
    while True:
        try:
            with socket.create_connection(address, 30) as connection:
                if not tls or how is half_open:
                    how(connection)
                    continue
                with tls.wrap_socket(connection) as encrypted:
                    how(encrypted)
        except OSError:
            time.sleep(0.02)


def main():
    address = (sys.argv[1], int(sys.argv[2]))
    tls = ssl._create_unverified_context() if sys.argv[3:] == ["--tls"] else None
    ways = [drip, small_chunks, long_chunk_line, export, in_a_row, upload, nonsense, half_open]
    fifty = list(itertools.islice(itertools.cycle(ways), 50 - 1))
    for how in [*fifty, churn, guess, guess]:
        threading.Thread(target=attack, args=(how, address, tls), daemon=True).start()
    time.sleep(600)


if __name__ == "__main__":
    main()
