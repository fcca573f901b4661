"""Draws a bar chart as SVG out of named lengths; pure text, no library."""

import math
from collections.abc import Mapping

ROW, LEFT, WIDTH, RIGHT = 26, 190, 420, 80


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
