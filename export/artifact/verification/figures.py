"""The figures of a verification as people read them: one place for what they are called and how they are written."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mmoe.export.artifact.verification.limits import Bound, Gate
from mmoe.export.artifact.verification.measurements import LogitMetrics
from mmoe.export.artifact.verification.report import StageResult


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure of a stage.

    Attributes:
        title: What it is called where it stands alone.
        row: What it is called below the figure before it; None for the title.
        gate: The gate that limits it; None if nothing does.
        value: Takes it from the metrics.
        form: Of the number, for `format`.
        percent: Whether the value is a share, written in percent.
        either_way: Whether the gate limits its distance from 0.
    """

    title: str
    row: str | None = None
    gate: str | None
    value: Callable[[LogitMetrics], float]
    form: str
    percent: bool = False
    either_way: bool = False

    def text(self, value: float) -> str:
        """A value with its unit, such as ``98.63 %``."""
        return f"{100 * value:{self.form}} %" if self.percent else f"{value:{self.form}}"

    def limit(self, gate: Gate) -> str:
        """The gate's limit in the same unit, such as ``>= 98.00 %``."""
        limit = self.text(gate.limit).lstrip("+")
        return f"± {limit}" if self.either_way and gate.bound is Bound.AT_MOST else f"{gate.bound} {limit}"


FIGURES = (
    Figure(title="SQNR dB", gate="sqnr_db", value=lambda metrics: metrics.sqnr_db, form=".1f"),
    Figure(title="cosine", gate="cosine_mean", value=lambda metrics: metrics.cosine_mean, form=".5f"),
    Figure(
        title="cosine, worst 1 %",
        row="  worst 1 %",
        gate="cosine_p1",
        value=lambda metrics: metrics.cosine_p1,
        form=".4f",
    ),
    Figure(
        title="cosine, worst",
        row="  worst",
        gate=None,
        value=lambda metrics: metrics.cosine_worst,
        form=".3f",
    ),
    Figure(title="KL, mean", gate="kl_mean", value=lambda metrics: metrics.kl_mean, form=".1e"),
    Figure(title="KL, 99.9 %", row="  99.9 %", gate=None, value=lambda metrics: metrics.kl_p999, form=".1e"),
    Figure(
        title="top-1",
        gate="top1_agreement",
        value=lambda metrics: metrics.top1_agreement,
        form=".2f",
        percent=True,
    ),
    Figure(title="perplexity", gate=None, value=lambda metrics: metrics.perplexity_test, form=".3f"),
    Figure(
        title="change",
        row="  change",
        gate="perplexity_change",
        value=lambda metrics: metrics.perplexity_ratio - 1,
        form="+.3f",
        percent=True,
        either_way=True,
    ),
)
"""Every figure of a stage, in the order of its columns or rows."""


def markdown_table(stages: Iterable[StageResult]) -> str:
    """A Markdown table with a row for each stage, as the model card and README have it; no newline at its end."""
    lines = [
        "| stage | " + " | ".join(figure.title for figure in FIGURES) + " |",
        "|---|" + "---:|" * len(FIGURES),
    ]
    for stage in stages:
        figures = (figure.text(figure.value(stage.metrics)) for figure in FIGURES)
        lines.append(f"| {stage.name} | " + " | ".join(figures) + " |")
    return "\n".join(lines)
