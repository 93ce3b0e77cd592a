"""``pycarddav tls self-signed``: what it makes is believed by who trusts its authority."""

import re
import shutil
import ssl
import subprocess

import pytest
from wire import Client, echo, serving

from pycarddav.serve.sockets import own_addresses, own_names
from pycarddav.serve.tls import Certificate

pytestmark = [
    pytest.mark.usefixtures("home"),
    pytest.mark.skipif(not shutil.which("openssl"), reason="certificates need openssl"),
]

OPTIONS = ("--name", "localhost", "--name", "pi.local", "--address", "127.0.0.1")


def openssl(*words):
    done = subprocess.run(["openssl", *words], check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture
def made(cli, home):
    """The folder, and what was said."""
    folder = home / "tls"
    code, out, err = cli("tls", "self-signed", *OPTIONS, "--out", str(folder))
    assert code == 0, err
    return folder, out, err


def test_a_certificate_is_what_apples_devices_demand(made):
    folder, _, _ = made
    names = ("-verify_hostname", "pi.local", "-verify_ip", "127.0.0.1", "-attime")
    strict = ("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", folder / "ca.crt")
    now = int((folder / "ca.crt").stat().st_mtime)
    day = 24 * 3600
    assert openssl(*strict, *names, str(now + 819 * day), folder / "certificate.pem")
    with pytest.raises(subprocess.CalledProcessError, match="openssl"):
        openssl(*strict, *names, str(now + 824 * day), folder / "certificate.pem")
    text = openssl("x509", "-in", folder / "certificate.pem", "-noout", "-text")
    assert "TLS Web Server Authentication" in text
    assert "DNS:localhost, DNS:pi.local, IP Address:127.0.0.1" in text


def test_the_key_is_its_owners_and_the_authoritys_is_gone(made):
    folder, _, _ = made
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "key.pem").stat().st_mode & 0o777 == 0o600
    files = {path.name: path.read_text() for path in folder.iterdir()}
    assert [*sorted(files)] == ["ca.crt", "certificate.pem", "key.pem"]
    assert [name for name, text in files.items() if "PRIVATE KEY" in text] == ["key.pem"]
    assert [*folder.parent.iterdir()] == [folder]


def test_a_client_that_trusts_the_authority_connects(made):
    folder, _, _ = made
    certificate = Certificate(folder / "certificate.pem", folder / "key.pem")
    trusting = ssl.create_default_context(cafile=folder / "ca.crt")
    with (
        serving(echo, certificate=certificate) as address,
        Client(address, tls=trusting) as client,
    ):
        assert client.ask("GET / HTTP/1.1")[0] == 200
    assert not certificate.trouble()


def test_what_is_printed_is_the_configuration_and_how_to_trust_it(cli, home, made):
    folder, out, err = made
    (home / "config.ini").write_text(out)
    _, shown, _ = cli("config", "show", "--config", str(home / "config.ini"))
    assert f"server.certificate\t{folder}/certificate.pem\t" in shown
    fingerprint = openssl(
        "x509", "-in", folder / "certificate.pem", "-noout", "-fingerprint", "-sha256"
    )
    assert fingerprint.strip().partition("=")[2] in err
    assert "iPhone" in err
    assert "Android" in err


def test_nothing_is_overwritten(cli, made):
    folder, _, _ = made
    before = {path: path.read_bytes() for path in folder.iterdir()}
    code, out, err = cli("tls", "self-signed", *OPTIONS, "--out", str(folder))
    assert (code, out, err.splitlines()[0]) == (
        4,
        "",
        f"pycarddav: error: {folder} is there already",
    )
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--name", "a b"], 2, '"a b" is no host name'),
        (["--name", "a.org, IP:192.0.2.1"], 2, "is no host name"),
        (["--address", "192.0.2"], 2, '"192.0.2" is no IP address'),
        (["--out", "/nowhere/at/all"], 1, "/nowhere/at/all: No such file or directory"),
        ([], 3, "there is no storage"),
    ],
)
def test_what_cannot_be_made_is_one_line(cli, options, code, message):
    found, out, err = cli("tls", "self-signed", *options)
    assert (found, out) == (code, "")
    assert message in err.splitlines()[0]


def test_without_openssl_that_is_said(cli, home, monkeypatch):
    monkeypatch.setenv("PATH", str(home))
    code, out, err = cli("tls", "self-signed", *OPTIONS, "--out", str(home / "tls"))
    assert (code, out, "install the package openssl" in err) == (1, "", True)
    assert not [*home.iterdir()]


def test_a_machine_knows_its_names_and_its_address(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "Pi.example.org")
    assert own_names() == ["pi.local", "pi.example.org"]
    assert all(re.fullmatch(r"[\d.]+", address) for address in own_addresses())


AUTHORITY = """
[ca]
default_ca = old
[old]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
"""


def test_a_certificate_that_has_expired_is_said_and_served(tmp_path, caplog):
    old, key, request, configuration = (
        tmp_path / name for name in ("old.pem", "key.pem", "request", "configuration")
    )
    (tmp_path / "index").touch()
    configuration.write_text(AUTHORITY.format(folder=tmp_path))
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-new", *new_key, "-keyout", key, "-subj", "/CN=old", "-out", request)
    openssl(
        *("ca", "-batch", "-selfsign", "-keyfile", key, "-in", request, "-config", configuration),
        *("-startdate", "20200101000000Z", "-enddate", "20200102000000Z", "-out", old),
    )
    certificate = Certificate(old, key)
    assert certificate.trouble() == f"{old}: certificate has expired"
    certificate.reload()
    assert caplog.messages == [certificate.trouble()]
