"""Two servers and the command line on one storage: nobody's change is lost."""

import base64
import http.client
import re
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from tempfile import TemporaryFile

import pytest
from command import python
from conftest import vcard

LONGEST = 30  # seconds that a start may take on a machine that is busy with other tests
BOOK = "/anna/contacts/"
LOGIN = "Basic " + base64.b64encode(b"anna:correct horse").decode()
ROUNDS = 8  # for each of the threads


@contextmanager
def server():
    """The port of a server in a process of its own, which says nothing wrong."""
    command = [sys.executable, "-m", "pycarddav", "serve", "--port", "0"]
    with (
        TemporaryFile("w+") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            yield port(process.stdout)
        finally:
            process.terminate()
            process.communicate(timeout=LONGEST)
        errors.seek(0)
        assert "Traceback" not in errors.read()


def port(lines):
    """Where a server that starts says it is."""
    for line in lines:
        if found := re.search(r"http://127\.0\.0\.1:(\d+)/", line):
            return int(found[1])
    raise AssertionError("it did not start")


@pytest.fixture
def ports(anna):
    """Of two servers of Anna's book."""
    with server() as one, server() as other:
        yield one, other


class Client:
    """One connection."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST)

    def __call__(self, method, path, body=b"", **headers):
        """Status, ETag, body."""
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(method, path, body, {"Authorization": LOGIN} | said)
        response = self.connection.getresponse()
        return response.status, response.headers["ETag"], response.read()

    def close(self):
        self.connection.close()


def together(ports, job, *command):
    """What *job* came to in two threads for each server, at once, and a command meanwhile."""
    results, start = [], threading.Barrier(2 * len(ports))

    def run(number, port):
        start.wait()
        with closing(Client(port)) as client:
            results.append(job(number, client))

    threads = [threading.Thread(target=run, args=it) for it in enumerate([*ports, *ports])]
    for thread in threads:
        thread.start()
    said = python("-m", "pycarddav", *command)
    for thread in threads:
        thread.join()
    assert said.returncode == 0, said.stderr
    assert len(results) == len(threads)
    return results


def test_no_increment_of_a_counter_is_lost(ports):
    path = BOOK + "counter.vcf"
    with closing(Client(ports[0])) as client:
        assert client("PUT", path, vcard("counter", "0"))[0] == 201

    def increment(number, client):
        for _ in range(ROUNDS):
            status = 412
            while status == 412:
                _, etag, body = client("GET", path)
                value = int(re.search(rb"FN:(\d+)", body)[1])
                card = vcard("counter", str(value + 1))
                status, *_ = client("PUT", path, card, If_Match=etag)
            assert status == 204

    together(ports, increment, "verify")
    for port in ports:
        with closing(Client(port)) as client:
            assert client("GET", path)[2] == vcard("counter", str(4 * ROUNDS))


def test_of_those_who_create_a_card_one_wins_and_the_others_get_412(ports):
    def create(number, client):
        return [
            client("PUT", f"{BOOK}{i}.vcf", vcard(f"{i}", f"{number}"), If_None_Match="*")[0]
            for i in range(ROUNDS)
        ]

    outcomes = together(ports, create, "book", "create", "anna/work")
    for statuses in zip(*outcomes, strict=True):
        assert sorted(statuses) == [201, 412, 412, 412]


def test_of_those_who_create_a_uid_at_different_names_one_wins(ports):
    def create(number, client):
        return [
            client("PUT", f"{BOOK}{i}-{number}.vcf", vcard(f"{i}", "Eve"))[0] for i in range(ROUNDS)
        ]

    for statuses in zip(*together(ports, create, "history", "anna/contacts"), strict=True):
        assert sorted(statuses) == [201, 409, 409, 409]
