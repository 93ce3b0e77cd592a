"""An honest client is served while others try to prevent it, by the server as it is delivered."""

import base64
import re
import shutil
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from wire import Client

HERE = Path(__file__).parent
PYCARDDAV = [sys.executable, "-m", "pycarddav"]
CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{0}\r\nFN:{0}\r\nN:;;;;\r\nNOTE:{1}\r\nEND:VCARD\r\n"
REQUESTS = 500


@pytest.fixture
def storage(home, tmp_path):
    """Alice has a card; what Mallory has is more than waitress sends without waiting (16 MB)."""
    folder = tmp_path / "storage"
    for user in ("alice", "mallory"):
        add = [*PYCARDDAV, "user", "add", user, "--password-stdin", "--storage", folder]
        subprocess.run(add, input="secret", text=True, check=True, capture_output=True)
    (folder / "alice" / "contacts" / "ada.vcf").write_text(CARD.format("ada", ""))
    for number in range(24):
        card = CARD.format(number, "x" * 2**20)
        (folder / "mallory" / "contacts" / f"{number}.vcf").write_text(card)
    return folder


@contextmanager
def served(storage, options, environment):
    """The process of a server, and its port."""
    command = [*PYCARDDAV, "serve", "--port", "0", "--storage", storage, *options]
    with (
        (storage.parent / "log").open("w") as log,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        ) as server,
    ):
        yield server, int(re.search(r":(\d+)/", server.stdout.readline())[1])
        server.terminate()


@pytest.mark.slow
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_an_honest_client_is_served_among_hostile_ones(storage, tmp_path, tls, monkeypatch):
    trusted = None
    if tls:
        if not shutil.which("openssl"):
            pytest.skip("certificates need openssl")
        make = [*PYCARDDAV, "tls", "self-signed", "--name", "localhost", "--out", tmp_path / "tls"]
        subprocess.run(make, check=True, capture_output=True)
        monkeypatch.setenv("PYCARDDAV_SERVER__CERTIFICATE", str(tmp_path / "tls/certificate.pem"))
        monkeypatch.setenv("PYCARDDAV_SERVER__KEY", str(tmp_path / "tls/key.pem"))
        trusted = ssl.create_default_context(cafile=tmp_path / "tls/ca.crt")
    with served(storage, [], None) as (server, port):
        one_request(port, trusted)
        hostile = [sys.executable, HERE / "hostile.py", "127.0.0.1", str(port)]
        process = subprocess.Popen([*hostile, *(["--tls"] if tls else [])])
        try:
            time.sleep(1)
            seconds = sorted(one_request(port, trusted) for _ in range(REQUESTS))
        finally:
            process.kill()
            process.wait()
        memory = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text())[1]
    median, p99 = seconds[REQUESTS // 2], seconds[REQUESTS * 99 // 100]
    print(f"median {median * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms, {int(memory) >> 10} MB")


def one_request(port, trusted):
    """Seconds that a new connection and one request take."""
    authorization = base64.b64encode(b"alice:secret").decode()
    time.sleep(0.01)
    start = time.perf_counter()
    with Client(("127.0.0.1", port), timeout=60, tls=trusted) as client:
        head = f"GET /alice/contacts/ada.vcf HTTP/1.1\r\nAuthorization: Basic {authorization}"
        assert client.ask(head)[0] == 200
    return time.perf_counter() - start
