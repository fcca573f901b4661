"""Draws charts as SVG text from plain figures. It uses no library and computes no figure."""

import html
import math
from collections.abc import Callable, Mapping, Sequence

#: A chart of horizontal bars, in pixels: a row's height, the space for names, for bars, and for values.
ROW, LEFT, WIDTH, RIGHT = 26, 190, 420, 80
COLOURS = ("#c2410c", "#0369a1", "#4d7c0f", "#7e22ce", "#a16207", "#0f766e", "#be185d", "#475569")
#: The frame of a chart with two axes, in pixels.
PLOT_LEFT, PLOT_TOP, PLOT_WIDTH, PLOT_HEIGHT, PLOT_BELOW = 56, 30, 520, 160, 44
MOST_LABELS = 8

Series = Mapping[str, Sequence[float | None]]
Spell = Callable[[float], str]
Stack = tuple[str, Mapping[str, float]]


def log_bars(title: str, values: Mapping[str, float]) -> str:
    """Returns an SVG with one horizontal bar for each value, shortest first, on a logarithmic scale."""
    ordered = sorted(values.items(), key=lambda pair: pair[1])
    least, most = math.log10(ordered[0][1]) - 0.5, math.log10(ordered[-1][1])
    shares = [(math.log10(value) - least) / (most - least) for _, value in ordered]
    drawn = "".join(_bar(n, *pair, share) for n, (pair, share) in enumerate(zip(ordered, shares, strict=True)))
    width, height = LEFT + WIDTH + RIGHT, ROW * (len(ordered) + 2)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
        f'font-size="13"><rect width="100%" height="100%" fill="white"/>'
        f'<text x="{LEFT}" y="{ROW * 0.7}" font-weight="bold">{html.escape(title)}</text>{drawn}</svg>\n'
    )


def _bar(number: int, name: str, value: float, share: float) -> str:
    top, long = ROW * (number + 1), max(1.0, share * WIDTH)
    return (
        f'<text x="{LEFT - 8}" y="{top + 17}" text-anchor="end">{html.escape(name)}</text>'
        f'<rect x="{LEFT}" y="{top + 4}" width="{long:.0f}" height="{ROW - 8}" fill="#c2410c"/>'
        f'<text x="{LEFT + long + 6:.0f}" y="{top + 17}">{value:.3g}</text>'
    )


def lines(title: str, series: Series, x_labels: Sequence[str]) -> str:
    """Returns an SVG with one line for each series over the same labels; None is a gap."""
    most = max((value for values in series.values() for value in values if value is not None), default=0.0) or 1.0
    drawn = [_line(values, most, COLOURS[n % len(COLOURS)]) for n, values in enumerate(series.values())]
    return _framed(title, "".join(drawn), most, x_labels, list(series))


def _line(values: Sequence[float | None], most: float, colour: str) -> str:
    """Draws the stretches between gaps; a stretch of one value is a dot."""
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
    """Returns an SVG with one column for each label, in which the series are stacked."""
    rows = [[value or 0.0 for value in values] for values in series.values()]
    stacks = list(zip(*rows, strict=True))
    most = max(map(sum, stacks), default=0.0) or 1.0
    width = PLOT_WIDTH / max(1, len(stacks))
    drawn = [_column(PLOT_LEFT + n * width, width, stack, most) for n, stack in enumerate(stacks)]
    return _framed(title, "".join(drawn), most, x_labels, list(series))


def _column(left: float, width: float, values: Sequence[float], most: float) -> str:
    drawn, top = [], float(PLOT_TOP + PLOT_HEIGHT)
    for n, value in enumerate(values):
        height = value / most * PLOT_HEIGHT
        top -= height
        if value:
            size = f'x="{left + width * 0.08:.1f}" y="{top:.1f}" width="{width * 0.84:.1f}" height="{height:.1f}"'
            drawn.append(f'<rect {size} fill="{COLOURS[n % len(COLOURS)]}"/>')
    return "".join(drawn)


def stacked(title: str, stacks: Mapping[str, Mapping[str, float]], spell: Spell) -> str:
    """Returns an SVG with one horizontal bar for each stack, made of its parts in their order, on one linear scale."""
    most = max((sum(parts.values()) for parts in stacks.values()), default=0.0) or 1.0
    names = list(dict.fromkeys(name for parts in stacks.values() for name in parts))
    colours = {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(names)}
    drawn = [_stack(ROW * (n + 1) + 4, stack, WIDTH / most, colours, spell) for n, stack in enumerate(stacks.items())]
    height = ROW * (len(stacks) + 2) + 6
    return _svg(LEFT + WIDTH + RIGHT, height, title, "".join(drawn) + _legend(names, height - 12))


def _stack(top: int, stack: Stack, scale: float, colours: Mapping[str, str], spell: Spell) -> str:
    name, parts = stack
    left, drawn = float(LEFT), []
    for part, value in parts.items():
        hint = f"<title>{html.escape(part)}: {spell(value)}</title>"
        size = f'x="{left:.1f}" y="{top}" width="{value * scale:.1f}" height="{ROW - 8}"'
        drawn.append(f'<rect {size} fill="{colours[part]}">{hint}</rect>')
        left += value * scale
    label = f'<text x="{LEFT - 8}" y="{top + 13}" text-anchor="end">{html.escape(name)}</text>'
    total = f'<text x="{left + 6:.1f}" y="{top + 13}">{spell(sum(parts.values()))}</text>'
    return label + "".join(drawn) + total


def _x(number: int, many: int) -> float:
    return PLOT_LEFT + (number + 0.5) / many * PLOT_WIDTH


def _y(value: float, most: float) -> float:
    return PLOT_TOP + (1 - value / most) * PLOT_HEIGHT


def _framed(title: str, drawn: str, most: float, x_labels: Sequence[str], names: Sequence[str]) -> str:
    """Puts the axes and a legend around what is drawn."""
    height = PLOT_TOP + PLOT_HEIGHT + PLOT_BELOW
    inside = _y_marks(most) + drawn + _x_marks(x_labels) + _legend(names, height - 8)
    return _svg(PLOT_LEFT + PLOT_WIDTH + 20, height, title, inside)


def _y_marks(most: float) -> str:
    return "".join(_y_mark(most * n / 4, _y(most * n / 4, most)) for n in range(5))


def _y_mark(value: float, y: float) -> str:
    return (
        f'<line x1="{PLOT_LEFT}" x2="{PLOT_LEFT + PLOT_WIDTH}" y1="{y}" y2="{y}" stroke="#e5e7eb"/>'
        f'<text x="{PLOT_LEFT - 6}" y="{y + 4}" text-anchor="end">{value:.4g}</text>'
    )


def _x_marks(labels: Sequence[str]) -> str:
    step = max(1, math.ceil(len(labels) / MOST_LABELS))
    return "".join(_x_mark(_x(n, len(labels)), labels[n]) for n in range(0, len(labels), step))


def _x_mark(x: float, label: str) -> str:
    return f'<text x="{x:.1f}" y="{PLOT_TOP + PLOT_HEIGHT + 15}" text-anchor="middle">{html.escape(label)}</text>'


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
