"""What the screens are made of, in HTML: lists, bars, bubbles."""

from __future__ import annotations

import html
from collections.abc import Sequence


def row(left: str, right: str = "", *, below: str = "") -> str:
    """A row of a list; what is below its text is small."""
    under = f'<small class="below">{below}</small>' if below else ""
    return f'<div class="row"><span>{left}{under}</span><span class="quiet">{right}</span></div>'


def figure(name: str, value: str) -> str:
    """A name and a number, as LabeledContent shows them."""
    return row(html.escape(name), html.escape(value))


def section(rows: Sequence[str], *, header: str = "", footer: str = "") -> str:
    """A group of rows."""
    above = f"<h4>{html.escape(header)}</h4>" if header else ""
    below = f"<footer>{html.escape(footer)}</footer>" if footer else ""
    return f'<section>{above}<div class="group">{"".join(rows)}</div>{below}</section>'


def button(text: str) -> str:
    """A text that can be tapped."""
    return f'<span class="tint">{html.escape(text)}</span>'


def field(prompt: str, text: str = "") -> str:
    """A field to type into."""
    return row(html.escape(text) if text else f'<span class="quiet">{html.escape(prompt)}</span>')


def toggle(text: str, *, on: bool) -> str:
    """A row with a switch."""
    return row(html.escape(text), f'<i class="switch{" on" if on else ""}"></i>')


def stepper(text: str) -> str:
    """A row with a minus and a plus."""
    return row(html.escape(text), '<i class="stepper">&minus;&ensp;|&ensp;+</i>')


def slider(name: str, value: float, most: float) -> str:
    """A name, a number, and a slider below."""
    share = 100 * value / most
    bar = f'<i class="slider" style="--share:{share:g}%"></i>'
    line = f'<div><span>{html.escape(name)}</span><span class="quiet">{value:.2f}</span></div>'
    return f'<div class="row column">{line}{bar}</div>'


def progress(share: float) -> str:
    """A bar that fills."""
    return f'<i class="progress" style="--share:{100 * share:g}%"></i>'


def experts(counts: Sequence[int]) -> str:
    """A layer's experts, the darker the more tokens they had."""
    most = max(counts)
    cells = "".join(f'<i style="opacity:{0.08 + 0.92 * count / most:.2f}"></i>' for count in counts)
    return f'<div class="experts">{cells}</div>'


def curve(points: Sequence[tuple[float, float]]) -> str:
    """Tokens per second over seconds, from zero."""
    width, height = 320, 120
    last, most = points[-1][0], 1.1 * max(speed for _, speed in points)
    line = " ".join(
        f"{width * seconds / last:.1f},{height * (1 - speed / most):.1f}" for seconds, speed in points
    )
    return f'<svg viewBox="0 0 {width} {height}"><polyline points="{line}"/></svg>'


def question(text: str) -> str:
    """What the user said."""
    return f'<div class="bubble question">{html.escape(text)}</div>'


def answer(blocks: Sequence[str], *, seen: bool = True) -> str:
    """What the model said, in blocks of HTML."""
    return f'<div class="bubble answer{"" if seen else " unseen"}">{"".join(blocks)}</div>'


def note(symbol: str, text: str, kind: str) -> str:
    """A line of the app's own."""
    return f'<div class="{kind}">{symbol} {html.escape(text)}</div>'
