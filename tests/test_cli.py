"""The command line as a user meets it: results, errors, exit codes."""

import json
import os
import subprocess
import sys

import pytest

from pycarddav import __version__
from pycarddav.cli import main


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home directory with nothing in it, and no variable of ours."""
    for variable in [*os.environ]:
        if variable.startswith(("PYCARDDAV_", "XDG_")):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def cli(capsys):
    """Run a command: (exit code, standard output, standard error)."""

    def run(*words):
        code = main(list(words))
        said = capsys.readouterr()
        return int(code), said.out, said.err

    return run


def python(*words, **environment):
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | environment,
    )


def test_version(cli):
    assert cli("version") == (0, f"pycarddav {__version__}\n", "")
    code, out, _ = cli("version", "--json")
    assert (code, json.loads(out)) == (0, {"schema": 1, "version": __version__})


def test_version_does_not_import_what_only_a_server_needs():
    listed = python("-X", "importtime", "-m", "pycarddav", "version").stderr
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in listed.splitlines()}
    assert "argparse" in imported
    assert not imported & {"waitress", "ssl", "xml", "defusedxml", "passlib", "bcrypt", "tqdm"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "which command?"),
        (["version", "--nonsense"], "unrecognized arguments: --nonsense"),
        (["config", "show", "--port", "x"], '--port: "x" is not a port number (0 to 65535)'),
        (["config", "check", "--config", "/nowhere/x.ini"], "cannot read /nowhere/x.ini: No such"),
        (["--config", "/nowhere/x.ini", "config", "check"], "cannot read /nowhere/x.ini: No such"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(cli, words, message):
    code, out, err = cli(*words)
    assert (code, out) == (2, "")
    first, *hints = err.splitlines()
    assert first.startswith(f"pycarddav: error: {message}")
    assert all(line.startswith("hint: ") for line in hints)
    assert len(hints) <= 1


def test_an_unknown_command_is_answered_with_the_known_ones(cli):
    code, _, err = cli("srve")
    assert code == 2
    assert "'srve'" in err
    assert "config" in err


def test_debug_shows_where_an_error_came_from(cli):
    _, _, err = cli("config", "check", "--config", "/nowhere/x.ini", "--debug")
    assert "Traceback" in err
    assert "pycarddav: error: cannot read" in err


def test_config_show_says_what_is_in_effect_and_why(cli, home, monkeypatch):
    (home / "config.ini").write_text("[server]\nport = 1\n[rights]\nadmins = anna, bert\n")
    monkeypatch.setenv("PYCARDDAV_LOG__LEVEL", "debug")
    code, out, _ = cli("config", "show", "--config", str(home / "config.ini"), "--storage", "/s")
    assert code == 0
    rows = dict(line.split("\t", 1) for line in out.splitlines())
    assert rows["server.host"] == "127.0.0.1\tdefault"
    assert rows["server.port"] == f"1\t{home}/config.ini:2"
    assert rows["rights.admins"] == f"anna, bert\t{home}/config.ini:4"
    assert rows["storage.folder"] == "/s\t--storage"
    assert rows["auth.htpasswd"] == "/s/.htpasswd\tdefault"
    assert rows["log.level"] == "debug\tPYCARDDAV_LOG__LEVEL"


def test_config_show_as_json(cli, home):
    shown = json.loads(cli("config", "show", "--json")[1])
    assert (shown["schema"], shown["file"]) == (1, None)
    assert {
        "section": "storage",
        "key": "folder",
        "value": f"{home}/.local/share/pycarddav",
        "origin": "default",
    } in shown["settings"]


def test_config_check(cli, home):
    (home / "config.ini").write_text("[server]\nport = 1\n")
    file = str(home / "config.ini")
    assert cli("config", "check", "--config", file) == (0, f"{file}: ok\n", "")
    assert cli("config", "check") == (0, "no file, defaults: ok\n", "")


def test_an_unknown_variable_is_a_warning(cli, monkeypatch):
    monkeypatch.setenv("PYCARDDAV_SERVER__PROT", "1")
    code, _, err = cli("config", "check")
    assert code == 0
    assert err == (
        "pycarddav: warning: unknown variable PYCARDDAV_SERVER__PROT"
        ' - did you mean "PYCARDDAV_SERVER__PORT"?\n'
    )


def test_a_path_on_the_command_line_starts_where_one_is(cli, home, monkeypatch):
    monkeypatch.chdir(home)
    out = cli("config", "show", "--storage", "a $b", "--htpasswd", "users")[1]
    assert f"storage.folder\t{home}/a $b\t--storage\n" in out
    assert f"auth.htpasswd\t{home}/users\t--htpasswd\n" in out


def test_python_m_pycarddav_is_the_same_command():
    run = python("-m", "pycarddav", "config", "check", PYCARDDAV_CONFIG="/nowhere/x.ini")
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "pycarddav: error: cannot read /nowhere/x.ini: No such file or directory\n"


def test_a_reader_that_leaves_early_is_no_traceback():
    command = f"{sys.executable} -m pycarddav config example | head -n 0"
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert run.stderr == ""
