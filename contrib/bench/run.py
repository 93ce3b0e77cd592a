"""Time pycarddav, and others beside it, on this machine.

    python contrib/bench/run.py --peers radicale,xandikos

Peers come from PyPI, each into a venv of its own.  All servers run at the same time and are asked
in turns, so that what disturbs one disturbs all; compare them with each other, not with the figures
of another day.  Each time is a median, and beside it stands what the server took of a CPU.
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import chart
from operations import OPERATIONS, Client, Operation, Wrong, cards
from servers import SERVERS, cpu, free_port, install, running, version

Result = tuple[float, float]  # median time and CPU time, in ms
ROUNDS = 200  # at most
FIRST = 2  # rounds that are not counted: servers read what they will remember


class Contestant:
    """A server that runs, and its client."""

    def __init__(self, name: str, python: str, folder: Path, number: int, stack: ExitStack) -> None:
        book = cards(number)
        folder.mkdir(parents=True)
        self.name = name
        server = SERVERS[name](python, folder, free_port())
        server.fill(book)
        self._pid = stack.enter_context(running(server)).pid
        self.client = Client(server.port, server.book, book)
        self.times: list[float] = []
        self._cpu = 0.0
        self._rounds = 0

    def begin(self) -> None:
        self.times, self._rounds, self._cpu = [], 0, 0.0

    def round(self, operation: Operation) -> None:
        """Once; Wrong."""
        ask = operation.begin(self.client)
        used, start = cpu(self._pid), time.perf_counter()
        answer = ask()
        seconds = time.perf_counter() - start
        operation.check(answer, len(self.client.cards))
        self._rounds += 1
        if self._rounds > FIRST:
            self.times.append(seconds)
            self._cpu += cpu(self._pid) - used

    def result(self) -> Result:
        return statistics.median(self.times) * 1000, self._cpu / len(self.times) * 1000


def measure(
    operation: Operation, contestants: list[Contestant], budget: float
) -> dict[str, Result]:
    """Ask all in turns; who has used *budget* seconds, after three rounds, is left in peace."""
    for contestant in contestants:
        contestant.begin()
    asked = list(contestants)
    for _ in range(ROUNDS):
        asked = [one for one in asked if len(one.times) < 3 or sum(one.times) < budget]
        for contestant in asked:
            contestant.round(operation)
    return {contestant.name: contestant.result() for contestant in contestants}


def table(sizes: dict[int, dict[str, dict[str, Result]]], servers: list[str]) -> str:
    """In Markdown: for each number of cards, and each operation, what each server took."""
    lines = []
    for number, results in sizes.items():
        lines += [f"| {number:,} cards | {' | '.join(servers)} |", "|---|" + "---:|" * len(servers)]
        for title, found in results.items():
            cells = (f"{ms:.2f} ms ({used:.1f})" for ms, used in found.values())
            lines.append(f"| {title} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def machine() -> str:
    info = Path("/proc/cpuinfo")
    models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
    model = models[0].partition(": ")[2] if models else platform.machine()
    return f"{os.cpu_count()} × {model}, Python {platform.python_version()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peers", default="", help="radicale, xandikos, or both with a comma")
    parser.add_argument("--cards", default="100,1000", help="how many, separated by commas")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each operation and server")
    parser.add_argument("--svg", type=Path, help="write the chart there")
    args = parser.parse_args()
    names = ["pycarddav", *filter(None, args.peers.split(","))]
    sizes: dict[int, dict[str, dict[str, Result]]] = {}
    with tempfile.TemporaryDirectory(prefix="pycarddav-bench-") as work:
        pythons = {name: install(name, Path(work, "venv", name)) for name in names}
        servers = [version(name, python) for name, python in pythons.items()]
        for number in map(int, args.cards.split(",")):
            with ExitStack() as stack:
                contestants = [
                    Contestant(name, python, Path(work, str(number), name), number, stack)
                    for name, python in pythons.items()
                ]
                sizes[number] = {
                    operation.title: measure(operation, contestants, args.seconds)
                    for operation in OPERATIONS
                }
    print(f"{time.strftime('%Y-%m-%d')}, {machine()}. Median time (CPU time of the server).\n")
    print(table(sizes, servers))
    if args.svg:
        args.svg.write_text(chart.draw(points(sizes)))


def points(
    sizes: dict[int, dict[str, dict[str, Result]]],
) -> dict[str, dict[str, dict[int, float]]]:
    """operation -> server -> number of cards -> ms"""
    found: dict[str, dict[str, dict[int, float]]] = {}
    for number, results in sizes.items():
        for title, by_server in results.items():
            for server, (ms, _) in by_server.items():
                found.setdefault(title, {}).setdefault(server, {})[number] = ms
    return found


if __name__ == "__main__":
    try:
        main()
    except Wrong as error:
        sys.exit(f"wrong: {error}")
