"""Serve throw-away data with pycarddav and run the checks of real clients against it.

    run.py [CLIENT...]              all clients, or these
    run.py --proxies [CLIENT...]    through each of contrib/'s proxies
    run.py --tls [CLIENT...]        with a certificate of `pycarddav tls self-signed`

Ends with `N passed, N failed`; exit code 1 if anything failed.
"""

import os
import pathlib
import re
import secrets
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from harness import Server, expect
from proxies import PROXIES, behind, carries

from pycarddav.client import Access
from pycarddav.doctor import Visit, examine

HERE = pathlib.Path(__file__).parent
CLIENTS = sorted(path.parent.name for path in HERE.glob("*/run"))
PYCARDDAV = [sys.executable, "-m", "pycarddav"]
USER = "ada"


@contextmanager
def served(folder: pathlib.Path, password: str, **settings: str) -> Iterator[str]:
    """The URL of a server on a free port, whose storage and log are in *folder*.

    *settings* are keys of the configuration's section [server].
    """
    environment = {f"PYCARDDAV_SERVER__{key.upper()}": text for key, text in settings.items()}
    storage = ["--storage", str(folder / "storage")]
    add = [*PYCARDDAV, "user", "add", USER, "--password-stdin", *storage]
    subprocess.run(add, input=password, text=True, check=True)
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [*PYCARDDAV, "serve", "--port", "0", *storage],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ | environment,
        )
    try:
        url = re.search(r"https?://\S+", server.stdout.readline())
        assert url, f"the server did not start: {(folder / 'log').read_text()}"
        yield url[0]
    finally:
        server.terminate()
        assert server.wait(30) == 0, "the server did not end as it should"


def with_certificate(folder: pathlib.Path) -> dict[str, str]:
    """The settings of a server that speaks TLS itself; clients find whom to trust in CARDDAV_CA."""
    tls = folder / "tls"
    make = [*PYCARDDAV, "tls", "self-signed", "--name", "localhost", "--address", "127.0.0.1"]
    subprocess.run([*make, "--out", str(tls)], check=True, capture_output=True)
    os.environ["CARDDAV_CA"] = str(tls / "ca.crt")
    return {"certificate": str(tls / "certificate.pem"), "key": str(tls / "key.pem")}


def check(client: str, url: str, password: str, log: pathlib.Path) -> Counter[str]:
    """How many of a client's checks were ok, and how many FAILED; what it says is passed on."""
    print(f"--- {client}", flush=True)
    counts: Counter[str] = Counter()
    logged = log.stat().st_size
    command = [str(HERE / client / "run"), url, USER, password]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            counts[line.partition(" ")[0]] += 1
    if process.returncode and not counts["FAILED"]:
        print(f"FAILED {client} ended with {process.returncode}")
        counts["FAILED"] += 1
    if counts["FAILED"]:
        print("What the server logged meanwhile, at most the last 200 lines:")
        print("\n".join(log.read_bytes()[logged:].decode().splitlines()[-200:]))
    return counts


def main(clients: list[str], proxies: list[str], tls: bool) -> int:
    counts: Counter[str] = Counter()
    for proxy in proxies or [None]:
        with tempfile.TemporaryDirectory() as work:
            counts += session(clients, proxy, tls, pathlib.Path(work))
    print(f"{counts['ok']} passed, {counts['FAILED']} failed")
    return 1 if counts["FAILED"] or not counts["ok"] else 0


def session(clients: list[str], proxy: str | None, tls: bool, folder: pathlib.Path) -> Counter[str]:
    """The clients one after the other, with one server that keeps its data in *folder*."""
    counts: Counter[str] = Counter()
    password = secrets.token_urlsafe()
    with ExitStack() as stack:
        if proxy:
            print(f"=== {proxy}")
            base = PROXIES[proxy].base
            settings = {"base_path": base, "trusted_proxies": "127.0.0.1"}
            url = stack.enter_context(served(folder, password, **settings))
            url = stack.enter_context(behind(PROXIES[proxy], url, folder))
            carries(Server(url, USER, password), folder / "log")
            print("ok     paths, ETags and addresses arrive as they are")
            findings = [*examine(Visit(url, Access(USER, password)))]
            expect([item.what for item in findings if item.level != "ok"], [])
            print("ok     the doctor finds nothing wrong")
            counts["ok"] += 2
        else:
            settings = with_certificate(folder) if tls else {}
            url = stack.enter_context(served(folder, password, **settings))
        for client in clients:
            counts += check(client, url, password, folder / "log")
    return counts


if __name__ == "__main__":
    option, named = "", sys.argv[1:]
    if named[:1] in (["--proxies"], ["--tls"]):
        option, *named = named
    if option == "--proxies":
        packages = ["nginx", "caddy", "apache2", "haproxy"]
        subprocess.run([HERE / "debian-install", *packages], check=True)
    proxies = [*PROXIES] if option == "--proxies" else []
    sys.exit(main(named or CLIENTS, proxies, option == "--tls"))
