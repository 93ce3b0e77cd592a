"""The commands that print what other programs are to be configured with: dns and proxy."""

import json

import pytest

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def configured(home):
    def configure(server):
        (home / "config.ini").write_text(f"[server]\n{server}\n")
        return "--config", str(home / "config.ini")

    return configure


def test_a_zone_says_where_the_service_is_and_that_none_is_without_tls(cli):
    assert cli("dns", "Example.org.", "--target", "contacts.example.org") == (
        0,
        "_carddavs._tcp.example.org. 3600 IN SRV 0 1 443 contacts.example.org.\n"
        '_carddavs._tcp.example.org. 3600 IN TXT "path=/"\n'
        "_carddav._tcp.example.org. 3600 IN SRV 0 0 0 .\n",
        "",
    )


def test_a_zone_knows_port_and_path_from_the_configuration(cli, configured):
    options = configured("port = 8443\ncertificate = /x.pem\nbase_path = /c/")
    _, out, _ = cli("dns", "example.org", "--json", *options)
    values = [record["value"] for record in json.loads(out)["records"]]
    assert values == ["0 1 8443 example.org.", '"path=/c/"', "0 0 0 ."]
    _, out, _ = cli("dns", "example.org", "--json", "--public-port", "444", *options)
    assert json.loads(out)["records"][0]["value"] == "0 1 444 example.org."


@pytest.mark.parametrize("name", ["-a.org", "a_b.org", "a..org", "ä.org", "a.org/", "", "a" * 64])
def test_what_is_no_host_name_gets_into_no_zone(cli, name):
    code, out, err = cli("dns", f" {name}" if name.startswith("-") else name)
    assert (code, out) == (2, "")
    assert "is no host name" in err


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("port = 80", "server 127.0.0.1:80;"),
        ("host = 0.0.0.0", "server 127.0.0.1:5236;"),
        ("host = ::", "server [::1]:5236;"),
        ("host = unix:/run/p.sock", "server unix:/run/p.sock;"),
        ("max_body_size = 5k", "client_max_body_size 5k;"),
        ("max_body_size = 1025", "client_max_body_size 1025;"),
        ("base_path = /c", "location /c/ {"),
    ],
)
def test_a_proxy_is_told_what_is_configured(cli, configured, server, expected):
    code, out, _ = cli("proxy", "nginx", "--domain", "example.org", *configured(server))
    assert code == 0
    assert expected in out


def test_what_the_configuration_lacks_is_said(cli, configured):
    _, _, err = cli("proxy", "caddy", "--path", "/c")
    assert [line.partition(": ")[2] for line in err.splitlines()] == [
        "base_path = /c",
        "trusted_proxies = 127.0.0.1",
    ]
    options = configured("base_path = /c\ntrusted_proxies = 127.0.0.1")
    assert cli("proxy", "caddy", *options)[2] == ""


@pytest.mark.parametrize("path", ["/a;b", "/a b", "relative", "/{x}", "/$host"])
def test_a_path_that_a_proxy_would_read_otherwise_is_refused(cli, path):
    assert cli("proxy", "nginx", "--path", path)[:2] == (2, "")
