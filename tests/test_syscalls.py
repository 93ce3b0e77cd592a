"""The order of the system calls of a PUT: what makes it survive a power cut."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHILD = """
import os, sys, time
from pathlib import Path
from disk import ME, Server, card
from pycarddav.dav.headers import NEW
from pycarddav.store.filesystem.book import Wanted

server = Server(Path(sys.argv[1]), watch=sys.argv[3])
server.put("warm.vcf")
time.sleep(0.1)  # from now on the times of the file prove that it is as it was
server.names()
os.write(1, b"asked")
server.put(sys.argv[2], "changed")
os.write(1, b"answer")
"""
ONE = 'server.put(sys.argv[2], "changed")'
CALL = re.compile(r"\d+ +(\w+)\((.*)\) += (-?)")
CALLS = "/^(openat|write|fsync|fdatasync|sync|syncfs|flock|rename|link)"
WHAT = {
    r"LOCK_EX": "lock",
    r"LOCK_UN": "unlock",
    r"/\.tmp-\w+\", O_\S*O_EXCL": "open temporary",
    r"^\d+\S*/\.tmp-": "temporary",
    r"/history/": "to history",
    r"/\.tmp-.*/\w+\.vcf": "to its name",
    r"/journal>, \"": "journal",
    r"^\d+<\S*/friends>": "folder",
    r"\"answer\"": "answer",
}


@pytest.fixture(scope="module")
def strace():
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("watch", ["inotify", "stat"])
@pytest.mark.parametrize(
    ("name", "placed"),
    [
        ("new.vcf", ["rename to its name"]),
        ("old.vcf", ["link to history", "rename to its name"]),
    ],
)
def test_a_card_is_synced_before_it_is_placed_and_its_folder_before_the_answer(
    server, name, placed, watch
):
    server.put("old.vcf")
    assert calls(server.storage, name, watch) == [
        "open temporary",
        "write temporary",
        "fsync temporary",
        "lock",
        *placed,
        "write journal",
        "unlock",
        "fsync folder",
        "write answer",
    ]


@pytest.mark.usefixtures("strace")
def test_of_many_cards_all_are_synced_at_once_before_the_first_is_placed(server):
    many = """server.store.change(server.book, [
        Wanted(f"{n}.vcf", card(f"{n}"), f"{n}", NEW) for n in range(2)
    ], ME, "test 1")"""
    assert calls(server.storage, "", "stat", CHILD.replace(ONE, many)) == [
        *["open temporary", "write temporary"] * 2,
        "syncfs folder",
        "lock",
        *["rename to its name", "write journal"] * 2,
        "unlock",
        "fsync folder",
        "write answer",
    ]


def calls(storage, name, watch, child=CHILD):
    """What a PUT asked of the kernel that changes something, makes it last, or locks."""
    trace = storage.parent / "trace"
    words = ["strace", "-f", "-y", "-s", "10", "-o", trace, "-e", f"trace={CALLS}"]
    subprocess.run(
        [*words, sys.executable, "-c", child, storage, name, watch],
        cwd=Path(__file__).parent,  # for what the child imports
        check=True,
        capture_output=True,
        timeout=60,
    )
    _, asked = trace.read_text().split('"asked"')
    return [told for line in asked.splitlines()[1:] if (told := named(line))]


def named(line):
    """A call that did something, in words; what only reads is none."""
    call = CALL.match(line)
    if not call or call[3]:
        return None
    what = next((text for pattern, text in WHAT.items() if re.search(pattern, call[2])), None)
    if what in ("lock", "unlock", "open temporary"):
        return what
    kind = re.sub("at2?$", "", call[1])
    return None if kind == "open" else f"{kind} {what or call[2]}"
