"""contrib/'s configurations of proxies, as they stand but for name, port and certificate."""

import pathlib
import subprocess
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from harness import Server, card, connect, expect, free_port

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


# The smallest Apache that can do what contrib/'s files ask of it.
APACHE = """\
ServerRoot {work}
PidFile {work}/pid
ErrorLog {work}/proxy-log
Mutex file:{work}
ServerName localhost
{modules}
Listen 127.0.0.1:{port}
"""
MODULES = (
    "mpm_event authn_core authz_core alias env setenvif headers proxy proxy_http ssl socache_shmcb"
)


def apache_base(work: pathlib.Path, port: int) -> str:
    folder = "/usr/lib/apache2/modules"
    modules = [f"LoadModule {name}_module {folder}/mod_{name}.so" for name in MODULES.split()]
    return APACHE.format(work=work, port=port, modules="\n".join(modules))


def apache(work: pathlib.Path, port: int) -> str:
    site = (CONTRIB / "apache" / "pycarddav.conf").read_text()
    _, _, secure = site.partition("</VirtualHost>")
    changes = {"*:443": f"127.0.0.1:{port}", "SSLEngine on": "SSLEngine off", "SSLCertificate": "#"}
    return apache_base(work, port) + changed(secure, changes)


def apache_subpath(work: pathlib.Path, port: int) -> str:
    site = (CONTRIB / "apache" / "pycarddav-subpath.conf").read_text()
    return f"{apache_base(work, port)}<VirtualHost 127.0.0.1:{port}>\n{site}</VirtualHost>\n"


HAPROXY = "defaults\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n"


def haproxy(work: pathlib.Path, port: int) -> str:
    site = (CONTRIB / "haproxy" / "pycarddav.cfg").read_text()
    return HAPROXY + changed(
        site,
        {
            "bind :::80 v4v6": f"bind 127.0.0.1:{port}",
            "bind :::443": "# bind",
            "http-request redirect": "# http-request redirect",
        },
    )


def haproxy_subpath(work: pathlib.Path, port: int) -> str:
    site = (CONTRIB / "haproxy" / "pycarddav-subpath.cfg").read_text()
    rules = [line.removeprefix("#") for line in site.splitlines() if line.startswith("#    ")]
    bound = ["frontend site", " mode http", f" bind 127.0.0.1:{port}"]
    return HAPROXY + "\n".join([*bound, *rules, site])


PROXIES = {
    "nginx": Proxy(("nginx", "-e", "stderr", "-c"), nginx),
    "nginx at a path": Proxy(("nginx", "-e", "stderr", "-c"), nginx_subpath, "/contacts"),
    "Caddy": Proxy(CADDY, caddy),
    "Caddy at a path": Proxy(CADDY, caddy_subpath, "/contacts"),
    "Apache": Proxy(("apache2", "-X", "-f"), apache),
    "Apache at a path": Proxy(("apache2", "-X", "-f"), apache_subpath, "/contacts"),
    "HAProxy": Proxy(("haproxy", "-db", "-f"), haproxy),
    "HAProxy at a path": Proxy(("haproxy", "-db", "-f"), haproxy_subpath, "/contacts"),
}


def carries(server: Server, log: pathlib.Path) -> None:
    """Paths, also of a destination, and ETags arrive as they are, and the log knows who asked."""
    server.connection.source_address = ("127.0.0.2", 0)
    server.headers["X-Forwarded-For"] = "203.0.113.9"  # which anybody can say
    server.headers["Accept-Encoding"] = "gzip, br"
    with server.book() as book:
        name = urllib.parse.quote("a;b%2Fc?d#e+f&g 'ü.vcf", safe="")
        book.put(name, card("1", "Ada"))
        [(found, etag)] = book.etags().items()
        expect(urllib.parse.unquote(found), urllib.parse.unquote(name))
        expect(etag[:1], '"')
        expect("FN:Ada" in book.get(found), True)
        server.connection.request("PUT", f"{book.path}a%2Fb.vcf", card("2", "Eve"), server.headers)
        answer = server.connection.getresponse()
        expect((answer.status, b"has no slash" in answer.read()), (403, True))
        target = urllib.parse.urljoin(server.url, f"{book.path}moved.vcf")
        server.request("MOVE", book.path + found, Destination=target)
        expect(book.etags(), {"moved.vcf": etag})
    logged = log.read_text()
    expect(("from=127.0.0.2 user=" in logged, "from=203.0.113.9" in logged), (True, False))


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
