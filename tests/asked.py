"""A server without a socket in a process of its own, for what would hurt this one.

``asked.py STORAGE LARGEST WORDS...``: no file may become larger than LARGEST octets; each two
WORDS are a method and a name in Alice's book.  Prints a JSON list of what each came to: the
status, and what was sent.  The log goes to standard error.
"""

import json
import logging
import resource
import sys
from pathlib import Path

from conftest import BOOK, Client, anyone, vcard

from pycarddav.protocol.app import App
from pycarddav.store.filesystem import FilesystemStore


def main(storage: str, largest: str, *words: str) -> None:
    logging.basicConfig()
    client = Client(App(FilesystemStore(Path(storage)), anyone))
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest), resource.RLIM_INFINITY))
    answers = []
    for method, name in zip(words[::2], words[1::2], strict=True):
        body = vcard(name.removesuffix(".vcf"), "New") if method == "PUT" else b""
        response = client(method, BOOK + name, body)
        answers.append((response.status, bytes(response.body).decode()))
    print(json.dumps(answers))


main(*sys.argv[1:])
