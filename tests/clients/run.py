"""Serve throw-away data with pycarddav and run the checks of real clients against it.

    run.py [CLIENT...]

Ends with `N passed, N failed`; exit code 1 if anything failed.
"""

import pathlib
import re
import secrets
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

HERE = pathlib.Path(__file__).parent
CLIENTS = sorted(path.parent.name for path in HERE.glob("*/run"))
PYCARDDAV = [sys.executable, "-m", "pycarddav"]
USER = "ada"


@contextmanager
def served(folder: pathlib.Path, password: str) -> Iterator[str]:
    """The URL of a server on a free port, whose storage and log are in *folder*."""
    storage = ["--storage", str(folder / "storage")]
    add = [*PYCARDDAV, "user", "add", USER, "--password-stdin", *storage]
    subprocess.run(add, input=password, text=True, check=True)
    with (folder / "log").open("w") as log:
        serve = [*PYCARDDAV, "serve", "--port", "0", *storage]
        server = subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        url = re.search(r"http://\S+", server.stdout.readline())
        assert url, f"the server did not start: {(folder / 'log').read_text()}"
        yield url[0]
    finally:
        server.terminate()
        assert server.wait(30) == 0, "the server did not end as it should"


def check(client: str, url: str, password: str) -> Counter[str]:
    """How many of a client's checks were ok, and how many FAILED; what it says is passed on."""
    print(f"--- {client}", flush=True)
    counts: Counter[str] = Counter()
    command = [str(HERE / client / "run"), url, USER, password]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            counts[line.partition(" ")[0]] += 1
    if process.returncode and not counts["FAILED"]:
        print(f"FAILED {client} ended with {process.returncode}")
        counts["FAILED"] += 1
    return counts


def main(clients: list[str]) -> int:
    counts: Counter[str] = Counter()
    password = secrets.token_urlsafe()
    with tempfile.TemporaryDirectory() as work:
        folder = pathlib.Path(work)
        with served(folder, password) as url:
            for client in clients:
                counts += check(client, url, password)
        log = (folder / "log").read_text()
    if counts["FAILED"]:
        print("\n".join(["", "The end of the server's log:", *log.splitlines()[-40:]]))
    print(f"{counts['ok']} passed, {counts['FAILED']} failed")
    return 1 if counts["FAILED"] or not counts["ok"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or CLIENTS))
