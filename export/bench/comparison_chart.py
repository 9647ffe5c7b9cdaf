"""Benchmarks of several devices as a chart: prefill and decode against context, and decoding without rest."""

from __future__ import annotations

from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmoe.export.bench.chart_style import COLOURS, SOFT, label_panel, new_figure, scale_tokens
from mmoe.export.bench.comparison import Column, Comparison, TrialKey, median_speed
from mmoe.export.bench.document import PromptKind
from mmoe.export.bench.report import Phase

_MARKERS = "osD^v"
_X_LABELS = {Phase.PREFILL: "prompt, tokens", Phase.DECODE: "tokens in the cache"}
_LINES = {PromptKind.TEXT: "-", PromptKind.TEMPLATED: "--"}
_FILLS: dict[PromptKind, Literal["full", "none"]] = {PromptKind.TEXT: "full", PromptKind.TEMPLATED: "none"}


def draw_comparison(comparison: Comparison) -> Figure:
    """A line for each device, medians with the range of the rounds."""
    phases = [phase for phase in Phase if any(key.phase is phase for key in comparison.keys)]
    sustained = any(column.model.sustained for column in comparison.columns)
    panels = len(phases) + sustained
    figure = new_figure(panels)
    for place, phase in enumerate(phases):
        axes = figure.add_subplot(1, panels, place + 1)
        keys = [key for key in comparison.keys if key.phase is phase]
        for index, column in enumerate(comparison.columns):
            _draw_speeds(axes, column, keys, index)
        scale_tokens(axes, sorted({key.tokens for key in keys}))
        label_panel(axes, phase.value.capitalize(), x=_X_LABELS[phase])
    if sustained:
        axes = figure.add_subplot(1, panels, panels)
        for index, column in enumerate(comparison.columns):
            _draw_sustained(axes, column, index)
        label_panel(axes, "Decode without rest", x="seconds")
    templated = any(key.prompt is PromptKind.TEMPLATED for key in comparison.keys)
    note = "; hollow: templated prompts" if templated else ""
    figure.suptitle(f"median and range of the rounds{note}", fontsize=9, color=SOFT)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(3, len(labels)), frameon=False)
    return figure


def _colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def _marker(index: int) -> str:
    return _MARKERS[index % len(_MARKERS)]


def _draw_speeds(axes: Axes, column: Column, keys: list[TrialKey], index: int) -> None:
    # The legend is the first panel's: a device without figures there has its line in it all the same.
    axes.plot(
        [], [], label=column.label, linewidth=2, markersize=5, color=_colour(index), marker=_marker(index)
    )
    for prompt, line in _LINES.items():
        tests = {key.tokens: test for key in keys if key.prompt is prompt and (test := column.test(key))}
        if not tests:
            continue
        axes.plot(
            list(tests),
            [median_speed(test) for test in tests.values()],
            linestyle=line,
            fillstyle=_FILLS[prompt],
            linewidth=2,
            markersize=5,
            color=_colour(index),
            marker=_marker(index),
        )
        axes.vlines(
            list(tests),
            [min(test.tokens_per_second.samples) for test in tests.values()],
            [max(test.tokens_per_second.samples) for test in tests.values()],
            color=_colour(index),
            alpha=0.45,
            linewidth=2,
        )


def _draw_sustained(axes: Axes, column: Column, index: int) -> None:
    curve = column.model.sustained
    if curve is None:
        return
    axes.plot(
        [point.seconds for point in curve.points],
        [point.tokens_per_second for point in curve.points],
        linewidth=2,
        color=_colour(index),
    )
    before = None
    for point in curve.points:
        # Where the device says that it has become hotter, or cooler.
        if point.thermal_state != before and point.thermal_state is not None:
            axes.annotate(
                point.thermal_state.value,
                (point.seconds, point.tokens_per_second),
                xytext=(0, 8),
                textcoords="offset points",
                ha="center",
                fontsize=7.5,
                color=_colour(index),
            )
        before = point.thermal_state
