"""What is written down: one line a request, and never a password, a body or a contact."""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import NamedTuple

from ..protocol.messages import Request

requests = logging.getLogger("pycarddav.requests")

HEALTH, METRICS = "/.health", "/.metrics"
WATCHED = (HEALTH, METRICS)
LONGEST, LONGEST_AGENT = 400, 200  # characters of what a client chose

_PLAIN = re.compile(
    rf"[!#-\[\]-~]{{1,{LONGEST}}}"
)  # visible ASCII without quotation mark and backslash


class Answer(NamedTuple):
    """A request, and what became of it: who asked, for how long, the octets of the answer's body.

    As a string it is its line in the log, in which nothing that the client chose can be taken for
    anything else: ``request from=… user=alice PROPFIND /alice/ 207 12ms 4.1kB ua="…"``
    """

    request: Request
    status: int
    user: str
    seconds: float
    octets: int

    def __str__(self) -> str:
        parts = [f"request from={self.request.remote}"]
        if self.user:
            parts.append(f"user={quoted(self.user)}")
        parts += [self.request.method, quoted(self.request.path), str(self.status)]
        parts += [f"{self.seconds * 1000:.0f}ms", size(self.octets)]
        if agent := self.request.header("user-agent"):
            parts.append(f"ua={json.dumps(agent[:LONGEST_AGENT])}")
        return " ".join(parts)

    def facts(self) -> dict[str, str | int | float]:
        """The same by name."""
        return {
            "from": self.request.remote,
            "user": self.user,
            "method": self.request.method,
            "path": self.request.path[:LONGEST],
            "status": self.status,
            "ms": round(self.seconds * 1000, 1),
            "octets": self.octets,
            "ua": self.request.header("user-agent", "")[:LONGEST_AGENT],
        }


class Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        said: dict[str, object] = {"time": time, "level": record.levelname.lower()}
        match record.args:
            case (Answer() as answer,):
                said |= {"message": "request", **answer.facts()}
            case _:
                said["message"] = record.getMessage()
        if record.exc_info:
            said["traceback"] = self.formatException(record.exc_info)
        return json.dumps(said)


def set_up(level: str = "info", format: str = "text") -> None:
    """Log to stderr; text with the time only on a terminal, because the journal adds its own."""
    time = "%(asctime)s " if sys.stderr.isatty() else ""
    text = logging.Formatter(f"{time}%(levelname)s %(message)s", "%H:%M:%S")
    handler = logging.StreamHandler()
    handler.setFormatter(Json() if format == "json" else text)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # warns whenever a task waits
    # Half the time of a line is finding out what no line says (logging HOWTO, "Optimization").
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def log_answer(answer: Answer) -> None:
    """One line; who asks every half minute whether all is well is of interest when it is not."""
    watcher = answer.status == 200 and answer.request.path in WATCHED
    level = logging.DEBUG if watcher else logging.INFO
    if requests.isEnabledFor(level):
        requests.log(level, "%s", answer)


def log_refusal(remote: str, status: str) -> None:
    """One line about an answer to what was not even a request."""
    requests.info("request from=%s refused: %s", remote, status)


def quoted(text: str) -> str:
    """*text* as it is where that is one harmless word, otherwise as a JSON string."""
    return text if _PLAIN.fullmatch(text) else json.dumps(text[:LONGEST])


def size(octets: int) -> str:
    """*octets* for people: 512B, 4.1kB, 2.3MB."""
    if octets < 1000:
        return f"{octets}B"
    return f"{octets / 1e3:.1f}kB" if octets < 1e6 else f"{octets / 1e6:.1f}MB"
