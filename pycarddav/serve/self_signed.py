"""A certificate for the local network, by an authority that exists only to sign this one.

Phones ask for an authority to trust, and a certificate that is one itself could vouch for every
site there is, if its key were stolen.  So the authority's key is never written anywhere.

The openssl command makes them: it is on every machine that has certificates of authorities, while a
library (cryptography) would be larger than the server, for what is done every other year.
"""

import os
import secrets
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

DAYS = 820  # Apple's devices accept 825 (support.apple.com/103769), and a clock may be wrong

CERTIFICATE, KEY, AUTHORITY = "certificate.pem", "key.pem", "ca.crt"
EC = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")  # known to every device
STDIN = "/dev/stdin"

# RFC 5280 §4.2.1; Apple demands serverAuth and the names as alternative names.
CONFIGURATION = """\
[req]
distinguished_name = none
[none]
[ca]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""


class CannotMake(Exception):
    """There is no certificate; the message says why."""


def make(folder: Path, names: Sequence[str], addresses: Sequence[str]) -> None:
    """Make *folder*, for its owner alone, with certificate, key and authority.

    CannotMake, and then there is no folder; FileExistsError where there is something already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(folder)
    try:
        with tempfile.TemporaryDirectory(prefix=".tls-", dir=folder.parent) as parent:
            making = Path(parent) / "tls"
            making.mkdir(mode=0o700)
            _fill(making, names, addresses)
            making.rename(folder)
    except OSError as error:
        raise CannotMake(f"{folder}: {error.strerror}") from error


def _fill(folder: Path, names: Sequence[str], addresses: Sequence[str]) -> None:
    alternative = [f"DNS:{name}" for name in names] + [f"IP:{item}" for item in addresses]
    first = [*names, *addresses][0]
    configuration, request = folder / "configuration", folder / "request"
    configuration.write_text(CONFIGURATION.format(names=", ".join(alternative)))
    authority = _openssl("genpkey", *EC)
    (folder / AUTHORITY).write_bytes(
        _openssl(
            *("req", "-x509", "-key", STDIN, "-config", configuration, "-extensions", "ca"),
            *("-subj", _subject(f"pycarddav on {first}"), "-sha256", "-days", DAYS),
            stdin=authority,
        )
    )
    key = _openssl("genpkey", *EC)
    with open(folder / KEY, "xb", opener=_private) as file:
        file.write(key)
    request.write_bytes(
        _openssl(
            *("req", "-new", "-key", STDIN, "-config", configuration, "-subj", _subject(first)),
            stdin=key,
        )
    )
    (folder / CERTIFICATE).write_bytes(
        _openssl(
            *("x509", "-req", "-in", request, "-CA", folder / AUTHORITY, "-CAkey", STDIN),
            *("-extfile", configuration, "-extensions", "server", "-sha256", "-days", DAYS),
            *("-set_serial", f"0x{secrets.token_hex(15)}"),
            stdin=authority,
        )
    )
    configuration.unlink()
    request.unlink()


def _subject(name: str) -> str:
    return f"/CN={name[:64]}"  # the most that X.520 allows; nobody looks at it


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _openssl(*words: object, stdin: bytes = b"") -> bytes:
    """What it says.  CannotMake."""
    command = ["openssl", *map(str, words)]
    try:
        done = subprocess.run(  # noqa: S603 - no shell; names and addresses were checked
            command, input=stdin, capture_output=True, check=False, timeout=60
        )
    except FileNotFoundError:
        raise CannotMake("the openssl command is not there: install the package openssl") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise CannotMake(f"openssl {words[0]}: {said[-1] if said else done.returncode}")
    return done.stdout
