"""Starting the server: the first time, again, where something is wrong; and its check of itself."""

import base64
import http.client
import os
import pty
import re
import shutil
import socket
import ssl
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from pycarddav.auth import Login, LoginFailed
from pycarddav.auth.htpasswd import Htpasswd
from pycarddav.cli import main

LONGEST = 30  # seconds that a start may take on a machine that is busy with other tests


pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def data(home):
    return home / ".local/share/pycarddav"


@pytest.fixture
def refused(capsys):
    """Run a command that fails: (exit code, the error, the hint)."""

    def run(*words):
        code = main(list(words))
        out, err = capsys.readouterr()
        lines = [line for line in err.splitlines() if "warning: running as root" not in line]
        assert out == ""
        assert 1 <= len(lines) <= 2, err
        error, hint = [*lines, ""][:2]
        assert error.startswith("pycarddav: error: ")
        return int(code), error.removeprefix("pycarddav: error: "), hint.removeprefix("hint: ")

    return run


class Served:
    """A server in a process of its own; *lines* grows as it is read, *errors* come at the end."""

    def __init__(self, process, stdout):
        self.process, self.stdout = process, stdout
        self.lines, self.errors = [], ""

    def read(self, until):
        """Read up to the line with *until* in it."""
        for line in self.stdout:
            self.lines.append(line.rstrip("\r\n"))
            if until in line:
                return
        raise AssertionError(f"{until} was not said, but {self.lines}, {self.process.poll()}")


@contextmanager
def served(*words, terminal=False):
    """A server that runs as long as the block; it has to stop gracefully."""
    command = [sys.executable, "-m", "pycarddav", "serve", "--port", "0", *words]
    ours, theirs = pty.openpty() if terminal else os.pipe()
    with open(ours) as stdout, TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=theirs, stderr=errors)
        os.close(theirs)
        running = Served(process, stdout)
        try:
            yield running
        finally:
            process.terminate()
            process.wait(LONGEST)
            if not terminal:
                running.lines += stdout.read().splitlines()
            errors.seek(0)
            running.errors = errors.read()
    assert process.returncode == 0


def add_user(name, *words, password="correct horse"):
    command = [sys.executable, "-m", "pycarddav", "user", "add", name, "--password-stdin", *words]
    subprocess.run(command, input=password, text=True, check=True, capture_output=True, timeout=60)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def logs_in(htpasswd, user, password):
    try:
        return Htpasswd(htpasswd).verify(Login(user, password)) is not None
    except LoginFailed:
        return False


def test_the_first_start_without_a_terminal_shows_no_password(data):
    with served() as server:
        server.read("Ctrl-C")
    file = data / ".initial-password"
    password = file.read_text().strip()
    said = "\n".join([*server.lines, server.errors])
    assert len(server.lines) <= 8
    assert str(file) in said
    assert password not in said
    assert [mode(data), mode(file), mode(data / ".htpasswd")] == [0o700, 0o600, 0o600]
    user = re.search(r"User +(\S+)", said)[1]
    assert logs_in(data / ".htpasswd", user, password)


def test_the_first_start_on_a_terminal_shows_the_password_once_and_keeps_no_file(data):
    with served(terminal=True) as server:
        server.read("Ctrl-C")
    assert len(server.lines) <= 8
    said = "\n".join(server.lines)
    assert re.search(r"Open +http://127\.0\.0\.1:\d+/\n", said)
    assert f"Data in {data} (mode 0700)" in said
    assert re.search(r"Books +Contacts", said)
    user, password = re.search(r"User +(\S+)", said)[1], re.search(r"Password +(\S+)", said)[1]
    assert re.fullmatch("[a-z2-9]{4}(-[a-z2-9]{4}){3}", password)
    assert logs_in(data / ".htpasswd", user, password)
    assert not (data / ".initial-password").exists()


def test_the_first_user_has_an_address_book_called_contacts(data, capsys):
    with served() as server:
        server.read("Ctrl-C")
    main(["book", "list"])
    (line,) = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"\S+/contacts\t0\tContacts", line)


def test_the_second_start_prints_the_address_alone(data):
    add_user("anna")
    with served() as server:
        server.read("http")
    (line,) = server.lines
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", line)


def test_a_server_that_is_stopped_remembers_what_it_knows_of_the_cards(data):
    add_user("anna")
    with served() as server:
        server.read("http")
        port = int(re.search(r":(\d+)/", server.lines[0])[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST)
        credentials = base64.b64encode(b"anna:correct horse").decode()
        card = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:a\r\nN:A;;;;\r\nFN:A\r\nEND:VCARD\r\n"
        headers = {"Authorization": f"Basic {credentials}", "Content-Type": "text/vcard"}
        connection.request("PUT", "/anna/contacts/a.vcf", card, headers)
        assert connection.getresponse().status == 201
        connection.close()
    assert (data / ".pycarddav/anna/contacts/index").stat().st_size > 0


def test_the_initial_password_is_forgotten_when_it_is_changed(data, monkeypatch, capsys):
    with served() as server:
        server.read("Ctrl-C")
    user = re.search(r"User +(\S+)", "\n".join(server.lines))[1]
    file = data / ".initial-password"
    add_user("other")
    change("other", "something else", monkeypatch)
    assert file.exists()
    assert change(user, "", monkeypatch) == 2
    assert file.exists()
    assert change(user, "something else", monkeypatch) == 0
    assert not file.exists()
    assert logs_in(data / ".htpasswd", user, "something else")


def change(user, password, monkeypatch):
    read, write = os.pipe()
    os.write(write, f"{password}\n".encode())
    os.close(write)
    with open(read) as stdin, monkeypatch.context() as patched:
        patched.setattr("sys.stdin", stdin)
        return main(["user", "passwd", user, "--password-stdin"])


def test_check_plays_a_phone_and_leaves_nothing(home, capsys):
    assert main(["serve", "--check"]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert {level for level, *_ in lines} == {"ok"}
    steps = {check for _, check, *_ in lines}
    assert {"well-known", "login", "create", "read", "sync", "edit", "delete"} <= steps
    assert list(home.iterdir()) == []


def test_check_uses_the_configuration_that_is_in_effect(capsys, monkeypatch):
    monkeypatch.setenv("PYCARDDAV_SERVER__BASE_PATH", "/contacts")
    monkeypatch.setenv("PYCARDDAV_SERVER__HOST", "203.0.113.1")
    assert main(["serve", "--check"]) == 0
    assert "the address books of check are in /contacts/check/" in capsys.readouterr().out


def test_check_says_what_does_not_work(capsys, monkeypatch):
    monkeypatch.setenv("PYCARDDAV_SERVER__MAX_BODY_SIZE", "1")
    assert main(["serve", "--check"]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("FAIL\tchallenge\thttp://127.0.0.1:")
    assert "is answered 413" in last


# What must not be begun, or not be served


def test_a_port_in_use_is_found_before_anything_is_created(home, refused):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert refused("serve", "--port", port) == (
            4,
            f"127.0.0.1:{port} is in use by another program",
            "--port takes another one",
        )
    assert list(home.iterdir()) == []


def test_a_broken_configuration_creates_nothing(home, refused):
    (home / "c.ini").write_text("[server]\nprot = 1\n")
    assert refused("serve", "--config", str(home / "c.ini")) == (
        2,
        f'{home}/c.ini:2: [server] unknown key "prot" - did you mean "port"?',
        "",
    )
    assert [path.name for path in home.iterdir()] == ["c.ini"]


def test_an_empty_storage_whose_users_are_listed_elsewhere_is_not_begun_anew(home, refused):
    htpasswd, folder = home / "users", home / "disk"
    add_user("anna", "--htpasswd", str(htpasswd), "--storage", str(folder))
    folder.rename(home / "unmounted")
    words = ["--storage", str(folder), "--htpasswd", str(htpasswd)]
    expected = (
        1,
        f"{folder} is empty, but {htpasswd} lists users: is its disk mounted?",
        "--init begins a new storage",
    )
    assert refused("serve", *words) == expected
    assert refused("user", "add", "bert", "--password-stdin", *words) == expected
    assert not folder.exists()
    (folder / "lost+found").mkdir(parents=True)
    assert refused("serve", *words) == expected
    with served(*words, "--init") as server:
        server.read("http://")


def test_a_folder_of_something_else_is_not_taken_for_a_storage(home, refused):
    (home / "photos").mkdir()
    assert refused("serve", "--storage", str(home)) == (
        1,
        f"{home} has files in it, but is no storage of pycarddav",
        "--init makes it one",
    )
    assert [path.name for path in home.iterdir()] == ["photos"]


def test_a_storage_on_a_disk_that_is_not_mounted_is_not_begun(home, refused):
    assert refused("serve", "--storage", f"{home}/media/usb") == (
        1,
        f"{home}/media does not exist",
        "is its disk mounted?",
    )
    assert list(home.iterdir()) == []


def test_a_storage_that_is_a_file_is_refused(home, refused):
    (home / "file").touch()
    assert refused("serve", "--storage", f"{home}/file") == (1, f"{home}/file: Not a directory", "")


def test_a_htpasswd_that_is_missing_or_unreadable_is_refused(home, refused):
    words = ["serve", "--storage", f"{home}/new", "--htpasswd"]
    missing = f"there are no users: {home}/users does not exist"
    assert refused(*words, f"{home}/users") == (1, missing, "pycarddav user add NAME")
    (home / "users").mkdir()
    assert refused(*words, f"{home}/users") == (1, f"{home}/users: Is a directory", "")
    assert not (home / "new").exists()


def test_nobody_beyond_this_machine_is_served_without_a_user(home, refused):
    (home / "users").touch()
    words = ["serve", "--htpasswd", f"{home}/users", "--host", "0.0.0.0", "--port", "0"]
    assert refused(*words) == (
        2,
        f"there are no users in {home}/users: nobody beyond this machine is to be served",
        "pycarddav user add NAME",
    )


def test_on_this_machine_a_server_may_wait_for_its_first_user(home):
    (home / "users").touch()
    with served("--htpasswd", f"{home}/users") as server:
        server.read("http://127.0.0.1:")
    assert f"there are no users in {home}/users: nobody can log in" in server.errors


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_storage_that_cannot_be_written_is_refused(home, refused):
    (home / "disk").mkdir()
    (home / "disk").chmod(0o500)
    where = f"{home}/disk: cannot be written by this user"
    assert refused("serve", "--storage", f"{home}/disk") == (1, where, "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can leave files of another user")
def test_root_leaves_no_files_in_somebody_elses_storage(home, refused):
    (home / "disk").mkdir()
    os.chown(home / "disk", 65534, 65534)
    code, error, hint = refused("serve", "--storage", f"{home}/disk")
    assert (code, hint.split(" -u ")[0]) == (2, "run this as its owner: sudo")
    assert error.startswith(f"{home}/disk belongs to ")
    assert list(Path(home / "disk").iterdir()) == []


def test_a_storage_that_everybody_can_read_is_refused(data, refused):
    add_user("anna")
    data.chmod(0o755)
    where = f"{data} is open to every user of this machine"
    assert refused("serve") == (1, where, f"chmod 700 {data}")


def test_a_certificate_that_cannot_be_used_is_found_before_anything_is_created(
    home, refused, monkeypatch
):
    monkeypatch.setenv("PYCARDDAV_SERVER__KEY", f"{home}/key.pem")
    message = "[server] key is of no use without [server] certificate"
    assert refused("serve") == (1, message, "")
    monkeypatch.setenv("PYCARDDAV_SERVER__CERTIFICATE", f"{home}/cert.pem")
    assert refused("serve") == (1, f"{home}/cert.pem: No such file or directory", "")
    assert list(home.iterdir()) == []


@pytest.mark.skipif(not shutil.which("openssl"), reason="certificates need openssl")
def test_with_a_certificate_the_address_is_https(home, monkeypatch):
    certificate, key = str(home / "cert.pem"), str(home / "key.pem")
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=x"]
    command = ["openssl", "req", "-x509", "-nodes", *kind, "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    monkeypatch.setenv("PYCARDDAV_SERVER__CERTIFICATE", certificate)
    monkeypatch.setenv("PYCARDDAV_SERVER__KEY", key)
    with served() as server:
        server.read("Open")
        port = int(re.search(r"https://127\.0\.0\.1:(\d+)/", server.lines[-1])[1])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(certificate)
        context.check_hostname = False
        with socket.create_connection(("127.0.0.1", port), LONGEST) as plain:
            context.wrap_socket(plain).close()
