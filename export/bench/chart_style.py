"""How the charts of benchmarks look, and how they become files."""

from __future__ import annotations

import io
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

# Those of Okabe and Ito, but for the yellow: told apart by colour-blind people, too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#1c1e26")
INK, SOFT, RULE = "#1c1e26", "#666b7a", "#e3e5ec"
_DPI = 160


def new_figure(panels: int) -> Figure:
    """An empty figure with room for so many panels side by side."""
    figure = Figure(figsize=(5.6 * panels, 4.4), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def figure_bytes(figure: Figure, kind: str) -> bytes:
    """The figure as a file of "png" or "svg"; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {}
    figure.savefig(buffer, format=kind, dpi=_DPI, metadata=metadata)
    return buffer.getvalue()


def label_panel(axes: Axes, title: str, *, x: str) -> None:
    """Title, axes and grid of a panel of speeds."""
    axes.set_title(title, loc="left", fontweight="bold", color=INK)
    axes.set_xlabel(x, color=SOFT)
    axes.set_ylabel("tokens/s", color=SOFT)
    axes.margins(x=0.14)
    # Room for the figures beside the points.
    axes.set_ylim(0, axes.get_ylim()[1] * 1.2)
    axes.grid(axis="y", color=RULE)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    axes.tick_params(colors=SOFT, length=0)


def scale_tokens(axes: Axes, tokens: Sequence[int]) -> None:
    """A logarithmic axis with a tick at each of some lengths."""
    axes.set_xscale("log", base=2)
    axes.set_xticks(tokens)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
