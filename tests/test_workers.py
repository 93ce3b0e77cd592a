"""Several processes that serve together."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from test_two_servers import BOOK, LONGEST, Client, port

from pycarddav.serve.place import PATIENCE, Place, tally
from pycarddav.serve.workers import Worker

pytestmark = pytest.mark.usefixtures("anna")


COMMAND = ["-m", "pycarddav"]
PATIENT = [
    "-c",
    "from pycarddav.serve import place; place.PATIENCE = 1e9\n"
    "from pycarddav.cli import main; main()",
]


@contextmanager
def served(command=COMMAND, **settings):
    """A server of two processes, as (the master's process, its port); it has to end well."""
    words = [sys.executable, *command, "serve", "--port", "0"]
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


@contextmanager
def stopped(pid):
    """As if it were stuck."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def both_serving(master, where):
    """The ids of two workers that have answered, and have no connections now."""
    workers = eventually(lambda: len(children(master)) == 2 and children(master))
    for other in workers:
        with stopped(other):
            assert ask(where) == 207
    eventually(lambda: not any(map(connections, workers)))
    return workers


def connections(pid):
    """How many it has: its sockets, but for the one that it listens on."""
    number = -1
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it has just been closed
            number += os.readlink(file).startswith("socket:")
    return number


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


def test_connections_are_shared_out_evenly():
    with served(PATIENT) as (master, where), ExitStack() as open_ones:
        workers = both_serving(master, where)
        for _ in range(8):
            client = open_ones.enter_context(closing(Client(where)))
            assert client("PROPFIND", BOOK, Depth="0")[0] == 207
        assert [connections(pid) for pid in workers] == [4, 4]


def test_a_worker_that_is_stuck_keeps_nobody_from_being_served():
    with served() as (master, where), ExitStack() as open_ones:
        stuck = min(both_serving(master, where))
        with stopped(stuck):
            for _ in range(4):
                client = open_ones.enter_context(closing(Client(where)))
                assert client("PROPFIND", BOOK, Depth="0")[0] == 207


def test_nothing_is_left_to_a_worker_that_finishes_what_it_began():
    with served(PATIENT) as (master, where), ExitStack() as open_ones:
        workers = both_serving(master, where)
        for number in range(1, 4):
            sock = open_ones.enter_context(socket.create_connection(("127.0.0.1", where)))
            sock.send(b"GET / HTTP/1.1\r\n")  # and no more: it is busy
            eventually(lambda number=number: sum(map(connections, workers)) == number)
        ending = min(workers, key=connections)
        os.kill(ending, signal.SIGTERM)
        eventually(lambda: connections(ending) == 0)  # it has one, but does not listen any more
        assert ask(where) == 207
        assert ending in children(master)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def places(*numbers):
    """Those of workers that have so many connections, or None if they do not serve."""
    held, clock = tally(len(numbers)), Clock()
    found = [Place(number, held, clock=clock) for number in range(len(numbers))]
    for place, number in zip(found, numbers, strict=True):
        if number is not None:
            place.turn(number)
    return found


@pytest.mark.parametrize(
    ("own", "others", "leaves"),
    [
        (0, (0,), False), (1, (0,), True), (0, (1,), False), (3, (3,), False),
        (2, (3, 1), True), (2, (2, 3), False), (9, (None,), False), (9, (None, 8), True),
    ],
)  # fmt: skip
def test_a_connection_is_left_to_who_has_fewer(own, others, leaves):
    assert places(own, *others)[0].leaves(own) is leaves


def test_what_nobody_takes_is_taken_and_the_next_left_again():
    full, _ = places(2, 1)
    assert full.leaves(2)
    assert full.turn(2)
    assert full.leaves(2)
    full.clock.now += PATIENCE
    assert not full.leaves(2)
    assert not full.turn(3)
    assert full.leaves(3)


def test_that_one_was_left_and_taken_says_nothing_of_the_next():
    full, _ = places(2, 1)
    assert full.leaves(2)
    assert full.turn(2)
    assert not full.turn(2)
    full.clock.now += PATIENCE
    assert full.leaves(2)


def test_nothing_is_left_to_a_worker_that_has_died():
    full, dead = places(2, 1)
    Worker(dead).died(0.0)
    assert not full.leaves(2)
