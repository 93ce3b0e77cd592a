"""nginx configured wrong, in each way that the doctor knows: doctor.py

Each is contrib/'s part for a path, with one thing changed. Needs Debian and root, to install nginx.
Ends with `N passed, N failed`; exit code 1 if anything failed.
"""

import pathlib
import secrets
import subprocess
import sys
import tempfile
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager

from harness import connect, free_ports
from proxies import CONTRIB, changed
from run import HERE, USER, served

from pycarddav.client import Access
from pycarddav.doctor import Visit, examine

BASE = "/contacts"
NGINX = """user root;
pid {work}/pid;
daemon off;
events {{}}
http {{
access_log off;
proxy_cache_path {work}/cache keys_zone=kept:1m;
{servers}
}}"""
TLS = """listen 127.0.0.1:{port} ssl;
ssl_certificate {work}/{name}.pem;
ssl_certificate_key {work}/key;"""
HTTP = "listen 127.0.0.1:{port};"

PASS = "decode %2F in the path.\n    proxy_pass http://127.0.0.1:5236;"
HOST = "    proxy_set_header Host $http_host;\n"
LOCATION = "location /contacts/ {\n"
WELL_KNOWN = "location = /.well-known/carddav {\n"

# What is changed in contrib/nginx/pycarddav-subpath.conf, and what the doctor is to find.
WRONG: dict[str, tuple[dict[str, str], str]] = {
    "nothing": ({}, ""),
    "a slash behind the port": (
        {PASS: PASS.replace("6;", "6/;")}, "redirect-nowhere not-carddav",
    ),
    "a path behind the port": (
        {PASS: PASS.replace("6;", "6/contacts/;")},
        "decoded-path",
    ),
    "another port": ({"127.0.0.1:5236": "127.0.0.1:1"}, "bad-gateway"),
    "no size": ({"client_max_body_size 32m;": ""}, "body-limit"),
    "compression": (
        {"gzip off;": "gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;"}, "weak-etag",
    ),
    "no Authorization": ({HOST: HOST + 'proxy_set_header Authorization "";'}, "stripped"),
    "no If-Match": ({HOST: HOST + 'proxy_set_header If-Match "";'}, "condition-ignored"),
    "no If-None-Match": (
        {HOST: HOST + 'proxy_set_header If-None-Match "";'}, "no-304 condition-ignored",
    ),
    "no Host": ({HOST: ""}, "host-lost"),
    "a login of its own": (
        {LOCATION: LOCATION + "auth_basic x; auth_basic_user_file /dev/null;"}, "login-refused",
    ),
    "no question for a login": (
        {LOCATION: LOCATION + "proxy_hide_header WWW-Authenticate;"}, "no-challenge",
    ),
    "few methods": (
        {LOCATION: LOCATION + "limit_except GET POST PUT DELETE { deny all; }"}, "method-refused",
    ),
    **{
        f"no {method}": (
            {LOCATION: LOCATION + f"if ($request_method = {method}) {{ return 405; }}"}, found,
        )
        for method, found in {
            "PROPFIND": "method-refused",
            "REPORT": "method-refused",
            "PUT": "method-refused",
            "MKCOL": "method-refused",
            "MOVE": "method-refused",
            "OPTIONS": "no-dav",
            "DELETE": "method-refused left-over",
        }.items()
    },
    "well-known is a file": ({WELL_KNOWN: "location = /nowhere {\n"}, "well-known-missing"),
    "well-known is a page": ({WELL_KNOWN: WELL_KNOWN + "return 200 hello;"}, "well-known-page"),
    "well-known is for GET": (
        {WELL_KNOWN: WELL_KNOWN + "return 303 /contacts/;"}, "redirect-status",
    ),
    "well-known leads inside": (
        {WELL_KNOWN: WELL_KNOWN + "return 301 http://127.0.0.1:5236/contacts/;"},
        "redirect-elsewhere",
    ),
    "well-known leads nowhere": (
        {WELL_KNOWN: WELL_KNOWN + "return 301 /dav/;"}, "redirect-nowhere",
    ),
    "well-known leads around": (
        {WELL_KNOWN: WELL_KNOWN + "return 301 /.well-known/carddav/;",
         LOCATION: "location = /.well-known/carddav/ { return 301 /.well-known/carddav; }\n"
         + LOCATION},
        "redirect-slash",
    ),
    "well-known without a slash": (
        {WELL_KNOWN: WELL_KNOWN + "return 301 /contacts;"}, "redirect-slash",
    ),
    "no slash, no answer": (
        {LOCATION: "location = /contacts { return 404; }\n" + LOCATION}, "slash",
    ),
    "a page for everything": (
        {LOCATION: "location / { return 200 hello; }\nlocation /dav/ {\n"},
        "login-page",
    ),
    "a cache": (
        {LOCATION: LOCATION + "proxy_cache kept; proxy_cache_valid 200 1m; "
         "proxy_ignore_headers Cache-Control Vary;"},
        "cached",
    ),
}  # fmt: skip

# By the name of a certificate and what is changed: what the doctor is to find by https.
ENCRYPTED: dict[str, tuple[str, dict[str, str], str]] = {
    "TLS": ("whole", {}, ""),
    "no intermediate certificate": ("leaf", {}, "tls-chain"),
    "a certificate of its own": ("self", {}, "tls-self-signed"),
    "an old certificate": ("old", {}, "tls-expired"),
    "a certificate for another name": ("other", {}, "tls-name"),
    "well-known leads out of TLS": (
        "whole", {WELL_KNOWN: WELL_KNOWN + "return 301 http://$http_host/contacts/;"},
        "redirect-plain",
    ),
}  # fmt: skip


def site(upstream: str, listen: str, changes: dict[str, str]) -> str:
    part = changed((CONTRIB / "nginx" / "pycarddav-subpath.conf").read_text(), changes)
    return f"server {{ {listen}\n{part.replace('127.0.0.1:5236', upstream)}\n}}"


def certificates(work: pathlib.Path) -> None:
    """A CA, one below it, and what servers show."""

    def run(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=work, check=True, capture_output=True)

    def sign(name: str, issuer: str, days: int, extension: str) -> None:
        (work / "extension").write_text(extension)
        run("req", "-new", "-key", "key", "-subj", f"/CN={name}", "-out", "request")
        run(
            *("x509", "-req", "-in", "request", "-CA", f"{issuer}.pem", "-CAkey", "key"),
            *(
                "-CAcreateserial",
                "-days",
                str(days),
                "-extfile",
                "extension",
                "-out",
                f"{name}.pem",
            ),
        )

    run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key")
    own = ("-addext", "subjectAltName=DNS:localhost")
    run("req", "-x509", "-new", "-key", "key", "-subj", "/CN=ca", "-days", "30", "-out", "ca.pem")
    run(*("req", "-x509", "-new", "-key", "key", "-subj", "/CN=self", *own, "-out", "self.pem"))
    sign("between", "ca", 30, "basicConstraints=critical,CA:TRUE")
    for name, days, host in (
        ("leaf", 30, "localhost"),
        ("old", -1, "localhost"),
        ("other", 30, "x"),
    ):
        sign(name, "between", days, f"subjectAltName=DNS:{host}")
    between = (work / "between.pem").read_text()
    (work / "whole.pem").write_text((work / "leaf.pem").read_text() + between)
    for name in ("old", "other"):
        (work / f"{name}.pem").write_text((work / f"{name}.pem").read_text() + between)


@contextmanager
def nginx(work: pathlib.Path, upstream: str) -> Iterator[dict[str, str]]:
    """The URL of each way."""
    urls, servers = {}, []
    ports = iter(free_ports(len(WRONG) + len(ENCRYPTED)))
    for name, (changes, _) in WRONG.items():
        port = next(ports)
        urls[name] = f"http://127.0.0.1:{port}{BASE}/"
        servers.append(site(upstream, HTTP.format(port=port), changes))
    for name, (certificate, changes, _) in ENCRYPTED.items():
        port = next(ports)
        urls[name] = f"https://localhost:{port}{BASE}/"
        listen = TLS.format(port=port, work=work, name=certificate)
        servers.append(site(upstream, listen, changes))
    (work / "nginx.conf").write_text(NGINX.format(work=work, servers="\n".join(servers)))
    process = subprocess.Popen(["nginx", "-e", "stderr", "-c", str(work / "nginx.conf")])
    try:
        connect(port, process).close()
        yield urls
    finally:
        process.terminate()
        process.wait(30)


def found(url: str, password: str, ca: pathlib.Path) -> list[str]:
    """What the doctor finds wrong, by name."""
    findings = examine(Visit(url, Access(USER, password, ca)))
    return [finding.name for finding in findings if finding.level != "ok"]


def main() -> int:
    subprocess.run([HERE / "debian-install", "nginx", "openssl"], check=True)
    expected = {name: row[-1].split() for name, row in (WRONG | ENCRYPTED).items()}
    failed, password = 0, secrets.token_urlsafe()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        certificates(work)
        settings = {"base_path": BASE, "trusted_proxies": "127.0.0.1"}
        with served(work, password, **settings) as url:
            upstream = urllib.parse.urlsplit(url).netloc
            with nginx(work, upstream) as urls:
                for name, names in expected.items():
                    seen = found(urls[name], password, work / "ca.pem")
                    failed += seen != names
                    print("ok    " if seen == names else "FAILED", f"{name}:", *seen, flush=True)
    print(f"{len(expected) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
