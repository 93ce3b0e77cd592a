"""``pycarddav tls``: certificates for who has no authority that signs them."""

import hashlib
import ipaddress
import ssl
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from datetime import datetime, timedelta
from pathlib import Path

from ..config import Loaded
from ..serve import self_signed
from ..serve.self_signed import AUTHORITY, CERTIFICATE, DAYS, KEY, CannotMake
from ..serve.sockets import own_addresses, own_names
from . import console, storage
from .console import Exit, Failure
from .domain import domain
from .options import add_options, loaded

FOLDER = ".tls"  # in the storage: whoever has that as well may read the key

ADVICE = """\
what phones and computers are to trust is {authority}
* iPhone, iPad: send it to the device (AirDrop, mail) and install it under Settings, General,
  VPN & Device Management; then switch it on under General, About, Certificate Trust Settings.
  Until then they say "Cannot Verify Server Identity"
* Android: install it under Settings, Security, More, Encryption & credentials, as a CA
  certificate. DAVx5 can do without, and shows a fingerprint (SHA-256), which must be
  {fingerprint}
* Mac, Windows, Firefox, Thunderbird: import it as an authority for web sites
it vouches for this certificate and nothing else: its own key was not kept
the certificate ends on {end}; make another one before, which has to be trusted again"""


def add_arguments(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    make = actions.add_parser(
        "self-signed", help="make a certificate and a key for the local network"
    )
    make.add_argument(
        "--name",
        metavar="N",
        dest="names",
        action="append",
        type=domain,
        help="a name of the server; may be given again. Otherwise, those of this machine",
    )
    make.add_argument(
        "--address",
        metavar="A",
        dest="addresses",
        action="append",
        type=address,
        help="an IP address of the server; may be given again. Otherwise, that of this machine",
    )
    make.add_argument(
        "--out", metavar="DIR", type=Path, help=f"where; otherwise {FOLDER} in the storage"
    )
    add_options(make, "storage")


def run(args: Namespace) -> int:
    found = loaded(args)
    folder = args.out.absolute() if args.out else _in_the_storage(found)
    names = _own_names() if args.names is None else args.names
    addresses = own_addresses() if args.addresses is None else args.addresses
    if not (names or addresses):
        raise Failure("what is the server called?", "--name contacts.local", Exit.USAGE)
    try:
        self_signed.make(folder, names, addresses)
    except FileExistsError:
        hint = "--out makes another one; move this away to make it anew"
        raise Failure(f"{folder} is there already", hint, Exit.CONFLICT) from None
    except CannotMake as error:
        raise Failure(str(error)) from error
    print(f"[server]\nhost = 0.0.0.0\ncertificate = {folder / CERTIFICATE}\nkey = {folder / KEY}")
    where = ", ".join([*names, *map(str, addresses)])
    console.note(f"this goes into the configuration; the certificate is for {where}")
    for line in advice(folder).splitlines():
        console.note(line)
    return Exit.OK


def address(word: str) -> str:
    try:
        return str(ipaddress.ip_address(word))
    except ValueError:
        raise ArgumentTypeError(f'"{word}" is no IP address') from None


def advice(folder: Path) -> str:
    """What the certificate needs to be believed."""
    der = ssl.PEM_cert_to_DER_cert((folder / CERTIFICATE).read_text())
    fingerprint = hashlib.sha256(der).digest().hex(":").upper()
    end = (datetime.now().astimezone() + timedelta(days=DAYS)).date()
    return ADVICE.format(end=end, authority=folder / AUTHORITY, fingerprint=fingerprint)


def _in_the_storage(found: Loaded) -> Path:
    if storage.is_new(found):
        hint = "the first `pycarddav serve` begins one; or choose a folder with --out"
        raise Failure(f"there is no storage in {found.config.storage.folder}", hint, Exit.NOT_FOUND)
    storage.check_access(found.config.storage.folder)
    return found.config.storage.folder / FOLDER


def _own_names() -> list[str]:
    """The names that can stand in a certificate: a machine may call itself anything."""
    names = []
    for name in own_names():
        try:
            names.append(domain(name))
        except ArgumentTypeError as error:
            console.warn(str(error))
    return names
