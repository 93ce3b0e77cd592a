"""contrib/ repeats some facts, for there is no other way; here they are held to their homes."""

import re
from pathlib import Path

import pytest

from pycarddav.config.schema import Config

CONTRIB = Path(__file__).parents[1] / "contrib"
NGINX = sorted(CONTRIB.glob("nginx/*.conf"))
PROXIES = [*NGINX, CONTRIB / "caddy" / "Caddyfile"]


@pytest.mark.parametrize("file", PROXIES, ids=lambda file: file.name)
def test_a_proxy_asks_where_the_server_listens(file):
    server = Config().server
    assert set(re.findall(r"127\.0\.0\.1:\d+", file.read_text())) == {
        f"{server.host}:{server.port}"
    }


@pytest.mark.parametrize("file", NGINX, ids=lambda file: file.name)
def test_nginx_lets_through_what_the_server_takes(file):
    [size] = re.findall(r"^ *client_max_body_size (\d+)m;$", file.read_text(), re.MULTILINE)
    assert int(size) << 20 == Config().server.max_body_size
