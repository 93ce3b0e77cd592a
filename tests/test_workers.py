"""Several processes that serve together."""

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from test_two_servers import BOOK, LONGEST, Client, port

pytestmark = pytest.mark.usefixtures("anna")


@contextmanager
def served(**settings):
    """A server of two processes, as (the master's process, its port); it has to end well."""
    words = [sys.executable, "-m", "pycarddav", "serve", "--port", "0"]
    variables = os.environ | {"PYCARDDAV_SERVER__WORKERS": "2"} | settings
    with (
        TemporaryFile("w+") as errors,
        subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=errors, text=True, env=variables
        ) as master,
    ):
        master.errors = errors
        try:
            yield master, port(master.stdout)
        finally:
            master.kill()


def said(master):
    master.errors.seek(0)
    return master.errors.read()


def children(process):
    """The ids of the processes that *process* has begun, and that have not ended."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, state, parent = re.match(r"(\d+) \(.*\) (\S) (\d+)", status.read_text()).groups()
        except (OSError, AttributeError):  # it has just ended
            continue
        if int(parent) == process.pid and state != "Z":
            found.append(int(pid))
    return set(found)


def eventually(condition):
    """Wait until it is true."""
    until = time.monotonic() + LONGEST
    while not (result := condition()):
        assert time.monotonic() < until
        time.sleep(0.01)
    return result


def ends(pid):
    return lambda: not Path(f"/proc/{pid}").exists()


def ask(where):
    client = Client(where)
    status, *_ = client("PROPFIND", BOOK, Depth="0")
    client.close()
    return status


def test_when_one_dies_the_other_serves_and_another_takes_its_place():
    with served() as (master, where):
        eventually(lambda: len(children(master)) == 2)
        assert ask(where) == 207
        before = children(master)
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: victim not in children(master))
        assert [ask(where) for _ in range(5)] == [207] * 5
        eventually(lambda: len(children(master) - {victim}) == 2)
        assert len(children(master) & before) == 1
        assert re.search(rf"worker \d \(process {victim}\) was killed by SIGKILL", said(master))
        assert ask(where) == 207


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_end_together_and_finish_what_they_began(number):
    with served() as (master, where):
        workers = eventually(lambda: children(master) if len(children(master)) == 2 else None)
        client = Client(where)
        assert client("PROPFIND", BOOK, Depth="0")[0] == 207
        master.send_signal(signal.SIGHUP)
        assert client("PROPFIND", BOOK, Depth="0")[0] == 207
        master.send_signal(number)
        assert master.wait(LONGEST) == 0
        assert all(ends(pid)() for pid in workers)
        with pytest.raises((http.client.HTTPException, OSError)):
            client("PROPFIND", BOOK, Depth="0")
        assert not re.search("Traceback|killed", said(master))


def test_no_worker_outlives_its_master():
    with served() as (master, where):
        workers = eventually(lambda: children(master) if len(children(master)) == 2 else None)
        assert ask(where) == 207
        master.kill()
        for pid in workers:
            eventually(ends(pid))


@pytest.mark.slow
def test_a_worker_that_does_not_answer_is_replaced_where_systemd_has_a_watchdog(tmp_path):
    settings = {"NOTIFY_SOCKET": str(tmp_path / "nobody"), "WATCHDOG_USEC": "5000000"}
    with served(**settings) as (master, _):
        stuck = min(eventually(lambda: len(children(master)) == 2 and children(master)))
        os.kill(stuck, signal.SIGSTOP)
        eventually(lambda: len(children(master) - {stuck}) == 2)
        assert re.search(rf"worker \d \(process {stuck}\) does not answer", said(master))
