"""A profile as one HTML file that needs nothing else: inline SVG, no script, no network."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from mmoe.export.expert_usage.report import TextProfile, UsageProfile
from mmoe.export.expert_usage.svg import FULL_HEAT, Series, heat_map, line_chart
from mmoe.export.expert_usage.usage import LayerUsage

_TEMPLATE = Path(__file__).parent / "profile.html.jinja"
_MEGABYTE = 1e6


def render_html(profile: UsageProfile) -> str:
    """The page's text."""
    environment = Environment(undefined=StrictUndefined, autoescape=True, keep_trailing_newline=True)
    environment.filters["mb"] = lambda count: f"{count / _MEGABYTE:,.1f}"
    environment.filters["percent"] = lambda share: f"{share:.1%}"
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        profile=profile,
        texts=[{"profile": text, "heat": Markup(_heat(text)), **_means(text)} for text in profile.texts],
        full_heat=FULL_HEAT,
        unique=Markup(_unique(profile)),
        entropy=Markup(_by_layer(profile, "entropy / log E", lambda layer: layer.entropy)),
        reuse=Markup(_reuse(profile)),
        cache=Markup(_cache(profile)),
    )


def _means(text: TextProfile) -> dict[str, float]:
    return {
        name: statistics.fmean(getattr(layer, name) for layer in text.layers)
        for name in ("entropy", "reuse", "reuse_by_chance")
    }


def _heat(text: TextProfile) -> str:
    return heat_map([(layer.layer, layer.counts) for layer in text.layers])


def _unique(profile: UsageProfile) -> str:
    def mean_unique(text: TextProfile, index: int) -> float:
        return statistics.fmean(layer.unique[index] for layer in text.layers)

    lines = [
        Series(
            text.kind, text.kind, [(seen, mean_unique(text, index)) for index, seen in enumerate(text.seen)]
        )
        for text in profile.texts
    ]
    return line_chart(
        lines,
        x_label="tokens seen",
        y_label="experts used, mean of layers",
        top=profile.num_experts,
        log_x=True,
    )


def _by_layer(profile: UsageProfile, label: str, figure: Callable[[LayerUsage], float]) -> str:
    lines = [
        Series(text.kind, text.kind, [(layer.layer, figure(layer)) for layer in text.layers])
        for text in profile.texts
    ]
    return line_chart(lines, x_label="layer", y_label=label, top=1.0)


def _reuse(profile: UsageProfile) -> str:
    lines = []
    for text in profile.texts:
        lines.append(Series(text.kind, text.kind, [(layer.layer, layer.reuse) for layer in text.layers]))
        chance = [(layer.layer, layer.reuse_by_chance) for layer in text.layers]
        lines.append(Series(f"{text.kind}, by chance", f"{text.kind} chance", chance))
    top = max(y for line in lines for _, y in line.points)
    return line_chart(lines, x_label="layer", y_label="share reused", top=min(1.0, top * 1.2) or 1.0)


def _cache(profile: UsageProfile) -> str:
    lines = [
        Series(text.kind, text.kind, [(point.bytes / _MEGABYTE, point.hit_rate) for point in text.cache])
        for text in profile.texts
    ]
    return line_chart(lines, x_label="cache, MB", y_label="hit rate", top=1.0)
