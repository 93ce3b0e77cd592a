"""What contrib/ has is what the commands print: nothing in it is a fact of its own."""

from pathlib import Path

import pytest

from pycarddav import __version__
from pycarddav.cli.proxy import FORMS, snippet
from pycarddav.config.schema import Config

CONTRIB = Path(__file__).parents[1] / "contrib"
PROXIES = {
    "nginx/pycarddav.conf": "nginx",
    "nginx/pycarddav-subpath.conf": "nginx-path",
    "caddy/Caddyfile": "caddy",
    "caddy/Caddyfile-subpath": "caddy-path",
    "apache/pycarddav.conf": "apache",
    "apache/pycarddav-subpath.conf": "apache-path",
    "haproxy/pycarddav.cfg": "haproxy",
    "haproxy/pycarddav-subpath.cfg": "haproxy-path",
    "traefik/pycarddav.yml": "traefik",
    "traefik/pycarddav-subpath.yml": "traefik-path",
}


@pytest.mark.parametrize(("file", "form"), PROXIES.items(), ids=PROXIES)
def test_a_proxys_file_is_what_the_command_prints(file, form):
    proxy, _, at_a_path = form.partition("-")
    printed = snippet(proxy, Config(), "contacts.example.org", "/contacts" if at_a_path else "")
    assert (CONTRIB / file).read_text() == printed, (
        f"pycarddav proxy {proxy} "
        + ("--path /contacts" if at_a_path else "--domain contacts.example.org")
        + f" > contrib/{file}"
    )


def test_every_form_is_in_contrib():
    assert {file.name for file in FORMS.iterdir()} == set(PROXIES.values())


def test_the_debian_package_has_the_version():
    changelog = (CONTRIB / "debian" / "changelog").read_text()
    assert changelog.startswith(f"pycarddav ({__version__}-1) ")


def test_the_image_listens_where_compose_and_health_look_for_it():
    docker = CONTRIB / "docker"
    port = Config().server.port
    assert f"EXPOSE {port}\n" in (docker / "Dockerfile").read_text()
    assert f'"127.0.0.1:{port}:{port}"' in (docker / "compose.yaml").read_text()
    assert f"pycarddav:{port}\n" in (docker / "compose.caddy.yaml").read_text()
