"""Draws charts as SVG out of plain figures; pure text, no library, and it computes no figure."""

import html
import math
from collections.abc import Callable, Mapping, Sequence

ROW, LEFT, WIDTH, RIGHT = 26, 190, 420, 80
COLOURS = ("#c2410c", "#0369a1", "#4d7c0f", "#7e22ce", "#a16207", "#0f766e", "#be185d", "#475569")
#: The frame of a chart with two axes, in pixels.
PLOT_LEFT, PLOT_TOP, PLOT_WIDTH, PLOT_HEIGHT, PLOT_BELOW = 56, 30, 520, 160, 44

Series = Mapping[str, Sequence[float | None]]
Spelt = Callable[[float], str]


def bars(title: str, lengths: Mapping[str, float]) -> str:
    """Give an SVG with one horizontal bar for each length, shortest first, on a logarithmic scale."""
    ordered = sorted(lengths.items(), key=lambda pair: pair[1])
    least, most = math.log10(ordered[0][1]) - 0.5, math.log10(ordered[-1][1])
    drawn = [
        _bar(n, name, value, (math.log10(value) - least) / (most - least)) for n, (name, value) in enumerate(ordered)
    ]
    width, height = LEFT + WIDTH + RIGHT, ROW * (len(ordered) + 2)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
        f'font-size="13"><rect width="100%" height="100%" fill="white"/>'
        f'<text x="{LEFT}" y="{ROW * 0.7}" font-weight="bold">{title}</text>{"".join(drawn)}</svg>\n'
    )


def _bar(number: int, name: str, value: float, share: float) -> str:
    top, long = ROW * (number + 1), max(1.0, share * WIDTH)
    return (
        f'<text x="{LEFT - 8}" y="{top + 17}" text-anchor="end">{name}</text>'
        f'<rect x="{LEFT}" y="{top + 4}" width="{long:.0f}" height="{ROW - 8}" fill="#c2410c"/>'
        f'<text x="{LEFT + long + 6:.0f}" y="{top + 17}">{value:.3g}</text>'
    )


def lines(title: str, series: Series, x_labels: Sequence[str]) -> str:
    """Give an SVG with one line for each series over the same places; None is a gap."""
    most = max((value for values in series.values() for value in values if value is not None), default=0.0) or 1.0
    drawn = [_line(values, most, COLOURS[n % len(COLOURS)]) for n, values in enumerate(series.values())]
    return _framed(title, "".join(drawn), most, x_labels, list(series))


def _line(values: Sequence[float | None], most: float, colour: str) -> str:
    """Draw the stretches between gaps; a stretch of one is a dot."""
    drawn, stretch = [], []
    for n, value in enumerate([*values, None]):
        if value is not None:
            stretch.append(f"{_x(n, len(values)):.1f},{_y(value, most):.1f}")
        elif stretch:
            drawn.append(_stretch(stretch, colour))
            stretch = []
    return "".join(drawn)


def _stretch(points: Sequence[str], colour: str) -> str:
    if len(points) == 1:
        x, y = points[0].split(",")
        return f'<circle cx="{x}" cy="{y}" r="2" fill="{colour}"/>'
    return f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="1.6"/>'


def columns(title: str, series: Series, x_labels: Sequence[str]) -> str:
    """Give an SVG with a column at each place, in which the series are stacked."""
    rows = [[value or 0.0 for value in values] for values in series.values()]
    places = list(zip(*rows, strict=True))
    most = max(map(sum, places), default=0.0) or 1.0
    width = PLOT_WIDTH / max(1, len(places))
    drawn = [_column(PLOT_LEFT + n * width, width, values, most) for n, values in enumerate(places)]
    return _framed(title, "".join(drawn), most, x_labels, list(series))


def _column(left: float, width: float, values: Sequence[float], most: float) -> str:
    drawn, top = [], float(PLOT_TOP + PLOT_HEIGHT)
    for n, value in enumerate(values):
        height = value / most * PLOT_HEIGHT
        top -= height
        if value:
            drawn.append(
                f'<rect x="{left + width * 0.08:.1f}" y="{top:.1f}" width="{width * 0.84:.1f}" '
                f'height="{height:.1f}" fill="{COLOURS[n % len(COLOURS)]}"/>'
            )
    return "".join(drawn)


def stacked(title: str, stacks: Mapping[str, Mapping[str, float]], spelt: Spelt) -> str:
    """Give an SVG with one horizontal bar for each stack, made of its parts in their order, to one linear scale."""
    most = max((sum(parts.values()) for parts in stacks.values()), default=0.0) or 1.0
    names = list(dict.fromkeys(name for parts in stacks.values() for name in parts))
    colours = {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(names)}
    drawn = []
    for n, (name, parts) in enumerate(stacks.items()):
        top, end = ROW * (n + 1) + 4, LEFT + sum(parts.values()) / most * WIDTH
        drawn.append(f'<text x="{LEFT - 8}" y="{top + 13}" text-anchor="end">{html.escape(name)}</text>')
        drawn.append(_stack(top, parts, WIDTH / most, colours, spelt))
        drawn.append(f'<text x="{end + 6:.1f}" y="{top + 13}">{spelt(sum(parts.values()))}</text>')
    height = ROW * (len(stacks) + 2) + 6
    return _svg(LEFT + WIDTH + RIGHT, height, title, "".join(drawn) + _legend(names, height - 12))


def _stack(top: int, parts: Mapping[str, float], scale: float, colours: Mapping[str, str], spelt: Spelt) -> str:
    left, drawn = float(LEFT), []
    for part, value in parts.items():
        said = f"<title>{html.escape(part)}: {spelt(value)}</title>"
        size = f'x="{left:.1f}" y="{top}" width="{value * scale:.1f}" height="{ROW - 8}"'
        drawn.append(f'<rect {size} fill="{colours[part]}">{said}</rect>')
        left += value * scale
    return "".join(drawn)


def _x(number: int, many: int) -> float:
    return PLOT_LEFT + (number + 0.5) / many * PLOT_WIDTH


def _y(value: float, most: float) -> float:
    return PLOT_TOP + (1 - value / most) * PLOT_HEIGHT


def _framed(title: str, drawn: str, most: float, x_labels: Sequence[str], names: Sequence[str]) -> str:
    """Put axes, at most eight labels below, and a legend around what is drawn."""
    marks = [
        f'<line x1="{PLOT_LEFT}" x2="{PLOT_LEFT + PLOT_WIDTH}" y1="{_y(most * n / 4, most)}" '
        f'y2="{_y(most * n / 4, most)}" stroke="#e5e7eb"/>'
        f'<text x="{PLOT_LEFT - 6}" y="{_y(most * n / 4, most) + 4}" text-anchor="end">{most * n / 4:.4g}</text>'
        for n in range(5)
    ]
    step = max(1, math.ceil(len(x_labels) / 8))
    labels = [
        f'<text x="{_x(n, len(x_labels)):.1f}" y="{PLOT_TOP + PLOT_HEIGHT + 15}" text-anchor="middle">'
        f"{html.escape(label)}</text>"
        for n, label in enumerate(x_labels)
        if n % step == 0
    ]
    height = PLOT_TOP + PLOT_HEIGHT + PLOT_BELOW
    inside = "".join(marks) + drawn + "".join(labels) + _legend(names, height - 8)
    return _svg(PLOT_LEFT + PLOT_WIDTH + 20, height, title, inside)


def _legend(names: Sequence[str], y: float) -> str:
    drawn, left = [], float(PLOT_LEFT)
    for n, name in enumerate(names):
        colour = COLOURS[n % len(COLOURS)]
        drawn.append(f'<rect x="{left:.0f}" y="{y - 9}" width="10" height="10" fill="{colour}"/>')
        drawn.append(f'<text x="{left + 14:.0f}" y="{y}">{html.escape(name)}</text>')
        left += 30 + 7 * len(name)
    return "".join(drawn)


def _svg(width: float, height: float, title: str, inside: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" font-family="sans-serif" '
        f'font-size="11"><rect width="100%" height="100%" fill="white"/>'
        f'<text x="{PLOT_LEFT}" y="17" font-weight="bold" font-size="13">{html.escape(title)}</text>{inside}</svg>'
    )
