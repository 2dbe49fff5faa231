"""A plot of lines on logarithmic axes as SVG, which needs no library."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["write_lines"]

_WIDTH, _HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 150, 36, 48
_COLOURS = ("#1b6ca8", "#c8553d", "#588b3c", "#7a4f9e", "#333333", "#b8860b")

Points = Sequence[tuple[float, float]]


def write_lines(path: Path, title: str, axes: tuple[str, str], lines: Mapping[str, Points]) -> None:
    """Write a plot.

    Args:
        path: An ``.svg``.
        title: Above it.
        axes: What is to the right and what upward.
        lines: Points above zero by name, both coordinates drawn by their logarithms.
    """
    points = [point for line in lines.values() for point in line]
    spans = [_decades([point[axis] for point in points]) for axis in (0, 1)]

    def at(x: float, y: float) -> tuple[float, float]:
        shares = [
            (math.log10(value) - low) / (high - low)
            for value, (low, high) in zip((x, y), spans, strict=True)
        ]
        return (
            _LEFT + shares[0] * (_WIDTH - _LEFT - _RIGHT),
            _HEIGHT - _BOTTOM - shares[1] * (_HEIGHT - _TOP - _BOTTOM),
        )

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        _text(_WIDTH / 2, 20, title, "middle"),
        _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 10, axes[0], "middle"),
        f'<g transform="translate(16 {_HEIGHT / 2}) rotate(-90)">',
        _text(0, 0, axes[1], "middle") + "</g>",
    ]
    parts += _grid(spans, at)
    for index, (name, line) in enumerate(lines.items()):
        colour = _COLOURS[index % len(_COLOURS)]
        places = [at(*point) for point in line]
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{joined}" fill="none" stroke="{colour}"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        parts.append(_text(_WIDTH - _RIGHT + 10, _TOP + 18 * (index + 1), name, "start", colour))
    path.write_text("\n".join([*parts, "</svg>", ""]))


def _decades(values: Sequence[float]) -> tuple[float, float]:
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return float(low), float(max(high, low + 1))


def _grid(spans, at) -> list[str]:  # type: ignore[no-untyped-def]
    parts = []
    (low_x, high_x), (low_y, high_y) = spans
    for decade in range(int(low_x), int(high_x) + 1):
        (x, top), (_, bottom) = at(10.0**decade, 10.0**high_y), at(10.0**decade, 10.0**low_y)
        parts.append(f'<path d="M{x:.1f} {top:.1f}V{bottom:.1f}" stroke="#ddd"/>')
        parts.append(_text(x, bottom + 16, f"{10.0**decade:g}", "middle"))
    for decade in range(int(low_y), int(high_y) + 1):
        (left, y), (right, _) = at(10.0**low_x, 10.0**decade), at(10.0**high_x, 10.0**decade)
        parts.append(f'<path d="M{left:.1f} {y:.1f}H{right:.1f}" stroke="#ddd"/>')
        parts.append(_text(left - 6, y + 4, f"{10.0**decade:g}", "end"))
    return parts


def _text(x: float, y: float, words: str, anchor: str, colour: str = "#222") -> str:
    plain = words.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{plain}</text>'
