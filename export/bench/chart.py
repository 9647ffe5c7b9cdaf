"""A benchmark as a chart: prefill and decode against context, with their shares of the roofline."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmoe.export.bench.chart_style import SOFT, label_panel, new_figure, scale_tokens
from mmoe.export.bench.report import BenchReport, ModelResult, Phase
from mmoe.export.files.writing import encoded

_COLOURS = ("#3454d1", "#d1603d")
_X_LABELS = {Phase.PREFILL: "prompt, tokens", Phase.DECODE: "tokens in the cache"}


def draw_chart(report: BenchReport) -> Figure:
    """Medians with the range of their samples; a panel for each phase that was measured."""
    phases = [phase for phase in Phase if any(test.phase is phase for test in report.models[0].tests)]
    figure = new_figure(len(phases))
    for place, phase in enumerate(phases):
        axes = figure.add_subplot(1, len(phases), place + 1)
        for model, colour, below in zip(report.models, _COLOURS, (False, True), strict=False):
            _draw_model(axes, model, phase, colour, below=below)
        scale_tokens(axes, sorted({test.tokens for test in report.models[0].tests if test.phase is phase}))
        label_panel(axes, phase.value.capitalize(), x=_X_LABELS[phase])
    machine = report.machine
    figure.suptitle(
        f"{machine.cpu}, {machine.cpus} CPUs, {report.threads} threads; median and range of the samples",
        fontsize=9,
        color=SOFT,
    )
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False
    )
    return figure


def _draw_model(axes: Axes, model: ModelResult, phase: Phase, colour: str, *, below: bool) -> None:
    tests = sorted((test for test in model.tests if test.phase is phase), key=lambda test: test.tokens)
    tokens = [test.tokens for test in tests]
    medians = [test.tokens_per_second.median for test in tests]
    name = encoded(Path(model.name).name).decode()
    axes.plot(tokens, medians, color=colour, marker="o", markersize=5, linewidth=2, label=name)
    axes.vlines(
        tokens,
        [min(test.tokens_per_second.samples) for test in tests],
        [max(test.tokens_per_second.samples) for test in tests],
        color=colour,
        alpha=0.45,
        linewidth=2,
    )
    for test, median in zip(tests, medians, strict=True):
        share = "" if test.roofline_share is None else f"\n{test.roofline_share:.0%} of roofline"
        axes.annotate(
            f"{median:.0f}{share}",
            (test.tokens, median),
            xytext=(0, -14 if below else 12),
            textcoords="offset points",
            ha="center",
            va="top" if below else "bottom",
            fontsize=7.5,
            color=colour,
        )
