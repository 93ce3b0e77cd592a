"""What the loop does itself, and what it leaves to threads."""

import errno
import json
import os
import shutil
import threading
from contextlib import ExitStack

import pytest
from conftest import BOOK, anyone, as_on_the_loop, found
from disk import card
from wire import Client, echo, running, wait_for

from pycarddav import haste
from pycarddav.haste import WouldWait
from pycarddav.protocol.app import App
from pycarddav.protocol.context import Limits
from pycarddav.protocol.messages import Request, Response
from pycarddav.serve.recall import Recall
from pycarddav.serve.sockets import listen
from pycarddav.serve.waitress import Server
from pycarddav.serve.wsgi import Application
from pycarddav.store.filesystem import files
from pycarddav.store.filesystem.properties import FILE, Properties


def test_only_in_haste_nobody_waits():
    haste.wait()
    with haste.haste():
        assert haste.hasty()
        with pytest.raises(WouldWait):
            haste.wait()
    haste.wait()
    assert not haste.hasty()


def test_haste_ends_with_what_it_could_not_do():
    with pytest.raises(WouldWait), haste.haste():
        haste.wait()
    haste.wait()


def test_haste_in_haste_ends_with_the_outer_one():
    with haste.haste():
        with haste.haste():
            pass
        assert haste.hasty()


class Looks:
    """What can be seen at a place, and how often somebody has looked."""

    def __init__(self):
        self.number = 0

    @haste.once
    def at(self, place):
        self.number += 1
        return place


def test_in_one_haste_nothing_is_looked_at_twice():
    looks, others = Looks(), Looks()
    for number in (1, 2):
        with haste.haste():
            assert [looks.at("a"), looks.at("a"), looks.at("b"), looks.at("a")] == [*"aaba"]
            with haste.haste():
                assert looks.at("a") == others.at("a") == "a"
        assert (looks.number, others.number) == (2 * number, number)


def test_at_leisure_everything_is_looked_at_each_time():
    looks = Looks()
    looks.at("a")
    looks.at("a")
    with haste.turn():
        looks.at("a")
        looks.at("a")
    assert looks.number == 4


def test_in_one_turn_one_look_does_for_all_who_are_in_haste():
    looks = Looks()
    for number in (1, 2):
        with haste.turn():
            for _ in range(3):
                with haste.haste():
                    looks.at("a")
        assert looks.number == number
    with haste.haste():
        looks.at("a")
    assert looks.number == 3


def test_what_could_not_be_seen_is_looked_at_again():
    failures, looks = [WouldWait, ValueError], []

    @haste.once
    def look():
        looks.append("look")
        if failures:
            raise failures.pop()

    with haste.turn(), haste.haste():
        for expected in (ValueError, WouldWait):
            with pytest.raises(expected):
                look()
        look()
        look()
    assert len(looks) == 3


def test_a_thread_is_in_no_haste_because_another_is():
    with haste.haste():
        thread = threading.Thread(target=haste.wait)
        thread.start()
        thread.join()
        assert haste.hasty()


def test_in_haste_work_goes_on_for_a_moment(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(haste, "clock", lambda: now[0])
    haste.work()
    with haste.haste():
        haste.work()
        now[0] += haste.MOMENT / 2
        haste.work()
        now[0] += haste.MOMENT
        with pytest.raises(WouldWait):
            haste.work()


def test_who_lives_with_failures_does_not_live_with_this_one():
    def undaunted():
        try:
            haste.wait()
        except Exception:
            return "taken for a failure"

    with pytest.raises(WouldWait), haste.haste():
        undaunted()


def serving(serve):
    application = Application(serve)
    return running(
        Server(application, listen("127.0.0.1", 0), Limits(), recall=Recall(lambda answer: None))
    )


def test_what_would_wait_is_answered_by_a_thread_with_all_of_its_body():
    answered_by = []

    def serve(request):
        haste.wait()
        answered_by.append(threading.current_thread().name)
        return echo(request)

    body = b"x" * 5000
    with serving(serve) as server, Client(server.address) as client:
        for method in ("REPORT", "PROPFIND", "PUT"):
            answer = client.ask(f"{method} /a HTTP/1.1", body)
            assert answer[::2] == (200, f"{method} /a ".encode() + body)
    assert all(name.startswith("waitress") for name in answered_by)


def test_what_only_reads_is_answered_by_the_loop():
    answered_by = []

    def serve(request):
        answered_by.append((request.method, threading.current_thread().name[:8]))
        return echo(request)

    with serving(serve) as server, Client(server.address) as client:
        for method in ("GET", "PUT"):
            assert client.ask(f"{method} /a HTTP/1.1")[0] == 200
    (get, by_loop), (put, by_thread) = answered_by
    assert (get, put, by_thread) == ("GET", "PUT", "waitress")
    assert by_loop != by_thread


def test_who_waits_keeps_nobody_else_waiting():
    free, inside = threading.Event(), []

    def serve(request):
        if request.path == "/slow":
            haste.wait()
            inside.append(request)
            free.wait(20)
        return echo(request)

    with (
        serving(serve) as server,
        Client(server.address) as slow,
        Client(server.address) as quick,
    ):
        slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_for(lambda: inside)
        for _ in range(3):
            assert quick.ask("GET /quick HTTP/1.1")[2] == b"GET /quick "
        free.set()
        assert slow.answer()[2] == b"GET /slow "


def test_who_asked_before_a_turn_shares_its_looks_and_who_asks_later_does_not(caches_are_on):
    inside, free, looks = threading.Event(), threading.Event(), []

    @haste.once
    def look():
        looks.append("look")
        return str(len(looks)).encode()

    def serve(request):
        if request.path == "/slow":
            inside.set()
            free.wait(20)
        return Response(200, {}, look())

    with serving(serve) as server, ExitStack() as stack:
        slow, one, other = (stack.enter_context(Client(server.address)) for _ in range(3))
        assert one.ask("GET / HTTP/1.1")[2] == b"1"
        assert other.ask("GET / HTTP/1.1")[2] == b"2"
        slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        assert inside.wait(20)
        for client in (one, other):  # both are there when the loop turns
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        free.set()
        assert slow.answer()[2] == b"3"
        assert one.answer()[2] == other.answer()[2] == b"4"
        assert one.ask("GET / HTTP/1.1")[2] == b"5"


def test_a_mishap_on_the_loop_is_a_500_and_the_loop_goes_on():
    def serve(request):
        raise ZeroDivisionError

    with serving(serve) as server:
        for _ in range(2):
            with Client(server.address) as client:
                assert client.ask("GET / HTTP/1.1")[0] == 500


def test_a_large_answer_is_sent_whole_by_the_loop():
    body = bytes(range(256)) * 40_000
    with (
        serving(lambda request: Response(200, {}, body)) as server,
        Client(server.address) as client,
    ):
        for _ in range(2):
            assert client.ask("GET / HTTP/1.1")[2] == body


@pytest.mark.parametrize("size", [0, 1, 5000, 2**16])
def test_a_file_is_the_same_in_haste(tmp_path, size):
    path = tmp_path / "file.vcf"
    path.write_bytes(os.urandom(size))
    at_leisure = files.read(str(path), 2**20)
    try:
        with haste.haste():
            assert files.read(str(path), 2**20) == at_leisure
    except WouldWait:
        assert not _can_read_at_once(path)


def _can_read_at_once(path):
    """Whether this file system can tell what it has in memory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.preadv(descriptor, [bytearray(1)], 0, os.RWF_NOWAIT)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def test_what_takes_long_to_read_is_not_read_in_haste(tmp_path):
    path = tmp_path / "file.vcf"
    path.write_bytes(bytes(2**16 + 1))
    with pytest.raises(WouldWait), haste.haste():
        files.read(str(path), 2**20)


def test_in_one_haste_the_properties_are_looked_at_once(tmp_path):
    """And never taken for what they were in another."""
    kept, file = Properties(str(tmp_path)), tmp_path / FILE
    seen = []
    for name in ("Friends", "Foes", None):
        if name:
            file.write_text(json.dumps({"displayname": name}))
        else:
            file.unlink()
        with haste.haste():
            seen += [kept.read().get("displayname")]
            seen += [kept.read().get("displayname")]
    assert seen == ["Friends", "Friends", "Foes", "Foes", None, None]


def only_some(descriptor, buffers, offset, flags):
    return len(buffers[0]) - 1


def none_at_once(descriptor, buffers, offset, flags):
    raise BlockingIOError(errno.EAGAIN, "not in memory")


def cannot_tell(descriptor, buffers, offset, flags):
    raise OSError(errno.EOPNOTSUPP, "not of this file system")


@pytest.mark.parametrize("preadv", [only_some, none_at_once, cannot_tell])
def test_what_the_disk_would_be_asked_for_is_not_read_in_haste(tmp_path, monkeypatch, preadv):
    path = tmp_path / "file.vcf"
    path.write_bytes(b"content")
    monkeypatch.setattr(os, "preadv", preadv)
    with pytest.raises(WouldWait), haste.haste():
        files.read(str(path), 100)
    assert files.read(str(path), 100)[0] == b"content"


def test_another_folder_in_the_place_of_a_book_is_followed_from_then_on(server):
    """It is accepted, and listened to, by a thread: haste must not have done half of that."""
    server.put("ada.vcf")
    server.delete("ada.vcf")  # where there are cards, these are counted before
    app, request = App(server.store, anyone), Request("PROPFIND", BOOK, {"authorization": "alice"})
    as_on_the_loop(app, request)
    shutil.copytree(server.folder, server.storage / "copy")
    server.folder.rename(server.storage / "before")
    (server.storage / "copy").rename(server.folder)
    for name in ("grace.vcf", "joan.vcf"):
        assert set(found(as_on_the_loop(app, request))) == {
            BOOK + there for there in ("", *(file.name for file in server.folder.glob("*.vcf")))
        }
        (server.folder / name).write_bytes(card(name))
    assert BOOK + "joan.vcf" in found(as_on_the_loop(app, request))
