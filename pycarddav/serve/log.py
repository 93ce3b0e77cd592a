"""What is written down: one line a request, and never a password, a body or a contact."""

import json
import logging
import re
import sys

from ..protocol.messages import Request

requests = logging.getLogger("pycarddav.requests")

_PLAIN = re.compile(r"[!#-\[\]-~]{1,400}")  # visible ASCII without quotation mark and backslash


def set_up(level: str = "info") -> None:
    """Log to stderr; with the time only on a terminal, because the journal adds its own."""
    time = "%(asctime)s " if sys.stderr.isatty() else ""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(f"{time}%(levelname)s %(message)s", "%H:%M:%S"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # warns whenever a task waits
    # Half the time of a line is finding out what no line says (logging HOWTO, "Optimization").
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def log_request(request: Request, status: int, user: str, seconds: float, octets: int) -> None:
    """One line about an answer; what the client chose cannot be taken for anything else."""
    if requests.isEnabledFor(logging.INFO):
        requests.info("%s", line(request, status, user, seconds, octets))


def log_refusal(remote: str, status: str) -> None:
    """One line about an answer to what was not even a request."""
    requests.info("request from=%s refused: %s", remote, status)


def line(request: Request, status: int, user: str, seconds: float, octets: int) -> str:
    """``request from=… user=alice PROPFIND /alice/ 207 12ms 4.1kB ua="…"``"""
    parts = [f"request from={request.remote}"]
    if user:
        parts.append(f"user={quoted(user)}")
    parts += [request.method, quoted(request.path), str(status)]
    parts += [f"{seconds * 1000:.0f}ms", size(octets)]
    if agent := request.header("user-agent"):
        parts.append(f"ua={json.dumps(agent[:200])}")
    return " ".join(parts)


def quoted(text: str) -> str:
    """*text* as it is where that is one harmless word, otherwise as a JSON string."""
    return text if _PLAIN.fullmatch(text) else json.dumps(text[:400])


def size(octets: int) -> str:
    """*octets* for people: 512B, 4.1kB, 2.3MB."""
    if octets < 1000:
        return f"{octets}B"
    return f"{octets / 1e3:.1f}kB" if octets < 1e6 else f"{octets / 1e6:.1f}MB"
