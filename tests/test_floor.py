"""Who computes has the floor, and nobody depends on it."""

import os
import threading
from contextlib import contextmanager

import pytest
from wire import Client, echo, running, wait_for

from pycarddav import floor
from pycarddav.protocol.context import Limits
from pycarddav.serve.recall import Recall
from pycarddav.serve.sockets import listen
from pycarddav.serve.waitress import Server
from pycarddav.serve.wsgi import Application
from pycarddav.store.filesystem import files


@pytest.fixture(autouse=True)
def patient(monkeypatch, caches_are_on):
    """Nobody loses the floor because this machine is slow."""
    monkeypatch.setattr(floor, "PATIENCE", 20.0)


@contextmanager
def another(do):
    """A thread that does this meanwhile."""
    thread = threading.Thread(target=do)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(20)
        assert not thread.is_alive()


def is_free():
    return not floor._floor.locked()


def somebody_waits():
    wait_for(floor._queue.locked)


def test_one_thread_at_a_time_has_the_floor():
    seen = []

    def work():
        for _ in range(20):
            with floor.taken():
                seen.append("in")
                seen.append("out")

    with another(work), another(work):
        work()
    assert seen == ["in", "out"] * 60
    assert is_free()


def test_whoever_waits_has_the_floor_next():
    had = []

    def wait():
        with floor.taken():
            had.append("other")

    floor.take()
    with another(wait):
        somebody_waits()
        floor.give()
        floor.take()
        had.append("self")
        floor.give()
    assert had == ["other", "self"]


def test_who_waits_for_something_else_gives_it_away():
    def work():
        with floor.taken():
            pass

    with floor.taken():
        with floor.given(), another(work):
            pass
        assert not is_free()
    assert is_free()


def test_the_disk_is_waited_for_without_it(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: seen.append(is_free()))
    with floor.taken():
        files.save(str(tmp_path / "file"), b"content")
        assert not is_free()
    assert seen == [True, True]


def test_who_has_it_already_gives_it_away_no_earlier():
    with floor.taken():
        with floor.taken():
            pass
        assert not is_free()
    with floor.given():
        assert is_free()
    assert is_free()


def test_it_is_given_away_after_a_failure():
    for block in (floor.taken, floor.given):
        with pytest.raises(ZeroDivisionError), floor.taken(), block():
            raise ZeroDivisionError
        assert is_free()


def test_who_keeps_it_too_long_has_lost_it(monkeypatch):
    monkeypatch.setattr(floor, "PATIENCE", 0.0)
    floor.take()

    def work():
        with floor.taken():
            assert not is_free()
            floor_of_others.append(floor._floor)
            late.set()
            done.wait(20)

    floor_of_others, late, done = [], threading.Event(), threading.Event()
    with another(work):
        assert late.wait(20)
        floor.give()  # of the one that was lost: the other's is not free
        assert floor._floor is floor_of_others[0]
        assert not is_free()
        done.set()
    assert is_free()


def test_where_too_many_wait_one_goes_on_without_it(monkeypatch):
    monkeypatch.setattr(floor, "PATIENCE", 0.0)
    with floor._queue, floor.taken():
        assert is_free()
    assert is_free()


def test_the_loop_gives_it_away_when_it_turns():
    application = Application(echo)
    server = Server(application, listen("127.0.0.1", 0), Limits(), recall=Recall(lambda _: None))
    with running(server) as served, Client(served.address) as client:
        for method in ("GET", "PUT"):
            assert client.ask(f"{method} / HTTP/1.1")[0] == 200
            wait_for(is_free)


def test_loop_and_threads_do_not_answer_at_the_same_time():
    inside, free, began = threading.Event(), threading.Event(), []

    def serve(request):
        began.append(request.method)
        if request.method == "PUT":
            inside.set()
            free.wait(20)
        return echo(request)

    server = Server(Application(serve), listen("127.0.0.1", 0), Limits(), recall=Recall(print))
    with (
        running(server) as served,
        Client(served.address) as one,
        Client(served.address) as other,
    ):
        one.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        assert inside.wait(20)
        other.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        somebody_waits()
        assert began == ["PUT"]
        free.set()
        assert one.answer()[0] == other.answer()[0] == 200
