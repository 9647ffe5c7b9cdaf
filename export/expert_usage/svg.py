"""Plots as inline SVG, coloured by the style sheet of the page around them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 520, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 14, 46
# Times the even share at which a heat map's colour is full.
FULL_HEAT = 3.0


@dataclass(frozen=True)
class Series:
    """A line: its name in the legend, its style's class, and its points."""

    name: str
    style: str
    points: Sequence[tuple[float, float]]


def line_chart(
    series: Sequence[Series], *, x_label: str, y_label: str, top: float, log_x: bool = False
) -> str:
    """Lines over a common x axis; the y axis begins at 0.

    Args:
        series: At least one, each with at least one point.
        x_label: What x is, with its unit.
        y_label: What y is.
        top: End of the y axis.
        log_x: Whether x, which must then be at least 1, has a logarithmic axis.
    """
    scale: Callable[[float], float] = math.log2 if log_x else float
    xs = [x for line in series for x, _ in line.points]
    low, high = scale(min(xs)), scale(max(xs))

    def at_x(value: float) -> float:
        return _LEFT + (scale(value) - low) / ((high - low) or 1) * (_WIDTH - _LEFT - _RIGHT)

    def at_y(value: float) -> float:
        return _HEIGHT - _BOTTOM - value / top * (_HEIGHT - _TOP - _BOTTOM)

    parts = []
    for tick in _ticks(0, top):
        y = at_y(tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick end" x="{_LEFT - 8}" y="{y + 4:.1f}">{tick:g}</text>')
    ticks = _powers(min(xs), max(xs)) if log_x else _ticks(min(xs), max(xs))
    parts += [_tick(at_x(tick), _HEIGHT - _BOTTOM + 18, tick) for tick in ticks]
    for line in series:
        points = " ".join(f"{at_x(x):.1f},{at_y(y):.1f}" for x, y in line.points)
        parts.append(f'<polyline class="line {escape(line.style)}" points="{points}"/>')
        for x, y in line.points:
            label = escape(f"{line.name}: {y:.4g} at {x:.6g}")
            shape = f'cx="{at_x(x):.1f}" cy="{at_y(y):.1f}" r="3"'
            parts.append(f'<circle class="dot {escape(line.style)}" {shape}><title>{label}</title></circle>')
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    parts.append(
        f'<text class="axis mid" x="{(_LEFT + _WIDTH) / 2}" y="{_HEIGHT - 8}">{escape(x_label)}</text>'
    )
    parts.append(
        f'<text class="axis mid" transform="translate(14 {middle}) rotate(-90)">{escape(y_label)}</text>'
    )
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">{"".join(parts)}</svg>'


def heat_map(rows: Sequence[tuple[int, Sequence[int]]]) -> str:
    """Layers down, experts across; colour is a layer's load over the even one, and a cross marks an unused expert.

    Args:
        rows: Index of a layer and the tokens of each of its experts.
    """
    experts = max(len(counts) for _, counts in rows)
    step = (_WIDTH - _LEFT - _RIGHT) / experts
    height = max(9.0, min(22.0, step * 1.6))
    parts = []
    for place, (layer, counts) in enumerate(rows):
        y, even = _TOP + place * height, sum(counts) / len(counts)
        if place % max(1, round(14 / height)) == 0:
            parts.append(
                f'<text class="tick end" x="{_LEFT - 8}" y="{y + height / 2 + 4:.1f}">{layer}</text>'
            )
        for expert, count in enumerate(counts):
            x, heat = _LEFT + expert * step, min(1.0, count / even / FULL_HEAT)
            shape = f'x="{x:.1f}" y="{y:.1f}" width="{step - 0.8:.1f}" height="{height - 0.8:.1f}"'
            label = (
                f"<title>layer {layer}, expert {expert}: {count} tokens, {count / even:.2f} x even</title>"
            )
            paint = f'class="cell" fill-opacity="{heat:.3f}"' if count else 'class="unused"'
            parts.append(f"<rect {shape} {paint}>{label}</rect>")
    bottom = _TOP + len(rows) * height
    parts += [_tick(_LEFT + (tick + 0.5) * step, bottom + 16, tick) for tick in _ticks(0, experts - 1)]
    parts.append(f'<text class="axis mid" x="{(_LEFT + _WIDTH) / 2}" y="{bottom + 34:.1f}">expert</text>')
    parts.append(
        f'<text class="axis mid" transform="translate(14 {(_TOP + bottom) / 2:.1f}) rotate(-90)">layer</text>'
    )
    return f'<svg viewBox="0 0 {_WIDTH} {bottom + 42:.0f}" role="img">{"".join(parts)}</svg>'


def _tick(x: float, y: float, value: float) -> str:
    return f'<text class="tick mid" x="{x:.1f}" y="{y:.1f}">{value:g}</text>'


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from low to high, four to nine of them."""
    if high <= low:
        return [low]
    rough = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = unit * min((1, 2, 5, 10), key=lambda factor: abs(factor * unit - rough))
    first = math.ceil(low / step)
    return [round(index * step, 10) for index in range(first, math.floor(high / step + 1e-9) + 1)]


def _powers(low: float, high: float) -> list[float]:
    powers = range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)
    return [2.0**power for power in powers][:: 1 + len(powers) // 9]
