"""``pycarddav serve --check``: a whole server with throw-away data, and the doctor's visit."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ..auth import accounts
from ..auth.passwords import random_password
from ..client import Access
from ..config.schema import Config
from ..doctor import Visit, examine
from ..serve import site
from . import doctor
from .failures import failures

USER = "check"


def run(config: Config) -> int:
    """Say how each check went."""
    from tempfile import TemporaryDirectory  # 10 ms that a server does not need

    with (
        failures(),
        TemporaryDirectory(prefix="pycarddav-check-") as folder,
        serving(throw_away(config, Path(folder))) as visit,
    ):
        return doctor.report(examine(visit))


def throw_away(config: Config, folder: Path) -> Config:
    """The same server, on a free port of this machine, with nothing in it."""
    return replace(
        config,
        server=replace(config.server, host=("127.0.0.1",), port=0, certificate=None, key=None),
        storage=replace(config.storage, folder=folder),
        auth=replace(config.auth, type=("htpasswd",), htpasswd=folder / ".htpasswd"),
    )


@contextmanager
def serving(config: Config) -> Iterator[Visit]:
    """A visit to a server that runs as long as the block."""
    password = random_password()
    accounts.add_user(config.auth.htpasswd, USER, password)
    with site.listening(config) as bound, site.serving(config, bound) as server:
        thread = threading.Thread(target=server.run)
        thread.start()
        host, port = server.address
        try:
            url = f"http://{host}:{port}{config.server.base_path}/"
            yield Visit(url, Access(USER, password), own=True)
        finally:
            server.stop()
            thread.join()
