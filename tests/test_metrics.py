"""/.metrics: what is counted, and who may read it; and the log as JSON."""

import base64
import json
import logging
import re
from dataclasses import replace

import pytest
from logins import served

from pycarddav.auth import accounts
from pycarddav.config import load
from pycarddav.model import AddressBook, Home
from pycarddav.protocol.cache import Caches
from pycarddav.protocol.messages import Request, Response
from pycarddav.serve import site
from pycarddav.serve.log import Answer, Json, log_answer
from pycarddav.serve.metrics import Metrics, Requests, may_read
from pycarddav.serve.wsgi import Application

CARD = b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:a\r\nFN:Ada\r\nEND:VCARD\r\n"
TOKEN = "0123456789abcdef"
LINE = r'([a-z_]+)((?:\{(?:[a-z]+="[^"\\\n]*",?)+\})?) ([0-9.e+-]+)'


def numbers(page):
    """name{labels} -> value; every line has the form of the format's version 0.0.4."""
    found = {}
    for line in page.splitlines():
        if not line.startswith(("# HELP pro", "# HELP py", "# TYPE p")):
            name, labels, value = re.fullmatch(LINE, line).groups()
            found[name + labels] = float(value)
    return found


def authorization(user, password):
    return "Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PYCARDDAV_SERVER__PORT", "0")
    monkeypatch.setenv("PYCARDDAV_SERVER__METRICS", "local")
    config = load().config
    with site.store(config) as store:
        accounts.add_user(config.auth.htpasswd, "alice", "correct horse")
        store.save_home(Home("alice"))
        store.save_book(AddressBook("alice", "friends"))
    return config


def test_what_has_happened_can_be_read_on_the_same_machine(config):
    with served(config) as client:
        alice = authorization("alice", "correct horse")
        client.ask(f"PUT /alice/friends/a.vcf HTTP/1.1\r\n{alice}", CARD)
        client.ask("PROPFIND / HTTP/1.1")
        client.ask(f"GET / HTTP/1.1\r\n{authorization('alice', 'wrong')}")
        client.ask("GET /.health HTTP/1.1")
        status, headers, body = client.ask("GET /.metrics HTTP/1.1")
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    found = numbers(body.decode())
    assert {
        name: value for name, value in found.items() if name.startswith("pycarddav_requests")
    } == {
        'pycarddav_requests_total{method="PUT",status="201"}': 1,
        'pycarddav_requests_total{method="PROPFIND",status="401"}': 1,
        'pycarddav_requests_total{method="GET",status="401"}': 1,
        'pycarddav_requests_total{method="GET",status="200"}': 1,
    }
    assert found['pycarddav_request_seconds_count{method="GET"}'] == 2
    assert found['pycarddav_request_seconds_bucket{method="GET",le="+Inf"}'] == 2
    assert found["pycarddav_received_bytes_total"] == len(CARD)
    assert found["pycarddav_logins_failed_total"] == 1
    kinds = ("healthy", "users", "books", "cards", "cards_bytes")
    assert [found[f"pycarddav_{kind}"] for kind in kinds] == [1, 1, 1, 1, len(CARD)]
    assert found["pycarddav_fsync_seconds_count"] >= 2
    assert found["process_resident_memory_bytes"] > 2**20


def test_a_storage_that_has_gone_leaves_the_other_numbers(config, tmp_path):
    with site.store(config) as store:
        page = Metrics(store, site.Health(store), Caches()).page
        folder = config.storage.folder
        folder.rename(folder.with_name("away"))
        found = numbers(page())
        folder.with_name("away").rename(folder)
    assert found["pycarddav_healthy"] == 0
    assert "pycarddav_cards" not in found
    assert "process_cpu_seconds_total" in found


def test_a_client_cannot_make_the_page_long():
    requests = Requests()
    for number in range(1000):
        requests.tell(Answer(Request(f"BREW{number}", "/"), 405, "", 0.002, 0))
    names = {sample.labels["method"] for item in requests.families() for sample in item.samples
             if "method" in sample.labels}  # fmt: skip
    assert names == {"other"}


def test_a_duration_is_in_every_bucket_from_its_own_on():
    requests = Requests()
    for seconds in (0.0005, 0.003, 99):
        requests.tell(Answer(Request("GET", "/"), 200, "", seconds, 0))
    (histogram,) = (item for item in requests.families() if item.kind == "histogram")
    found = {(sample.suffix, sample.labels.get("le")): sample.value for sample in histogram.samples}
    assert [found["_bucket", most] for most in ("0.001", "0.0025", "0.005", "10.0", "+Inf")] == [
        1, 1, 2, 2, 3,
    ]  # fmt: skip
    assert (found["_sum", None], found["_count", None]) == (99.0035, 3)


@pytest.mark.parametrize(
    ("remote", "headers", "local", "token", "expected"),
    [
        ("127.0.0.1", {}, True, "", True),
        ("::1", {}, True, "", True),
        ("127.0.0.1", {}, False, "", False),
        ("127.0.0.1", {}, False, TOKEN, False),
        ("192.0.2.1", {}, True, "", False),
        ("localhost", {}, True, "", False),
        ("127.0.0.1", {"x-forwarded-for": "192.0.2.1"}, True, "", False),
        ("127.0.0.1", {"forwarded": "for=192.0.2.1"}, True, "", False),
        ("192.0.2.1", {"authorization": f"Bearer {TOKEN}"}, False, TOKEN, True),
        ("192.0.2.1", {"authorization": f"bearer {TOKEN}"}, False, TOKEN, True),
        ("192.0.2.1", {"authorization": f"Bearer {TOKEN}x"}, False, TOKEN, False),
        ("192.0.2.1", {"authorization": "Bearer \xff"}, False, TOKEN, False),
        ("192.0.2.1", {"authorization": "Bearer "}, False, "", False),
        ("192.0.2.1", {"authorization": f"Basic {TOKEN}"}, False, TOKEN, False),
    ],
)
def test_who_may_read_the_numbers(remote, headers, local, token, expected):
    assert may_read(Request("GET", "/.metrics", headers, remote=remote), local, token) is expected


def test_to_others_it_is_a_url_like_any_other(config):
    config = replace(config, server=replace(config.server, metrics="off", metrics_token=TOKEN))
    with served(config) as client:
        said = [client.ask(f"GET {url} HTTP/1.1")[::2] for url in ("/.metrics", "/nothing")]
    assert said[0] == said[1]
    assert said[0][0] == 401


@pytest.mark.usefixtures("home")
def test_a_secret_is_never_shown(cli, monkeypatch):
    monkeypatch.setenv("PYCARDDAV_SERVER__METRICS_TOKEN", TOKEN)
    for words in (["config", "show"], ["config", "show", "--json"]):
        said = "".join(map(str, cli(*words)))
        assert "(secret)" in said
        assert TOKEN not in said
    monkeypatch.setenv("PYCARDDAV_SERVER__METRICS_TOKEN", "too short")
    assert cli("config", "check")[2] == (
        "pycarddav: error: PYCARDDAV_SERVER__METRICS_TOKEN: (secret) is not a token:"
        " at least 16 letters and digits\n"
    )


# The log as JSON


@pytest.fixture
def logged(caplog):
    """What was logged, as the objects that its lines are."""
    caplog.set_level(logging.INFO)
    return lambda: [json.loads(Json().format(record)) for record in caplog.records]


def test_a_line_of_json_has_every_fact_of_a_request_by_its_name(logged):
    headers = {"user-agent": 'DAVx5 "4"\n', "authorization": "Basic c2VjcmV0"}
    request = Request("PROPFIND", "/alice/\ud800", headers, b"BEGIN:VCARD", "192.0.2.1")
    log_answer(Answer(request, 207, "alice", 0.0123, 4096))
    (said,) = logged()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", said.pop("time"))
    assert said == {
        "level": "info", "message": "request", "from": "192.0.2.1", "user": "alice",
        "method": "PROPFIND", "path": "/alice/\ud800", "status": 207, "ms": 12.3, "octets": 4096,
        "ua": 'DAVx5 "4"\n',
    }  # fmt: skip


def test_what_goes_wrong_is_one_line_of_json_too(logged, caplog):
    try:
        raise ValueError("no\nthing")
    except ValueError:
        logging.getLogger("pycarddav").exception("GET %s", "/")
    (said,) = logged()
    assert (said["level"], said["message"]) == ("error", "GET /")
    assert "ValueError: no\nthing" in said["traceback"]


def test_who_asks_whether_all_is_well_is_logged_when_it_is_not(logged):
    answers = [Answer(Request("GET", "/.health"), status, "", 0.0, 3) for status in (200, 503)]
    for answer in answers:
        log_answer(answer)
    assert [said["status"] for said in logged()] == [503]


def test_whoever_is_told_of_answers_hears_of_each():
    heard = []
    app = Application(lambda request: Response(204), told=heard.append)
    environ = {"REQUEST_METHOD": "GET", "REQUEST_URI": "/", "HTTP_HOST": "a", "REMOTE_ADDR": ""}
    app({**environ, "wsgi.url_scheme": "http"}, lambda *args: None)
    assert [(answer.request.path, answer.status) for answer in heard] == [("/", 204)]


def test_no_secret_is_written_down_at_any_level(config, caplog):
    caplog.set_level(logging.DEBUG)
    logins = [authorization("alice", password) for password in ("correct horse", "n0t-this-one")]
    with served(config) as client:
        for login in logins:
            client.ask(f"PUT /alice/friends/a.vcf HTTP/1.1\r\n{login}", CARD)
        client.ask(f"GET /.metrics HTTP/1.1\r\nAuthorization: Bearer {TOKEN}")
    said = "\n".join(Json().format(record) for record in caplog.records)
    assert "login failed" in said
    encoded = [login.split()[-1] for login in logins]
    secrets = ["correct horse", "n0t-this-one", *encoded, TOKEN, "FN:Ada"]
    assert [secret for secret in secrets if secret in said] == []
