"""What is read from file, environment and command line, which of them wins, what is refused."""

import re
from pathlib import Path

import pytest

from pycarddav.cli.reference import page
from pycarddav.config import SCHEMA, ConfigError, Given, Key, example, from_environment, load
from pycarddav.config.values import (
    absolute,
    file,
    list_of,
    names,
    networks,
    one_of,
    path,
    port_number,
    prefix,
    size,
    some_of,
)
from pycarddav.serve import site

ROOT = Path(__file__).parent.parent
PORT = Key("server", "port")


pytestmark = pytest.mark.usefixtures("home")


def configured(folder, content):
    file = folder / "config.ini"
    file.write_text(content)
    return file


def refusal(file):
    with pytest.raises(ConfigError) as error:
        load(str(file))
    return str(error.value).removeprefix(f"{file.parent}/")


def test_without_a_word_said_everything_is_in_one_folder(home):
    found = load()
    assert found.file is None
    assert found.config.storage.folder == home / ".local/share/pycarddav"
    assert found.config.auth.htpasswd == home / ".local/share/pycarddav/.htpasswd"
    assert (found.config.server.host, found.config.server.port) == (("127.0.0.1",), 5236)
    assert {given.origin for given in found.given.values()} == {"default"}


def test_command_line_over_environment_over_file_over_default(home, monkeypatch):
    file = configured(home, "[server]\nport = 1\n")
    assert load(str(file)).config.server.port == 1
    monkeypatch.setenv("PYCARDDAV_SERVER__PORT", "2")
    assert load(str(file)).config.server.port == 2
    found = load(str(file), {PORT: Given("3", "--port")})
    assert found.config.server.port == 3


def test_each_value_knows_where_it_came_from(home, monkeypatch):
    file = configured(home, "# a comment\n[server]\nport = 1\n\n[log]\nlevel = debug\n")
    monkeypatch.setenv("PYCARDDAV_SERVER__HOST", "::1")
    found = load(str(file), {PORT: Given("3", "--port")})
    said = {
        f"{key.section}.{key.name}": given.origin
        for key, given in found.given.items()
        if given.origin != "default"
    }
    assert said == {
        "server.host": "PYCARDDAV_SERVER__HOST",
        "server.port": "--port",
        "log.level": f"{file}:6",
    }


def test_the_file_is_looked_for_in_order(home, monkeypatch):
    assert load().file is None
    (home / ".config/pycarddav").mkdir(parents=True)
    configured(home / ".config/pycarddav", "")
    assert load().file == home / ".config/pycarddav/config.ini"
    (home / "xdg/pycarddav").mkdir(parents=True)
    configured(home / "xdg/pycarddav", "")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "xdg"))
    assert load().file == home / "xdg/pycarddav/config.ini"
    monkeypatch.setenv("PYCARDDAV_CONFIG", str(configured(home, "")))
    assert load().file == home / "config.ini"
    assert load("/dev/null").file == Path("/dev/null")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[server]\nprot = 1", '2: [server] unknown key "prot" - did you mean "port"?'),
        ("[server]\nhtpasswd = x", '2: [server] unknown key "htpasswd" - it belongs in [auth]'),
        ("[log]\nzzz = x", '2: [log] unknown key "zzz" - known are level, format'),
        ("\n[sever]", '2: unknown section [sever] - did you mean "server"?'),
        ("port = 1", '1: "port" stands before the first [section]'),
        ("[server]\nport", '2: "port" is neither "key = value" nor "[section]"'),
        ("[server]\nport = x", '2: [server] port: "x" is not a port number (0 to 65535)'),
        ("[server]\nport = 65536", '2: [server] port: "65536" is not a port number (0 to 65535)'),
        ("[server]\nport = ٣", '2: [server] port: "٣" is not a port number (0 to 65535)'),
        ("[server]\nport =", '2: [server] port: "" is not a port number (0 to 65535)'),
        ("[storage]\nfolder = x", '2: [storage] folder: "x" is not an absolute path'),
        (
            "[storage]\nfolder = $NO_SUCH/x",
            '2: [storage] folder: "$NO_SUCH/x" needs the variable NO_SUCH, which is not set',
        ),
        (
            "[auth]\naccept = sha1, md4",
            '2: [auth] accept: "sha1, md4" has "md4", which is not one of des, plain, sha1',
        ),
        (
            "[auth]\ntype =",
            '2: [auth] type: "" is to name some of htpasswd, digest, ldap, oauth, remote_user,'
            " each once",
        ),
        ("[log]\nlevel = loud", '2: [log] level: "loud" is not one of debug, info, warning, error'),
    ],
)
def test_a_wrong_line_is_named_with_its_number(home, content, message):
    assert refusal(configured(home, content)) == f"config.ini:{message}"


def test_a_key_is_given_once(home):
    file = configured(home, "[server]\nport = 1\n[log]\n[server]\nPORT = 2\n")
    assert refusal(file) == f'config.ini:5: [server] "port" stands in {file}:2 too'


def test_a_comment_behind_a_value_is_explained(home):
    with pytest.raises(ConfigError) as error:
        load(str(configured(home, "[server]\nport = 80 # http\n")))
    assert error.value.hint == "a comment stands on a line of its own"


def test_a_file_that_cannot_be_read_is_not_passed_over(home):
    assert (
        refusal(home / "nowhere.ini")
        == f"cannot read {home}/nowhere.ini: No such file or directory"
    )
    assert refusal(home).endswith("Is a directory")
    (home / "latin.ini").write_bytes(b"[server]\n# Stra\xdfe\n")
    assert refusal(home / "latin.ini") == "latin.ini:2: this is not UTF-8"


def test_a_windows_editor_may_have_saved_the_file(home):
    (home / "config.ini").write_bytes("\ufeff[Server]\r\nPort = 80\r\n".encode())
    assert load(str(home / "config.ini")).config.server.port == 80


def test_a_bad_value_in_the_environment_is_an_error(monkeypatch):
    monkeypatch.setenv("PYCARDDAV_SERVER__PORT", "many")
    with pytest.raises(ConfigError) as error:
        load()
    assert str(error.value) == 'PYCARDDAV_SERVER__PORT: "many" is not a port number (0 to 65535)'


@pytest.mark.parametrize(
    ("variable", "value", "warning"),
    [
        ("PYCARDDAV_SERVER__PROT", "1", 'did you mean "PYCARDDAV_SERVER__PORT"?'),
        ("PYCARDDAV_SERVER_PORT", "1", 'did you mean "PYCARDDAV_SERVER__PORT"?'),
        ("PYCARDDAV_CONFIG", "x", None),
        ("PYCARDDAV_PORT", "tcp://10.0.0.1:5236", None),
        ("PYCARDDAV_SERVER_PORT", "tcp://10.0.0.1:5236", None),
        ("PYCARDDAV_SERVICE_HOST", "10.0.0.1", None),
        ("PYCARDDAV_SERVICE_PORT_HTTP", "5236", None),
        ("PYCARDDAV_PORT_5236_TCP_ADDR", "10.0.0.1", None),
        ("PYCARDDAV_ENV_GPG_KEY", "A0", None),
        ("PYCARDDAV_NAME", "/web/pycarddav", None),
        ("PYCARDDAVX", "1", None),
    ],
)
def test_an_unknown_variable_is_a_warning_unless_others_put_it_there(variable, value, warning):
    given, warnings = from_environment({variable: value})
    assert given == {}
    assert warnings == ([f"unknown variable {variable} - {warning}"] if warning else [])


@pytest.mark.parametrize(
    ("read", "written", "value"),
    [
        (port_number, "0", 0),
        (size, "0", 0),
        (size, "512K", 512 << 10),
        (size, "32 MiB", 32 << 20),
        (size, "2g", 2 << 30),
        (names, "", ()),
        (names, "anna, Bob Smith,,", ("anna", "Bob Smith")),
        (prefix, "", ""),
        (prefix, "/", ""),
        (prefix, "/contacts/", "/contacts"),
        (prefix, "/a/b", "/a/b"),
        (absolute, "/srv/cards", Path("/srv/cards")),
        (file, "", None),
        (path, "/a/$$b", Path("/a/$b")),
        (one_of("a", "b"), "b", "b"),
        (some_of("a", "b"), "b,a", ("b", "a")),
        (some_of("a", "b"), "", ()),
    ],
)
def test_values_are_read(read, written, value):
    assert read(written) == value


def test_the_standards_variable_has_the_standards_default(home, monkeypatch):
    assert path("$XDG_DATA_HOME/x") == home / ".local/share/x"
    monkeypatch.setenv("XDG_DATA_HOME", "relative/is/invalid")
    assert path("$XDG_DATA_HOME/x") == home / ".local/share/x"
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert path("$XDG_DATA_HOME/x") == Path("/data/x")


@pytest.mark.parametrize(
    ("read", "written"),
    [
        (size, "-1"),
        (size, "1.5M"),
        (size, "lots"),
        (prefix, "contacts"),
        (prefix, "//evil.example"),
        (prefix, "/a b"),
        (prefix, "/a?b"),
        (path, "${"),
        (one_of("a"), "A"),
        (list_of("a", "b"), "a, b, a"),
        (networks, "127.0.0.1, localhost"),
        (networks, "10.0.0.1/8"),
    ],
)
def test_what_makes_no_sense_is_refused(read, written):
    with pytest.raises(ValueError, match=r"."):
        read(written)


def test_the_example_file_is_the_schemas():
    assert (ROOT / "config.example.ini").read_text() == example(), (
        "pycarddav config example > config.example.ini"
    )


LOGINS = (ROOT / "docs" / "logins.md").read_text()


@pytest.mark.parametrize("example", re.findall("```ini\n(.*?)```", LOGINS, re.DOTALL))
def test_the_examples_of_ways_to_log_in_are_doors(home, example):
    config = load(str(configured(home, example))).config
    config.storage.folder.mkdir(parents=True)
    config.auth.htpasswd.touch()
    assert len(site.doors(config)) == len(config.auth.type)


def test_the_reference_is_the_schemas():
    assert (ROOT / "docs" / "configuration.md").read_text() == page(), (
        "pycarddav config reference > docs/configuration.md"
    )


def test_the_example_changes_nothing_and_so_it_does_with_every_key_said(home):
    said = "".join(
        line.removeprefix("#") if line[:1] == "#" and line[1:2].islower() else line
        for line in example().splitlines(keepends=True)
    )
    spoken = load(str(configured(home, said)))
    assert spoken.config == load().config
    assert all(given.origin != "default" for given in spoken.given.values())
    assert set(spoken.given) == set(SCHEMA)


def test_what_lies_in_config_d_comes_after_the_file_in_the_order_of_the_names(home):
    file = configured(home, "[server]\nport = 1\nhost = ::1\n")
    folder = home / "config.d"
    folder.mkdir()
    for name, port in {"20.ini": 3, "10.ini": 2, "30.ini~": 4, ".40.ini": 5}.items():
        (folder / name).write_text(f"[server]\nport = {port}\n")
    found = load(str(file))
    assert found.files == (file, folder / "10.ini", folder / "20.ini")
    assert (found.config.server.port, found.config.server.host) == (3, ("::1",))
    assert found.given[PORT].origin == f"{folder}/20.ini:2"


def test_config_d_is_enough(home):
    folder = home / ".config/pycarddav/config.d"
    folder.mkdir(parents=True)
    (folder / "port.ini").write_text("[server]\nport = 7\n")
    assert load().config.server.port == 7
    assert load().files == (folder / "port.ini",)


def test_a_file_that_is_named_has_to_be_there_whatever_lies_beside_it(home):
    (home / "config.d").mkdir()
    (home / "config.d/port.ini").write_text("[server]\nport = 7\n")
    assert refusal(home / "config.ini").startswith(f"cannot read {home}/config.ini")


def test_a_secret_may_be_in_a_file_that_a_variable_names(home, monkeypatch):
    (home / "token").write_text("0123456789abcdef\n")
    name = "PYCARDDAV_SERVER__METRICS_TOKEN"
    monkeypatch.setenv(f"{name}_FILE", str(home / "token"))
    found = load()
    assert found.config.server.metrics_token == "0123456789abcdef"
    assert found.given[Key("server", "metrics_token")].origin == f"{name}_FILE"
    monkeypatch.setenv(name, "0123456789abcdef")
    with pytest.raises(ConfigError, match=f"there are both {name} and {name}_FILE"):
        load()
    monkeypatch.delenv(name)
    (home / "token").write_text("short")
    with pytest.raises(ConfigError, match=f"^{name}_FILE: \\(secret\\) is not a token"):
        load()
    (home / "token").unlink()
    with pytest.raises(ConfigError, match="cannot read"):
        load()
