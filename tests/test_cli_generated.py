"""What is generated from the parsers and the schema: completion and manual pages."""

import subprocess

import pytest

from pycarddav.cli import COMMANDS, parser
from pycarddav.cli.console import MEANINGS
from pycarddav.cli.parsers import is_group, parsers
from pycarddav.config import SCHEMA

BASH = """
source /dev/stdin
COMP_WORDS=("$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
$(complete -p pycarddav | sed 's/.*-F \\([^ ]*\\).*/\\1/')
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["us"], {"user"}),
        (["user", ""], {"add", "passwd", "remove", "list"}),
        (["--config", "x", "completion", ""], {"bash", "zsh", "fish"}),
        (["serve", "--po"], {"--port"}),
    ],
)
def test_bash_completes_what_argparse_knows(cli, words, expected):
    command = ["bash", "--norc", "-c", BASH, "bash", "pycarddav", *words]
    script = cli("completion", "bash")[1]
    run = subprocess.run(command, input=script, capture_output=True, text=True, check=True)
    assert set(run.stdout.split()) == expected


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_every_command_is_completed(cli, shell):
    script = cli("completion", shell)[1]
    assert [name for name in COMMANDS if name not in script] == []


def test_the_manual_has_every_command_and_exit_code(cli):
    page = cli("man")[1].replace(r"\-", "-")
    commands = [item.prog for item in parsers(parser(list(COMMANDS))) if not is_group(item)]
    assert len(commands) > len(COMMANDS)
    assert [name for name in commands if f".SS {name}" not in page] == []
    codes = [rf"\fB{int(code)}\fR" for code in MEANINGS]
    assert [code for code in codes if code not in page] == []


def test_the_manual_of_the_configuration_has_every_key(cli):
    page = cli("man", "config")[1]
    assert [key for key in SCHEMA if rf"\fB{key.name} =" not in page] == []


def test_nothing_is_taken_for_a_request_of_troff(cli):
    for page in ("pycarddav", "config"):
        lines = cli("man", page)[1].splitlines()
        requests = {line.split()[0] for line in lines if line[0] in ".'"}
        assert requests <= {".TH", ".SH", ".SS", ".TP", ".B", ".PP"}


READING = {"list", "show", "history", "verify", "doctor", "dns", "health", "version", "find"}


def test_what_is_read_can_be_had_as_json():
    commands = parsers(parser(list(COMMANDS)))
    reading = [item for item in commands if READING & {*item.prog.split()} and not is_group(item)]
    assert len(reading) >= 8
    assert [item.prog for item in reading if "--json" not in item.format_usage()] == []
