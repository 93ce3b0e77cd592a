"""contrib/'s configurations of proxies, as they stand but for name, port and certificate."""

import pathlib
import subprocess
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from harness import connect, free_port

CONTRIB = pathlib.Path(__file__).parents[2] / "contrib"
NGINX = "pid {work}/pid;\ndaemon off;\nevents {{}}\nhttp {{\naccess_log off;\n{site}\n}}"

CADDY = ("caddy", "run", "--adapter", "caddyfile", "--config")


@dataclass(frozen=True)
class Proxy:
    """*base* is the path under which it publishes the server."""

    command: tuple[str, ...]
    configuration: Callable[[pathlib.Path, int], str]
    base: str = ""


def nginx(work: pathlib.Path, port: int) -> str:
    site = changed(
        (CONTRIB / "nginx" / "pycarddav.conf").read_text(),
        {
            "listen 443 ssl http2;": f"listen 127.0.0.1:{port};",
            "listen [::]:443 ssl http2;": "",
            "listen 80;": f"listen unix:{work}/http;",
            "listen [::]:80;": "",
            "ssl_certificate ": "#",
            "ssl_certificate_key ": "#",
        },
    )
    return NGINX.format(work=work, site=site)


def nginx_subpath(work: pathlib.Path, port: int) -> str:
    site = (CONTRIB / "nginx" / "pycarddav-subpath.conf").read_text()
    return NGINX.format(work=work, site=f"server {{ listen 127.0.0.1:{port};\n{site} }}")


def caddy(work: pathlib.Path, port: int) -> str:
    site = (CONTRIB / "caddy" / "Caddyfile").read_text()
    return "{\nadmin off\n}\n" + changed(
        site, {"contacts.example.org {": f"http://127.0.0.1:{port} {{"}
    )


def caddy_subpath(work: pathlib.Path, port: int) -> str:
    site = (CONTRIB / "caddy" / "Caddyfile-subpath").read_text()
    return f"{{\nadmin off\n}}\nhttp://127.0.0.1:{port} {{\n{site}}}\n"


PROXIES = {
    "nginx": Proxy(("nginx", "-e", "stderr", "-c"), nginx),
    "nginx at a path": Proxy(("nginx", "-e", "stderr", "-c"), nginx_subpath, "/contacts"),
    "Caddy": Proxy(CADDY, caddy),
    "Caddy at a path": Proxy(CADDY, caddy_subpath, "/contacts"),
}


def changed(text: str, replacements: dict[str, str]) -> str:
    for old, new in replacements.items():
        assert old in text, f"{old!r} is no longer there: this test has to follow contrib/"
        text = text.replace(old, new)
    return text


@contextmanager
def behind(proxy: Proxy, url: str, work: pathlib.Path) -> Iterator[str]:
    """The URL under which *proxy* publishes the server at *url*."""
    port = free_port()
    upstream = urllib.parse.urlsplit(url).netloc
    file, log = work / "configuration", work / "proxy-log"
    file.write_text(changed(proxy.configuration(work, port), {"127.0.0.1:5236": upstream}))
    with log.open("w") as output:
        process = subprocess.Popen([*proxy.command, str(file)], stderr=output, stdout=output)
    try:
        connect(port, process).close()
    except ConnectionRefusedError:
        sys.exit(f"{proxy.command[0]} does not start: {log.read_text()}")
    try:
        yield f"http://127.0.0.1:{port}{proxy.base}/"
    finally:
        process.terminate()
        process.wait(30)
