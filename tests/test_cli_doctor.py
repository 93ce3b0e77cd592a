"""The command doctor: which server it visits, and what it prints."""

import json
import re
from contextlib import contextmanager
from pathlib import Path

import pytest
from command import on_a_terminal
from wire import running

from pycarddav.auth import accounts, tokens
from pycarddav.config import load
from pycarddav.doctor import Ailment
from pycarddav.serve import site

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def storage(home):
    folder = home / "storage"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def alice(storage):
    accounts.add_user(storage / ".htpasswd", "alice", "a long password")
    return storage


@contextmanager
def served(storage):
    """The options of a command for the server of this storage, which runs meanwhile."""
    (storage.parent / "config.ini").write_text(
        f"[server]\nport = 0\n[storage]\nfolder = {storage}\n"
    )
    config = load(str(storage.parent / "config.ini")).config
    with (
        site.listening(config) as bound,
        site.serving(config, bound, tidies=False) as made,
        running(made) as server,
    ):
        yield ["--storage", str(storage), "--port", str(server.address[1])]


def test_this_machines_server_needs_no_password(cli, alice):
    with served(alice) as options:
        code, out, err = cli("doctor", *options)
    levels = {line.split("\t")[0] for line in out.splitlines()}
    assert (code, levels, err) == (0, {"ok"}, "all is well\n")
    assert "alice is let in" in out
    assert tokens.tokens(tokens.beside(alice / ".htpasswd")) == []


def test_a_url_is_visited_as_who_one_says(cli, alice, typed):
    with served(alice) as (*_, port):
        url = f"http://127.0.0.1:{port}/"
        assert cli("doctor", url)[1].splitlines()[-1].split("\t")[-1] == "anonymous"
        typed("wrong")
        code, out, err = cli("doctor", url, "--user", "alice", "--password-stdin", "--json")
        assert (code, err) == (1, "")
        assert json.loads(out)["findings"][-1]["name"] == "wrong-password"
        typed("a long password")
        assert cli("doctor", url, "--user", "alice", "--password-stdin")[0] == 0


def test_who_is_let_in_by_a_proxy_is_named(cli, alice, monkeypatch):
    monkeypatch.setenv("PYCARDDAV_AUTH__TYPE", "remote_user")
    monkeypatch.setenv("PYCARDDAV_REMOTE_USER__PROXIES", "127.0.0.1")
    with served(alice) as options:
        assert problems(cli("doctor", *options)[1]) == ["anonymous"]
        code, out, _ = cli("doctor", *options, "--user", "bob")
    assert (code, problems(out)) == (0, [])


def problems(out):
    return [line.split("\t")[-1] for line in out.splitlines() if not line.startswith("ok")]


def test_what_is_wrong_with_the_storage_comes_first(cli, storage):
    nowhere = ["--storage", str(storage)]
    code, out, err = cli("doctor", *nowhere)
    assert (code, problems(out)) == (1, ["no-storage"])
    assert err == "1 problem, 0 warnings: docs/troubleshooting.md says more\n"
    (storage / ".htpasswd").touch()
    storage.chmod(0o755)
    assert problems(cli("doctor", *nowhere)[1]) == ["storage-open", "no-users"]


@pytest.mark.parametrize("listening", [["--host", "unix:/run/x.sock"], ["--port", "0"]])
def test_a_server_that_cannot_be_visited(cli, alice, listening):
    code, out, _ = cli("doctor", "--storage", str(alice), *listening)
    assert (code, problems(out)) == (0, ["not-by-http"])


@pytest.mark.parametrize("url", ["ftp://example.org/", "http://a:b@example.org/", "http://["])
def test_what_is_no_address_is_refused(cli, url):
    code, out, err = cli("doctor", url)
    assert (code, out) == (2, "")
    assert err.startswith("pycarddav: error: ")


def test_on_a_terminal_what_mends_it_stands_below(storage):
    code, said = on_a_terminal(["doctor", "--no-color", "--storage", str(storage)])
    assert code == 1
    assert said.splitlines()[:2] == [
        f"FAIL  folder     there is no storage in {storage}",
        "                 Mount its disk, or correct [storage] folder; `pycarddav serve` begins a"
        " new one. [no-storage]",
    ]


def test_everything_that_can_be_wrong_is_explained():
    page = (Path(__file__).parents[1] / "docs" / "troubleshooting.md").read_text()
    explained = re.findall(r"^### ([a-z0-9-]+)$", page, re.MULTILINE)
    assert sorted(explained) == sorted(item.name.replace("_", "-") for item in Ailment)
