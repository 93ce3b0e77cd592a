"""Servers that are killed in the middle of everything, again and again, lose nothing."""

import itertools
import json
import multiprocessing
import os
import random
import signal
import time

import pytest
import storm
from disk import ME, card
from storm import BOOKS, SHARED, Client, own

from pycarddav.dav.errors import InvalidSyncToken
from pycarddav.dav.headers import ANYTHING
from pycarddav.model import AddressBook
from pycarddav.store.filesystem import FilesystemStore, deleted, timeline

LANES = ([0, 1], [2, 3])  # of the first process, and of the second
PROCESSES = multiprocessing.get_context("forkserver")  # imports once, and forks without threads
PROCESSES.set_forkserver_preload(["pycarddav.store.filesystem", "filelock"])


@pytest.mark.parametrize("rounds", [3, pytest.param(150, marks=pytest.mark.slow)])
def test_whoever_is_killed_loses_nothing_it_has_answered(tmp_path, rounds):
    seed = f"{time.time_ns():x}"
    print("seed", seed)  # pytest shows it with a failure
    store = FilesystemStore(tmp_path)
    for book in BOOKS:
        store.save_book(AddressBook("alice", book))
    cards, clients = {}, []
    for number in range(rounds):
        lines = killed_storm(tmp_path, f"{seed} {number}")
        store = FilesystemStore(tmp_path)
        cards = survivors(store, *promised(cards, lines))
        clients += [words for kind, *words in lines if kind == "told"][-20:]
        for client in clients:
            assert_told_the_truth(store, *client)
        clients = clients[::2][-20:]


def killed_storm(storage, seed):
    """What two processes said until they were killed, one a little after the other."""
    chance, running = random.Random(seed), []
    for lanes in LANES:
        ours, theirs = PROCESSES.Pipe(duplex=False)
        process = PROCESSES.Process(target=storm.run, args=(storage, lanes, seed, theirs))
        process.start()
        theirs.close()
        running.append((process, ours))
    for _, ours in running:
        assert ours.poll(30)
    chance.shuffle(running)
    for process, _ in running:
        time.sleep(chance.random() * 0.1)
        process.kill()
    return [json.loads(line) for process, ours in running for line in said(process, ours)]


def said(process, pipe):
    """The lines of a process, up to its end."""
    process.join()
    with open(pipe.fileno(), "rb", closefd=False) as file:
        lines = file.read().splitlines(keepends=True)
    pipe.close()
    return [line for line in lines if line.endswith(b"\n")]  # it may be killed while it speaks


def promised(cards, lines):
    """What lanes have been told is so, and for each lane what it was not told any more."""
    cards, begun = dict(cards), {}
    for kind, *words in lines:
        assert kind != "failed", words[0]
        if kind == "begin":
            begun[words[0]] = words[1]
        elif kind == "done":
            cards |= begun.pop(words[0])
    return cards, list(begun.values())


def survivors(store, cards, open_ends):
    """The cards of the lanes: as was promised, each open end having happened or not."""
    found = {}
    for book in BOOKS:
        uids = []
        for it in store.cards(store.book("alice", book)):
            uid, text = storm.told(it.data)
            uids.append(uid)
            found[f"{book}/{it.name}"] = [uid, text]
        assert len(uids) == len(set(uids))
    mine = {f"{book}/{name}" for lanes in LANES for lane in lanes for book, name in own(lane)}
    assert found.keys() <= mine | {f"{book}/{name}" for book in BOOKS for name in SHARED}
    found = {place: found.get(place) for place in mine}
    for effect in open_ends:
        if all(found[place] == effect[place] for place in effect):
            cards |= effect
    assert found == dict.fromkeys(mine) | cards
    return found


def killed(do, storage, at):
    """Whether this came to its end, and was not killed at that number of steps."""
    process = PROCESSES.Process(target=storm.killed, args=(do, storage, at))
    process.start()
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode == 0


# Killed at each step, or, to be quick, at some of them
SLOW = pytest.mark.slow
STEPS = pytest.mark.parametrize("step", [4, pytest.param(1, marks=SLOW)])

NEW, OLD = (storm.content("ada", text) for text in ("new", "old"))


@STEPS
@pytest.mark.parametrize(
    "there",
    [None, pytest.param(OLD, marks=SLOW), pytest.param(NEW, marks=SLOW)],
    ids=["free", "taken", "one file"],
)
def test_a_card_that_moves_is_in_one_of_the_books_whoever_is_killed(quick_path, there, step):
    """Killed before each change that is asked of the operating system, and at last not at all."""
    from_, to = (quick_path / "alice" / book / "ada.vcf" for book in BOOKS)
    before, after = {from_: NEW, to: there}, {from_: None, to: NEW}
    outcomes = []
    for at in itertools.count(0, step):
        store = FilesystemStore(quick_path)
        for book in BOOKS:
            store.save_book(AddressBook("alice", book))
        from_.write_bytes(NEW)
        to.unlink(missing_ok=True)
        if there:
            os.link(from_, to) if there is NEW else to.write_bytes(there)
        clients = [Client(store, book) for book in BOOKS]
        for client in clients:
            client.sync()
        ended = killed(storm.move_ada, quick_path, at)
        for client in clients:
            assert_told_the_truth(
                FilesystemStore(quick_path), client.book, client.token, client.cards
            )
        now = {path: path.read_bytes() if path.exists() else None for path in (from_, to)}
        assert now in (before, after)
        outcomes.append(now)
        if ended:
            break
    assert [outcomes[0], outcomes[-1]] == [before, after]


@STEPS
@pytest.mark.parametrize("do", [storm.delete_friends, pytest.param(storm.move_friends, marks=SLOW)])
def test_a_book_goes_with_its_history_whoever_is_killed(quick_path, do, step):
    texts = [card("ada", "one"), card("ada", "two")]
    for at in itertools.count(0, step):
        storage = quick_path / str(at)
        store = FilesystemStore(storage)
        store.save_book(AddressBook("alice", "friends"))
        store.save_book(AddressBook("bob", "others"))
        for text in texts:
            store.put(store.book("alice", "friends"), "ada.vcf", text, "ada", ANYTHING, ME)
        ended = killed(do, storage, at)
        store = FilesystemStore(storage)
        for gone in deleted.books(store.root):
            deleted.bring_back(store.root, gone)
        books = [book for owner in store.owners() for book in store.books(owner)]
        (friends,) = (store.opened(book) for book in books if book.name == "friends")
        found = [timeline.data(friends, version) for version in timeline.versions(friends)]
        assert found == texts
        if ended:
            break
    assert at > 5


@STEPS
def test_whoever_is_killed_at_a_first_login_leaves_no_home_without_a_book(quick_path, step):
    for at in itertools.count(0, step):
        storage = quick_path / str(at)
        ended = killed(storm.welcome_alice, storage, at)
        store = FilesystemStore(storage)
        storm.welcome_alice(store)
        assert [book.name for book in store.books("alice")] == ["contacts"]
        if ended:
            break
    assert at > 5


def assert_told_the_truth(store, book, token, cards):
    """A client that had *cards* at *token* has what is there after a sync, or is told to begin."""
    client = Client(store, book)
    client.token, client.cards = token, dict(cards)
    try:
        client.sync()
    except InvalidSyncToken:
        return
    there = store.entries(store.book("alice", book))
    assert client.cards == {entry.name: entry.etag for entry in there}
