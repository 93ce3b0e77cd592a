"""What whoever watches over the server is told: /.health, `pycarddav health`, systemd."""

import json
import os
import select
import signal
import socket
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from disk import Server
from test_serve import LONGEST, add_user, served

from pycarddav.dav.errors import InsufficientStorage, Unavailable
from pycarddav.protocol.messages import Request, Response
from pycarddav.serve import health as module
from pycarddav.serve.health import EACH, PATIENCE, Health, with_health
from pycarddav.serve.systemd import Heart
from pycarddav.serve.waitress import Pool
from pycarddav.store.filesystem import health as storage_health


@pytest.fixture
def store(tmp_path):
    return Server(tmp_path).store


def answer(health, method="GET", path="/.health"):
    serve = with_health(lambda request: Response(401), health)
    response = serve(Request(method, path))
    return response.status, response.body


def test_a_stranger_is_told_that_all_is_well_and_nothing_else(store):
    assert answer(Health(store)) == (200, b"ok\n")
    assert answer(Health(store), "HEAD")[0] == 200
    assert answer(Health(store), "PUT")[0] == 401
    assert answer(Health(store), path="/.healthy")[0] == 401


def test_a_disk_that_is_nearly_full_is_said_before_it_is_full(store, monkeypatch):
    monkeypatch.setattr(storage_health, "ROOM", 2**60)
    assert answer(Health(store)) == (503, b"disk nearly full\n")


def test_a_storage_that_has_gone_is_said_and_so_is_its_return(store, tmp_path):
    health = Health(store)
    assert answer(health)[0] == 200
    tmp_path.rename(away := tmp_path.with_name("away"))
    assert answer(health) == (503, b"storage unavailable\n")
    away.rename(tmp_path)
    assert answer(health) == (200, b"ok\n")


class Disk:
    """A storage that counts how often it was written, and does what it is told."""

    def __init__(self):
        self.written, self.trouble = 0, None

    def check_room(self):
        pass

    def check_writable(self):
        self.written += 1
        if self.trouble:
            raise self.trouble


def test_the_disk_is_written_now_and_then_however_often_is_asked(clock):
    disk = Disk()
    health = Health(disk, clock)
    assert [health.trouble() for _ in range(9)] == [""] * 9
    assert disk.written == 1
    disk.trouble = Unavailable("read-only")
    assert health.trouble() == ""
    clock.now += EACH
    assert [health.trouble() for _ in range(9)] == ["storage unavailable"] * 9
    assert disk.written == 2
    disk.trouble = InsufficientStorage("no space left")
    clock.now += EACH
    assert health.trouble() == "disk nearly full"


def test_a_disk_that_hangs_keeps_one_thread_and_is_said_to_the_others(clock):
    asked, go_on = threading.Event(), threading.Event()

    def hang():
        asked.set()
        go_on.wait(LONGEST)

    health = Health(SimpleNamespace(check_writable=hang, check_room=lambda: None), clock)
    waiting = threading.Thread(target=health.trouble)
    waiting.start()
    try:
        assert asked.wait(LONGEST)
        assert health.trouble() == ""
        clock.now += PATIENCE + 1
        assert health.trouble() == "storage does not answer"
    finally:
        go_on.set()
        waiting.join()
    assert health.trouble() == ""


def test_the_words_are_logged_once_with_what_a_stranger_is_not_told(clock, caplog):
    disk = Disk()
    disk.trouble = Unavailable("/srv/cards: Read-only file system")
    health = Health(disk, clock)
    for _ in range(3):
        health.trouble()
        clock.now += EACH
    assert [record.getMessage() for record in caplog.records if record.name == module.__name__] == [
        "health: /srv/cards: Read-only file system"
    ]


# pycarddav health


@pytest.mark.usefixtures("home")
def test_the_command_asks_the_server_that_is_configured(cli, tmp_path):
    sock = str(tmp_path / "s")
    assert cli("health", "--host", f"unix:{sock}")[::2] == (
        1,
        f"pycarddav: error: no answer: {sock}: No such file or directory\n",
    )
    add_user("anna")
    with served("--host", f"unix:{sock}") as server:
        server.read("unix:")
        assert cli("health", "--host", f"unix:{sock}") == (0, "ok\n", "")
        said = cli("health", "--json", "--host", f"unix:{sock}")[1]
        assert json.loads(said) == {"schema": 1, "status": "ok"}


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    "url", ["contacts.example.org", "ftp://a/", "http://", "http://a:b/", "http://["]
)
def test_what_is_no_url_is_wrong_usage(cli, url):
    code, _, err = cli("health", url)
    assert (code, err.splitlines()[0]) == (2, f"pycarddav: error: {url} is no URL")


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://127.0.0.1:1/ü", "http://a..b/"])
def test_where_nobody_answers_is_one_line(cli, url):
    code, out, err = cli("health", url)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("pycarddav: error: no answer: ")


# systemd


@contextmanager
def systemd(monkeypatch, tmp_path, **environment):
    """What systemd hears: a function that waits for the next thing, or says if there is one."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(path))
        sock.settimeout(LONGEST)
        for name, value in {"NOTIFY_SOCKET": str(path), **environment}.items():
            monkeypatch.setenv(name, value)

        def heard(wait=True):
            if wait or select.select([sock], [], [], 0)[0]:
                return sock.recv(1000).decode()
            return ""

        yield heard


@pytest.mark.usefixtures("home")
def test_systemd_hears_when_it_is_ready_alive_reloading_and_stopping(monkeypatch, tmp_path):
    add_user("anna")
    with systemd(monkeypatch, tmp_path, WATCHDOG_USEC="2000000") as heard:
        with served() as server:
            assert heard() == "READY=1"
            assert heard() == "WATCHDOG=1"
            os.kill(server.process.pid, signal.SIGHUP)
            said = [heard()]
            while said[-1] != "READY=1":
                said.append(heard())
            assert [line.partition("\n")[0] for line in said if line != "WATCHDOG=1"] == [
                "RELOADING=1",
                "READY=1",
            ]
        while (last := heard()) == "WATCHDOG=1":
            pass
        assert last == "STOPPING=1"


def test_a_server_whose_threads_are_all_stuck_is_not_called_alive(monkeypatch, tmp_path):
    with systemd(monkeypatch, tmp_path, WATCHDOG_USEC="3000000") as heard:
        pool, go_on = Pool(), threading.Event()
        started = threading.Barrier(3)

        def stick():
            started.wait(LONGEST)
            go_on.wait(LONGEST)

        pool.set_thread_count(2)
        for _ in range(2):
            pool.add_task(SimpleNamespace(service=stick))
        started.wait(LONGEST)
        try:
            Heart(pool.add_first).turn(float("inf"))
            assert heard(wait=False) == ""
        finally:
            go_on.set()
        assert heard() == "WATCHDOG=1"
        pool.shutdown()


def test_the_heart_beats_for_this_process_alone(monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    beats = []
    Heart(beats.append).turn(1e30)
    assert beats == []
