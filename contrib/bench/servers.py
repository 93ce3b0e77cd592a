"""The servers that are compared: how each is installed, filled with cards, and started."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

USER, PASSWORD = "bench", "correct horse"
LONGEST = 120  # seconds for a start


@dataclass(frozen=True)
class Server:
    """A server with its data in *folder*; *python* runs it, *port* is where it listens."""

    python: str
    folder: Path
    port: int

    def run(self, *words: str, given: str = "") -> None:
        """A command that prepares something."""
        subprocess.run(
            [self.python, *words],
            input=given,
            text=True,
            check=True,
            capture_output=True,
            timeout=600,
        )


class Pycarddav(Server):
    """The password is a bcrypt hash, and remembered."""

    package = "pycarddav-server"
    book = f"/{USER}/contacts/"

    def fill(self, cards: Mapping[str, bytes]) -> None:
        write(self.folder / USER / "contacts", cards)
        self.run("-m", "pycarddav", "user", "add", USER, *self._options(), given=PASSWORD)

    def _options(self) -> list[str]:
        return ["--password-stdin", "--init", "--storage", str(self.folder)]

    def command(self) -> list[str]:
        place = ["--storage", str(self.folder), "--port", str(self.port)]
        return [self.python, "-m", "pycarddav", "serve", *place]


class Radicale(Server):
    """The password is plain, which costs it least."""

    package = "radicale"
    book = f"/{USER}/contacts/"

    def fill(self, cards: Mapping[str, bytes]) -> None:
        book = self.folder / "collection-root" / USER / "contacts"
        write(book, cards)
        (book / ".Radicale.props").write_text(json.dumps({"tag": "VADDRESSBOOK"}))
        (self.folder / "users").write_text(f"{USER}:{PASSWORD}\n")
        (self.folder / "config").write_text(
            f"[server]\nhosts = 127.0.0.1:{self.port}\n"
            f"[auth]\ntype = htpasswd\nhtpasswd_filename = {self.folder}/users\n"
            f"htpasswd_encryption = plain\n[storage]\nfilesystem_folder = {self.folder}\n"
        )

    def command(self) -> list[str]:
        return [self.python, "-m", "radicale", "--config", str(self.folder / "config")]


class Xandikos(Server):
    """Without a password: that is left to a proxy in front."""

    package = "xandikos"
    book = f"/{USER}/contacts/addressbook/"

    def fill(self, cards: Mapping[str, bytes]) -> None:
        with running(self):  # makes the book, which is a git repository
            pass
        book = self.folder / self.book.strip("/")
        write(book, cards)
        script = (
            "import sys; from dulwich import porcelain; porcelain.add(sys.argv[1]);"
            " porcelain.commit(sys.argv[1], b'cards', author=b'a <a>', committer=b'a <a>')"
        )
        self.run("-c", script, str(book))

    def command(self) -> list[str]:
        where = ["-d", str(self.folder), "-l", "127.0.0.1", "-p", str(self.port)]
        who = ["--defaults", "--current-user-principal", f"/{USER}/"]
        return [self.python, "-m", "xandikos", "serve", *where, *who]


SERVERS = {"pycarddav": Pycarddav, "radicale": Radicale, "xandikos": Xandikos}


def write(folder: Path, cards: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in cards.items():
        (folder / name).write_bytes(data)


def install(name: str, folder: Path) -> str:
    """The Python that has this server: this one has ours, each peer gets its own."""
    if name == "pycarddav":
        return sys.executable
    if not (folder / "bin").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [folder / "bin" / "python", "-m", "pip", "install", "-q", SERVERS[name].package]
        subprocess.run(pip, check=True)
    return str(folder / "bin" / "python")


def version(name: str, python: str) -> str:
    """``radicale 3.5.4``"""
    script = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"
    command = [python, "-c", script, SERVERS[name].package]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    return f"{name} {said.stdout.strip()}"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running(server: Server) -> Iterator[subprocess.Popen[bytes]]:
    """Its process, from when it can be connected to up to the end of the block."""
    environment = os.environ | {"HOME": str(server.folder), "XDG_CONFIG_HOME": str(server.folder)}
    with (
        open(server.folder.with_suffix(".log"), "ab") as log,
        subprocess.Popen(server.command(), env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            until = time.monotonic() + LONGEST
            while not _listens(server.port):
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"it does not start: see {log.name}")
                time.sleep(0.02)
            yield process
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has taken, with all its threads (clock_getcpuclockid(3))."""
    return time.clock_gettime(~pid << 3 | 2)
