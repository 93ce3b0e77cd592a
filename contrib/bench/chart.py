"""Time against the number of cards, as an SVG: a panel for each operation, all axes logarithmic."""

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log10

Points = Mapping[int, float]  # cards -> ms
COLOURS = ("#0b7285", "#e8590c", "#862e9c", "#2b8a3e")
WIDTH, HEIGHT = 220, 170  # of a panel
LEFT, TOP, RIGHT, BOTTOM = 50, 26, 18, 22  # inside it, around the plot
COLUMNS = 4
HEAD = 30
STYLE = "text{font:11px sans-serif;fill:#495057}.t{font-weight:bold;fill:#212529}"


def draw(times: Mapping[str, Mapping[str, Points]]) -> str:
    """The chart of *times*: operation -> server -> points."""
    servers = list(dict.fromkeys(server for points in times.values() for server in points))
    colours = dict(zip(servers, COLOURS, strict=False))
    rows = ceil(len(times) / COLUMNS)
    width, height = COLUMNS * WIDTH, HEAD + rows * HEIGHT
    every = [points for found in times.values() for points in found.values()]
    across = _decades([cards for points in every for cards in points])
    up = _decades([ms for points in every for ms in points.values()])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">',
        f'<style>{STYLE}</style><rect width="100%" height="100%" fill="#fff"/>',
        *_legend(colours),
    ]
    for number, (title, found) in enumerate(times.items()):
        x, y = number % COLUMNS * WIDTH, HEAD + number // COLUMNS * HEIGHT
        inside = _panel(title, found, colours, across, up)
        parts += [f'<g transform="translate({x},{y})">', *inside, "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _legend(colours: Mapping[str, str]) -> list[str]:
    parts = []
    for number, (server, colour) in enumerate(colours.items()):
        x = LEFT + number * 110
        parts.append(f'<path d="M{x} 16h18" stroke="{colour}" stroke-width="3"/>')
        parts.append(f'<text x="{x + 24}" y="20">{escape(server)}</text>')
    return parts


def _panel(
    title: str,
    found: Mapping[str, Points],
    colours: Mapping[str, str],
    across: range,
    up: range,
) -> list[str]:
    def x(cards: float) -> float:
        return LEFT + (log10(cards) - across[0]) / (len(across) - 1) * (WIDTH - LEFT - RIGHT)

    def y(ms: float) -> float:
        return HEIGHT - BOTTOM - (log10(ms) - up[0]) / (len(up) - 1) * (HEIGHT - TOP - BOTTOM)

    parts = [f'<text class="t" x="{LEFT}" y="16">{escape(title)}</text>']
    for power in up:
        parts.append(
            f'<path d="M{LEFT} {y(10.0**power):.1f}H{WIDTH - RIGHT}" stroke="#dee2e6"/>'
            f'<text x="{LEFT - 4}" y="{y(10.0**power) + 4:.1f}" text-anchor="end">'
            f"{_time(10.0**power)}</text>"
        )
    for power in across:
        parts.append(
            f'<text x="{x(10.0**power):.1f}" y="{HEIGHT - 8}" text-anchor="middle">'
            f"{10**power:,}</text>"
        )
    for server, points in found.items():
        line = " ".join(f"{x(cards):.1f},{y(ms):.1f}" for cards, ms in sorted(points.items()))
        parts.append(
            f'<polyline points="{line}" fill="none" stroke="{colours[server]}" stroke-width="2"/>'
        )
    return parts


def _decades(values: Sequence[float]) -> range:
    """The powers of ten around *values*, two at least."""
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    return range(low, max(high, low + 1) + 1)


def _time(ms: float) -> str:
    return f"{ms / 1000:g} s" if ms >= 1000 else f"{ms:g} ms"
