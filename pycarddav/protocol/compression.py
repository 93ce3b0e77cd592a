"""Answers in fewer octets (RFC 9110 §8.4), for clients that take them."""

import zlib
from dataclasses import replace

from .. import haste
from .messages import Request, Response

LEAST = 1400  # octets; what fits into one packet comes no sooner
MUCH = 2**17  # octets; more are not compressed in haste
LEVEL = 1  # 6 takes three times as long, for a tenth fewer octets
GZIP = 16 + zlib.MAX_WBITS


def negotiated(response: Response, request: Request) -> Response:
    """*response* as the client takes it.

    A multistatus shrinks to a tenth.  A card is never compressed: its ETag names other octets.
    """
    if response.status != 207:
        return response
    vary = ", ".join(filter(None, (response.headers.get("Vary"), "Accept-Encoding")))
    response = response.adding({"Vary": vary})
    return gzipped(response) if request.takes_gzip else response


def gzipped(response: Response) -> Response:
    """*response* with its body in gzip, if that is worth it, and not done yet."""
    body = response.body
    if not isinstance(body, bytes) or len(body) < LEAST or "Content-Encoding" in response.headers:
        return response
    if len(body) > MUCH:
        haste.wait()
    gzip = zlib.compressobj(LEVEL, wbits=GZIP)
    smaller = replace(response, body=gzip.compress(body) + gzip.flush())
    return smaller.adding({"Content-Encoding": "gzip"})
