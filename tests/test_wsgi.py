"""WSGI to requests and back, without a server."""

import io
import json
import logging
import re

import pytest

from pycarddav.protocol.messages import Request, Response
from pycarddav.serve.log import Answer, quoted, size
from pycarddav.serve.proxy import Proxies
from pycarddav.serve.wsgi import LARGE, NOBODY, SECURITY, Application, redirect


class Wrapped:
    """A server's wsgi.file_wrapper."""

    def __init__(self, file, block_size):
        self.file, self.block_size = file, block_size

    def __iter__(self):
        return iter(lambda: self.file.read(self.block_size), b"")


def call(app, method="GET", uri="/", body=b"", **environ):
    """Status, headers and body of an answer."""
    answer = []
    environ = {
        "REQUEST_METHOD": method,
        "REQUEST_URI": uri,
        "HTTP_HOST": "dav.example.org",
        "REMOTE_ADDR": "192.0.2.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.file_wrapper": Wrapped,
        **({"CONTENT_LENGTH": str(len(body))} if body else {}),
        **environ,
    }
    environ = {name: value for name, value in environ.items() if value is not None}
    body = b"".join(app(environ, lambda status, headers: answer.extend([status, headers])))
    return answer[0], dict(answer[1]), body


def seen(uri="/", base="", proxies=NOBODY, **kwargs):
    """The request that arrives at the other side, or the status of the refusal."""
    requests = []

    def serve(request):
        requests.append(request)
        return Response(204)

    status, _, _ = call(Application(serve, base, 100, proxies), uri=uri, **kwargs)
    return requests[0] if requests else int(status[:3])


def test_a_request_arrives_whole():
    assert seen(
        "/alice/a%2Fb?x=1",
        method="PUT",
        body=b"BEGIN:VCARD",
        HTTP_IF_MATCH='"1"',
        HTTP_X_FORWARDED_FOR="198.51.100.1",
        CONTENT_TYPE="text/vcard",
        HTTP_HOST="dav.example.org:8443",
        **{"wsgi.url_scheme": "https"},
    ) == Request(
        "PUT",
        "/alice/a%2Fb",
        {
            "host": "dav.example.org:8443",
            "if-match": '"1"',
            "x-forwarded-for": "198.51.100.1",
            "content-type": "text/vcard",
        },
        b"BEGIN:VCARD",
        "192.0.2.1",
        "https://dav.example.org:8443",
    )


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("/", "/"),
        ("/?", "/"),
        ("/a?b?c", "/a"),
        ("//alice//", "//alice//"),
        ("/../%2e%2e/%00", "/../%2e%2e/%00"),
        ("http://dav.example.org/a?b", "/a"),
        ("HTTPS://dav.example.org", "/"),
        ("http://dav.example.org?x", "/"),
        ("alice/", 400),
        ("dav.example.org:443", 400),
        ("*", 400),
        ("/a#b", 400),
        ("ftp://dav.example.org/", 400),
        ("http:///a", 400),
    ],
)
def test_the_path_is_what_stands_in_the_target(uri, path):
    found = seen(uri)
    assert (found if isinstance(found, int) else found.path) == path


def test_options_of_the_whole_server_are_those_of_the_root():
    assert seen("*", method="OPTIONS").path == "/"


def test_the_host_of_an_absolute_target_counts():
    assert seen("http://other.example:81/").origin == "http://other.example:81"


@pytest.mark.parametrize(
    "host", ["", "a b", "a,b", "a/b", "a@b", "[::1", "a:b", "a:123456", 'a"', "é", "a\n"]
)
def test_what_is_no_host_is_refused(host):
    assert seen(HTTP_HOST=host) == 400


@pytest.mark.parametrize("host", ["localhost", "192.0.2.1:5236", "[::1]:5236", "a-b.c_d"])
def test_a_host_is_what_the_client_calls_this_server(host):
    assert seen(HTTP_HOST=host).origin == f"http://{host}"


def test_without_a_host_the_server_names_itself():
    found = seen(HTTP_HOST=None, SERVER_NAME="127.0.0.1", SERVER_PORT="5236")
    assert found.origin == "http://127.0.0.1:5236"


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("/contacts/alice/", "/alice/"),
        ("/contacts/", "/"),
        ("/contacts", "/"),
        ("/contacts?x", "/"),
        ("/.well-known/carddav", "/.well-known/carddav"),
        ("/", 404),
        ("/contacts2/", 404),
        ("/alice/", 404),
    ],
)
def test_a_prefix_is_taken_off(uri, path):
    found = seen(uri, base="/contacts")
    assert (found if isinstance(found, int) else found.path) == path


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"CONTENT_LENGTH": "12"}, 400),
        ({"CONTENT_LENGTH": "-1"}, 400),
        ({"CONTENT_LENGTH": "+5"}, 400),
        ({"CONTENT_LENGTH": "²"}, 400),
        ({"CONTENT_LENGTH": "101"}, 413),
        ({"CONTENT_LENGTH": "9" * 5000}, 413),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, 411),
        ({"CONTENT_LENGTH": "5"}, b"12345"),
        ({"CONTENT_LENGTH": "11"}, b"12345678901"),
        ({"CONTENT_LENGTH": ""}, b""),
    ],
)
def test_a_body_is_exactly_what_was_announced(environ, status):
    found = seen(method="PUT", body=b"12345678901", **environ)
    assert (found if isinstance(found, int) else found.body) == status


PROXIES = Proxies.of("192.0.2.0/24", "2001:db8::7", "unix")


@pytest.mark.parametrize(
    ("hops", "remote"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),  # the first one is what the client claims
        ("198.51.100.1,203.0.113.9 ,192.0.2.7,2001:db8::7", "203.0.113.9"),
        ("192.0.2.8, 192.0.2.7", "192.0.2.8"),
        ("[2001:db8:1::1]:4711", "2001:db8:1::1"),
        ('"[2001:db8:1::1]"', "2001:db8:1::1"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, unknown", "192.0.2.1"),
        ('x" from=198.51.100.1', "192.0.2.1"),
        ("", "192.0.2.1"),
        (None, "192.0.2.1"),
    ],
)
def test_a_trusted_proxy_says_who_the_client_is(hops, remote):
    assert seen(proxies=PROXIES, HTTP_X_FORWARDED_FOR=hops).remote == remote


@pytest.mark.parametrize(
    ("proto", "host", "origin"),
    [
        ("https", "dav.example.com", "https://dav.example.com"),
        ("HTTPS", "a, dav.example.com:8443", "https://dav.example.com:8443"),
        ("gopher", None, "http://dav.example.org"),
        ("", "", "http://dav.example.org"),
        ("https", "a b", 400),
    ],
)
def test_a_trusted_proxy_says_what_the_client_calls_this_server(proto, host, origin):
    found = seen(proxies=PROXIES, HTTP_X_FORWARDED_PROTO=proto, HTTP_X_FORWARDED_HOST=host)
    assert (found if isinstance(found, int) else found.origin) == origin


FORGED = {
    "HTTP_X_FORWARDED_FOR": "127.0.0.1",
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_HOST": "evil.example",
    "HTTP_X_FORWARDED_PREFIX": "/evil",
    "HTTP_X_SCRIPT_NAME": "/evil",
    "HTTP_FORWARDED": "for=127.0.0.1",
    "HTTP_X_REMOTE_USER": "alice",
}


@pytest.mark.parametrize("remote", ["203.0.113.9", "2001:db8::8", "127.0.0.1"])
def test_nobody_else_is_believed(remote):
    found = seen("/a", proxies=PROXIES, REMOTE_ADDR=remote, **FORGED)
    assert (found.remote, found.origin, found.path) == (remote, "http://dav.example.org", "/a")


def test_the_other_end_of_a_unix_socket_is_believed_if_it_is_named():
    forwarded = {"REMOTE_ADDR": "localhost", "HTTP_X_FORWARDED_FOR": "203.0.113.9"}
    assert seen(proxies=PROXIES, **forwarded).remote == "203.0.113.9"
    assert seen(proxies=Proxies.of("127.0.0.1"), **forwarded).remote == "localhost"


@pytest.mark.parametrize("name", ["", "localhost", "192.0.2.1/8", "example.org"])
def test_what_is_no_network_cannot_be_trusted(name):
    with pytest.raises(ValueError, match=r"does not appear|host bits"):
        Proxies.of(name)


def test_a_browser_is_told_that_there_is_tls_only_over_tls():
    app = Application(lambda request: Response(204), hsts=3600)
    assert "Strict-Transport-Security" not in call(app)[1]
    found = call(app, **{"wsgi.url_scheme": "https"})[1]["Strict-Transport-Security"]
    assert found == "max-age=3600"


@pytest.mark.parametrize(
    ("host", "port", "location"),
    [
        ("dav.example.org", 443, "https://dav.example.org/alice/a%2Fb"),
        ("dav.example.org:80", 443, "https://dav.example.org/alice/a%2Fb"),
        ("[::1]:8080", 5236, "https://[::1]:5236/alice/a%2Fb"),
    ],
)
def test_plain_http_is_sent_to_https(host, port, location):
    status, headers, _ = call(Application(redirect(port)), "PUT", "/alice/a%2Fb", HTTP_HOST=host)
    assert (status, headers["Location"]) == ("308 Permanent Redirect", location)


def test_an_answer_leaves_whole():
    app = Application(lambda request: Response(207, {"ETag": '"1"'}, b"<a/>"))
    assert call(app) == (
        "207 Multi-Status",
        {**SECURITY, "ETag": '"1"', "Content-Length": "4"},
        b"<a/>",
    )


def test_an_answer_can_choose_its_own_policy():
    policy = {"Content-Security-Policy": "default-src 'self'", "Cache-Control": "no-store"}
    app = Application(lambda request: Response(200, policy))
    assert call(app)[1] == {**SECURITY, **policy, "Content-Length": "0"}


@pytest.mark.parametrize("status", [204, 304])
def test_some_answers_have_neither_body_nor_length(status):
    app = Application(lambda request: Response(status, {}, b"must not be sent"))
    assert call(app)[1:] == (SECURITY, b"")


@pytest.mark.parametrize("content", [b"x" * 10, b"x" * 2 * LARGE, [b"x" * 9] * 3])
def test_head_is_get_without_the_body(content):
    def serve(request):
        return Response(200, {}, content if isinstance(content, bytes) else iter(content))

    length = len(content if isinstance(content, bytes) else b"".join(content))
    status, headers, body = call(Application(serve), "HEAD")
    assert (status, headers["Content-Length"], body) == ("200 OK", str(length), b"")


def test_a_large_body_is_handed_over_as_a_file():
    app = Application(lambda request: Response(200, {}, b"x" * LARGE))
    assert call(app) == ("200 OK", {**SECURITY, "Content-Length": str(LARGE)}, b"x" * LARGE)


def test_every_request_is_one_line_in_the_log(caplog):
    caplog.set_level(logging.INFO)
    call(
        Application(lambda request: Response(207, {}, b"x" * 4096, user="alice")),
        "PROPFIND",
        "/alice/",
        HTTP_USER_AGENT='DAVx5/4.5 "x"\r\n',
        HTTP_AUTHORIZATION="Basic c2VjcmV0",
    )
    call(Application(lambda request: Response(200)), "GET", "nonsense")
    said = [record.getMessage() for record in caplog.records]
    assert [" ".join(words) for words in ([*line.split()[:6]] for line in said)] == [
        "request from=192.0.2.1 user=alice PROPFIND /alice/ 207",
        "request from=192.0.2.1 GET nonsense 400 0ms",
    ]
    assert said[0].endswith(' 4.1kB ua="DAVx5/4.5 \\"x\\"\\r\\n"')


def test_a_request_that_is_shown_shows_no_secret():
    request = Request("PUT", "/", {"authorization": "Basic c2VjcmV0"}, b"BEGIN:VCARD")
    assert not re.search("c2VjcmV0|VCARD", repr(request))


def test_the_log_cannot_be_forged_by_a_client():
    uri = '/x WARNING auth login failed from=198.51.100.9 user="'
    request = Request("GET", uri, remote="203.0.113.9")
    assert str(Answer(request, 404, "", 0.001, 512)) == (
        f"request from=203.0.113.9 GET {json.dumps(uri)} 404 1ms 512B"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/alice/a%20b", "/alice/a%20b"),
        ("alice@example.org", "alice@example.org"),
        ("a b", '"a b"'),
        ("", '""'),
        ('"a"', '"\\"a\\""'),
        ("a\x1b[2J\n", '"a\\u001b[2J\\n"'),
        ("josé", '"jos\\u00e9"'),
        ("\\", '"\\\\"'),
    ],
)
def test_text_of_others_is_quoted(text, expected):
    assert quoted(text) == expected


@pytest.mark.parametrize(
    ("octets", "expected"), [(0, "0B"), (999, "999B"), (4096, "4.1kB"), (2_300_000, "2.3MB")]
)
def test_sizes_are_for_people(octets, expected):
    assert size(octets) == expected
