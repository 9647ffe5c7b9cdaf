"""A benchmark as a chart: prefill and decode against context, with their shares of the roofline."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from mmoe.export.bench.report import BenchReport, ModelResult, Phase

_COLOURS = ("#3454d1", "#d1603d")
_INK, _SOFT, _RULE = "#1c1e26", "#666b7a", "#e3e5ec"
_DPI = 160


def draw_chart(report: BenchReport) -> Figure:
    """Medians with the range of their samples; a panel for each phase that was measured."""
    phases = [phase for phase in Phase if any(test.phase is phase for test in report.models[0].tests)]
    figure = Figure(figsize=(5.6 * len(phases), 4.4), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    for place, phase in enumerate(phases):
        axes = figure.add_subplot(1, len(phases), place + 1)
        for model, colour, below in zip(report.models, _COLOURS, (False, True), strict=False):
            _draw_model(axes, model, phase, colour, below=below)
        _label(axes, phase, sorted({test.tokens for test in report.models[0].tests if test.phase is phase}))
    machine = report.machine
    figure.suptitle(
        f"{machine.cpu}, {machine.cpus} CPUs, {report.threads} threads; median and range of the samples",
        fontsize=9,
        color=_SOFT,
    )
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False
    )
    return figure


def chart_bytes(report: BenchReport, kind: str) -> bytes:
    """The chart as a file of "png" or "svg"; the same report gives the same bytes."""
    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {}
    draw_chart(report).savefig(buffer, format=kind, dpi=_DPI, metadata=metadata)
    return buffer.getvalue()


def _draw_model(axes: Axes, model: ModelResult, phase: Phase, colour: str, *, below: bool) -> None:
    tests = sorted((test for test in model.tests if test.phase is phase), key=lambda test: test.tokens)
    tokens = [test.tokens for test in tests]
    medians = [test.tokens_per_second.median for test in tests]
    name = Path(model.name).name
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


def _label(axes: Axes, phase: Phase, tokens: list[int]) -> None:
    axes.set_title(phase.value.capitalize(), loc="left", fontweight="bold", color=_INK)
    axes.set_xscale("log", base=2)
    axes.set_xticks(tokens)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("prompt, tokens" if phase is Phase.PREFILL else "tokens in the cache", color=_SOFT)
    axes.set_ylabel("tokens/s", color=_SOFT)
    # Room for the figures beside the points.
    axes.margins(x=0.14)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.2)
    axes.grid(axis="y", color=_RULE)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_RULE)
    axes.tick_params(colors=_SOFT, length=0)
