"""The lock of a book: one writer at a time, among threads and among processes."""

import errno
import fcntl
import os
import threading

import pytest

from pycarddav.dav.errors import Unavailable
from pycarddav.store.filesystem.lock import Lock


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "lock"


@pytest.fixture
def lock(path):
    return Lock(str(path))


def test_it_excludes_whoever_takes_the_file_with_flock(path, lock):
    with lock.within(), path.open() as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with path.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_who_waits_for_another_process_is_let_in_after_it(path, lock):
    with lock.within():
        pass
    with path.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Unavailable, match="held by another process"), lock.within(0.05):
            pytest.fail("two are in")
        leaving = threading.Timer(0.1, lambda: fcntl.flock(other, fcntl.LOCK_UN))
        leaving.start()
        with lock.within(10):
            leaving.join()


def test_who_waits_for_a_file_that_is_deleted_meanwhile_takes_the_new_one(path, lock):
    with lock.within():
        pass
    with path.open() as deleted:
        fcntl.flock(deleted, fcntl.LOCK_EX)
        path.unlink()
        with lock.within(10), path.open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_file_that_goes_between_opening_and_locking_is_no_lock(path, lock, monkeypatch):
    flock = fcntl.flock

    def late(file, how):
        if how & fcntl.LOCK_EX and not gone:
            gone.append(path.unlink())
        flock(file, how)

    gone = []
    monkeypatch.setattr(fcntl, "flock", late)
    with lock.within():
        assert gone
        assert path.exists()


def test_threads_wait_for_each_other(lock):
    with lock.within():
        found = []

        def enter():
            try:
                with lock.within(0.05):
                    found.append("in")
            except Unavailable as error:
                found.append(str(error))

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
    assert ["held for too long" in text for text in found] == [True]


def test_on_a_read_only_disk_one_may_look_but_not_write(lock, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "open", refuse)
    with lock.within(looking=True):
        pass
    with pytest.raises(Unavailable), lock.within():
        pytest.fail("nobody can write here")


def test_no_descriptor_is_left_open(lock):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with lock.within():
            pass
    assert len(os.listdir("/proc/self/fd")) == before
