"""GET /.metrics: numbers in Prometheus' text format, version 0.0.4.

By hand: prometheus_client takes 41 ms to import and 10 MB, twice what the server takes without it.
"""

import hmac
import ipaddress
import os
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from threading import Lock
from typing import NamedTuple

from .. import __version__, haste
from ..dav.errors import Error
from ..protocol.cache import Caches
from ..protocol.messages import Request, Response
from ..protocol.registry import method
from ..store.filesystem import FilesystemStore
from ..store.filesystem.files import synced
from .health import Health
from .log import METRICS, Answer

TYPE = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8", "Cache-Control": "no-store"}
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip", "via")

Labels = Mapping[str, str]
NONE: Labels = {}


class Sample(NamedTuple):
    value: float
    labels: Labels = NONE
    suffix: str = ""


class Family(NamedTuple):
    """A metric: *kind* is counter, gauge or histogram."""

    name: str
    kind: str
    help: str
    samples: Sequence[Sample]

    def lines(self) -> Iterable[str]:
        yield f"# HELP {self.name} {self.help}"
        yield f"# TYPE {self.name} {self.kind}"
        for value, labels, suffix in self.samples:
            said = ",".join(f'{name}="{label}"' for name, label in labels.items())
            yield (
                f"{self.name}{suffix}{{{said}}} {value}" if said else f"{self.name}{suffix} {value}"
            )


class Requests:
    """What became of all requests; told of each by whoever answers it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._answers: Counter[tuple[str, int]] = Counter()
        self._durations: Counter[tuple[str, int]] = Counter()  # (method, number of its bucket)
        self._seconds: Counter[str] = Counter()
        self._received = self._sent = self._refused = 0

    def tell(self, answer: Answer) -> None:
        request, status = answer.request, answer.status
        known = request.method if method.named(request.method) else "other"  # a client may say any
        bucket = sum(answer.seconds > most for most in BUCKETS)
        with self._lock:
            self._answers[known, status] += 1
            self._durations[known, bucket] += 1
            self._seconds[known] += answer.seconds  # type: ignore[assignment]  # typeshed: int only
            self._received += len(request.body)
            self._sent += answer.octets
            # A client that asks without a password, to be told that it needs one, has not failed.
            self._refused += status == 401 and "authorization" in request.headers

    def families(self) -> list[Family]:
        with self._lock:
            answers = [
                Sample(number, {"method": name, "status": str(status)})
                for (name, status), number in sorted(self._answers.items())
            ]
            throttled = sum(n for (_, status), n in self._answers.items() if status == 429)
            durations = [
                sample for name in sorted(self._seconds) for sample in self._histogram(name)
            ]
        return [
            Family("pycarddav_requests_total", "counter", "Requests answered.", answers),
            Family(
                "pycarddav_request_seconds",
                "histogram",
                "From a request's whole arrival to its answer.",
                durations,
            ),
            _one("pycarddav_received_bytes_total", "counter", "Bodies received.", self._received),
            _one("pycarddav_sent_bytes_total", "counter", "Bodies sent.", self._sent),
            _one("pycarddav_logins_failed_total", "counter", "Wrong passwords.", self._refused),
            _one("pycarddav_throttled_total", "counter", "Answered 429.", throttled),
        ]

    def _histogram(self, name: str) -> Iterable[Sample]:
        numbers = accumulate(self._durations[name, bucket] for bucket in range(len(BUCKETS) + 1))
        number = 0
        for most, number in zip([*map(str, BUCKETS), "+Inf"], numbers, strict=True):
            yield Sample(number, {"method": name, "le": most}, "_bucket")
        yield Sample(round(self._seconds[name], 6), {"method": name}, "_sum")
        yield Sample(number, {"method": name}, "_count")


def _one(name: str, kind: str, help: str, value: float) -> Family:
    return Family(name, kind, help, [Sample(+value)])  # + makes a number of True


def caches(kept: Caches) -> list[Family]:
    named = vars(kept).items()
    looks = [
        Sample(number, {"cache": name, "found": found})
        for name, cache in named
        for found, number in (("yes", cache.hits), ("no", cache.misses))
    ]
    sizes = [Sample(cache.size, {"cache": name}) for name, cache in named]
    return [
        Family("pycarddav_cache_lookups_total", "counter", "What was looked for.", looks),
        Family("pycarddav_cache_size", "gauge", "In octets; of kinds, in entries.", sizes),
    ]


def storage(store: FilesystemStore, health: Health) -> list[Family]:
    """What is in the storage, as long as it is there."""
    healthy = _one("pycarddav_healthy", "gauge", "1 when /.health is ok.", not health.trouble())
    try:
        held = store.tally()
    except Error:
        return [healthy]
    return [
        healthy,
        _one("pycarddav_users", "gauge", "Users with address books.", held.homes),
        _one("pycarddav_books", "gauge", "Address books.", held.books),
        _one("pycarddav_cards", "gauge", "Contacts.", held.cards),
        _one("pycarddav_cards_bytes", "gauge", "Octets of all contacts.", held.octets),
        _one("pycarddav_disk_free_bytes", "gauge", "Octets free for the storage.", held.free),
    ]


def waiting() -> Family:
    """For the disk, before success is answered."""
    samples = [Sample(round(synced.seconds, 6), suffix="_sum")]
    samples.append(Sample(synced.number, suffix="_count"))
    return Family("pycarddav_fsync_seconds", "summary", "Waiting for the disk.", samples)


def process(started: float) -> list[Family]:
    """What Prometheus' own libraries say of every process, under the same names."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = round(used.ru_utime + used.ru_stime, 2)
    with open("/proc/self/statm") as statm:
        resident = int(statm.read().split()[1]) * resource.getpagesize()
    files = len(os.listdir("/proc/self/fd"))
    return [
        Family("pycarddav_info", "gauge", "Version.", [Sample(1, {"version": __version__})]),
        _one("process_cpu_seconds_total", "counter", "CPU time.", cpu),
        _one("process_resident_memory_bytes", "gauge", "Resident memory.", resident),
        _one("process_open_fds", "gauge", "Open files.", files),
        _one("process_start_time_seconds", "gauge", "Start, in seconds since 1970.", started),
    ]


class Metrics:
    """Everything; *tell* hears of each answer."""

    def __init__(self, store: FilesystemStore, health: Health, kept: Caches) -> None:
        self._store, self._health, self._kept = store, health, kept
        self._requests = Requests()
        self._started = round(time.time(), 1)
        self.tell = self._requests.tell

    def page(self) -> str:
        haste.wait()
        families = [
            *self._requests.families(),
            *caches(self._kept),
            *storage(self._store, self._health),
            waiting(),
            *process(self._started),
        ]
        return "".join(f"{line}\n" for family in families for line in family.lines())


def with_metrics(
    serve: Callable[[Request], Response], page: Callable[[], str], local: bool, token: str
) -> Callable[[Request], Response]:
    """*serve*, and /.metrics for who may read it; for others it is a URL like any other."""

    def answer(request: Request) -> Response:
        if request.path == METRICS and request.method == "GET" and may_read(request, local, token):
            return Response(200, TYPE, page().encode())
        return serve(request)

    return answer


def may_read(request: Request, local: bool, token: str) -> bool:
    """Whether a request comes with the *token*, or from this machine itself where *local* counts.

    What a proxy here passes on comes from elsewhere.
    """
    scheme, _, offered = request.header("authorization", "").partition(" ")
    if token and scheme.lower() == "bearer":
        return hmac.compare_digest(offered.strip().encode(), token.encode())
    return local and not any(map(request.header, FORWARDED)) and _is_loopback(request.remote)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False  # a unix socket's, and there is a proxy behind it
