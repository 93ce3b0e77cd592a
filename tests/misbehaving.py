"""What can stand between a phone and the server, as WSGI middleware: each does one thing wrong."""

import re
from http import HTTPStatus


def answer(status, body=b"<html>", **fields):
    """Something in front that answers by itself, with a web page."""

    def serve(environ, start_response):
        headers = {"Content-Type": "text/html", **fields}
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        start_response(f"{status} {HTTPStatus(status).phrase}", named)
        return [body]

    return serve


def says(status, *parts):
    """Something that speaks WebDAV, of the root."""
    head = '<D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav">'
    body = "".join((head, *parts, "</D:multistatus>")).encode()
    return answer(status, body, Content_Type="application/xml")


def prop(name, content):
    return (
        f"<D:response><D:href>/</D:href><D:propstat><D:prop><{name}>{content}</{name}></D:prop>"
        "<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
    )


def when(holds, instead):
    """*instead* in place of the server, where that holds of a request."""
    return lambda app: lambda environ, start: (instead if holds(environ) else app)(environ, start)


def without(header):
    """Takes a request header away."""

    def wrap(app):
        def serve(environ, start_response):
            environ.pop(f"HTTP_{header.upper().replace('-', '_')}", None)
            return app(environ, start_response)

        return serve

    return wrap


def asked(change):
    """Changes what is asked."""

    def wrap(app):
        def serve(environ, start_response):
            return app({**environ, **change(environ)}, start_response)

        return serve

    return wrap


def answered(change):
    """Changes the header fields of answers."""

    def wrap(app):
        def serve(environ, start_response):
            def begin(status, headers):
                changed = {name.lower(): value for name, value in headers}
                change(environ, changed)
                return start_response(status, list(changed.items()))

            return app(environ, begin)

        return serve

    return wrap


def method(*names):
    return lambda environ: environ["REQUEST_METHOD"] in names


def path(pattern):
    return lambda environ: re.fullmatch(pattern, environ["REQUEST_URI"])


def logged_in(environ):
    return "HTTP_AUTHORIZATION" in environ


def larger(octets):
    return lambda environ: int(environ.get("CONTENT_LENGTH") or 0) > octets


def both(*conditions):
    return lambda environ: all(condition(environ) for condition in conditions)


def cached(*methods):
    """Answers what it has answered before, to everybody."""

    def wrap(app):
        kept = {}

        def serve(environ, start_response):
            if environ["REQUEST_METHOD"] not in methods:
                return app(environ, start_response)
            key = environ["REQUEST_METHOD"], environ["REQUEST_URI"]
            if key not in kept or kept[key][0][0].startswith("4"):
                said = []
                body = b"".join(app(environ, lambda *head: said.append(head)))
                kept[key] = (said[0], body)
            (status, headers), body = kept[key]
            start_response(status, headers)
            return [body]

        return serve

    return wrap


def decoded(environ):
    """As nginx does where something stands behind the port in proxy_pass."""
    return {"REQUEST_URI": environ["REQUEST_URI"].replace("%2F", "/")}


def twice_encoded(environ):
    return {"REQUEST_URI": environ["REQUEST_URI"].replace("%25", "%2525")}


def stripped(prefix):
    """As a proxy does that publishes at a path what does not know of it."""

    return lambda environ: {"REQUEST_URI": environ["REQUEST_URI"].removeprefix(prefix)}


def weakened(environ, headers):
    """As nginx does where it compresses."""
    if "gzip" in environ.get("HTTP_ACCEPT_ENCODING", "") and "etag" in headers:
        headers["etag"] = f"W/{headers['etag']}"
