"""litmus, the test suite of WebDAV servers: what it finds, and what an address book is not for.

An address book does not take the place of a card, nor a card that of an address book with all that
is in it: at that three tests end, after their other checks have passed.
"""

import re
import shutil
import subprocess

import pytest
from plain import PlainFiles
from wire import serving

from pycarddav.model import Home, Principal
from pycarddav.protocol.app import App
from pycarddav.store.filesystem import FilesystemStore

LITMUS = shutil.which("litmus")

REFUSED = {
    "copy_overwrite": "FAIL (COPY overwrites collection: 403 Forbidden)",
    "move": "FAIL (MOVE overwrites collection `/alice/litmus/movecoll/' to"
    " `/alice/litmus/movedest': 403 Forbidden)",
    "move_coll": "FAIL (MOVE collection `/alice/litmus/mvdest2/' over non-collection"
    " `/alice/litmus/mvnoncoll' with overwrite: 403 Forbidden)",
}


def logged_in(request):
    return Principal("alice") if request.header("authorization") else None


@pytest.fixture
def url(tmp_path):
    store = FilesystemStore(tmp_path / "storage")
    store.save_home(Home("alice"))
    app = App(store, logged_in)
    with serving(PlainFiles(app.serve)) as (host, port):
        yield f"http://{host}:{port}/alice/"
    store.close()


def played(suite, url, folder):
    """(name of a test, what litmus says of it), in order."""
    run = subprocess.run(
        [LITMUS, "-k", url, "alice", "secret"],
        cwd=folder,  # it leaves a log
        env={"TESTS": suite, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return re.findall(r"^ *\d+\. (\w+)\.* (\S.*)$", run.stdout, re.MULTILINE)


@pytest.mark.skipif(not LITMUS, reason="litmus is not installed")
@pytest.mark.parametrize(
    ("suite", "tests", "refused"),
    [
        ("basic", 16, {}),
        ("copymove", 13, REFUSED),
        ("props", 30, {}),
        ("locks", 41, {}),
        ("http", 4, {}),
    ],
)
def test_litmus_finds_a_webdav_server(suite, tests, refused, url, tmp_path):
    said = played(suite, url, tmp_path)
    assert {name: what for name, what in said if what != "pass"} == refused
    assert len(said) == tests
