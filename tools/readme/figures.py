"""The numerics table of README: measured by a verification, kept in a file, rendered between two marks.

`docs/figures.json` is what was measured; README's rows are rendered from it and never typed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from mmoe.export.artifact.verification.report import StageResult, VerificationReport

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "docs" / "figures.json"
README = ROOT / "README.md"
BEGIN, END = "<!-- figures: python -m tools.readme figures -->", "<!-- end of figures -->"

# The stage of a verification, and what README calls it.
_ROWS = {
    ".pte, prefill": "**exact weights, int8 activations everywhere** (the `.pte` in the runtime)",
    "(experts re-quantised)": "experts re-quantised along the input axis, float32 activations",
}
# The runtime's routers cannot be watched: its twin's in the exported program are.
_FLIPS_OF = {".pte, prefill": "exported program"}


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One row.

    Attributes:
        stage: The verification's name of it.
        sqnr_db: Logit SQNR, dB.
        cosine_mean: Mean cosine.
        cosine_p1: Cosine at the worst 1 % of tokens.
        kl_mean: Mean KL divergence, nats.
        top1_agreement: Share of tokens with the same top-1 token.
        perplexity_change: Perplexity over the reference's, minus 1.
        router_flips: Share of router decisions that differ.
    """

    stage: str
    sqnr_db: float
    cosine_mean: float
    cosine_p1: float
    kl_mean: float
    top1_agreement: float
    perplexity_change: float
    router_flips: float


def figures_of(report: VerificationReport) -> list[Figures]:
    """README's rows of a verification that compared with re-quantised experts."""
    stages = {stage.name: stage for stage in report.stages}
    return [_figures(stages[name], flips=stages[_FLIPS_OF.get(name, name)]) for name in _ROWS]


def _figures(stage: StageResult, *, flips: StageResult) -> Figures:
    metrics = stage.metrics
    assert flips.router_flips is not None
    return Figures(
        stage=stage.name,
        sqnr_db=metrics.sqnr_db,
        cosine_mean=metrics.cosine_mean,
        cosine_p1=metrics.cosine_p1,
        kl_mean=metrics.kl_mean,
        top1_agreement=metrics.top1_agreement,
        perplexity_change=metrics.perplexity_ratio - 1,
        router_flips=flips.router_flips.flipped_share,
    )


def read_figures() -> list[Figures]:
    """The rows as `docs/figures.json` keeps them."""
    return [Figures(**row) for row in json.loads(FIGURES.read_text(encoding="utf-8"))["verification"]]


def write_figures(report: VerificationReport) -> None:
    """Keeps a verification's rows, and renders README from them."""
    rows = figures_of(report)
    record = {"tokens": report.tokens, "verification": [asdict(row) for row in rows]}
    FIGURES.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    README.write_text(f"{before}{BEGIN}\n{table(rows)}\n{END}{after}", encoding="utf-8")


def table(rows: list[Figures]) -> str:
    """The rows in Markdown."""
    lines = [
        "| | logit SQNR | mean cosine | worst 1 % | mean KL | top-1 agreement | perplexity | router flips |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {_ROWS[row.stage]} | {row.sqnr_db:.1f} dB | {row.cosine_mean:.5f} | {row.cosine_p1:.4f} "
        f"| {row.kl_mean:.1e} | {row.top1_agreement:.2%} | {row.perplexity_change:+.3%} | {row.router_flips:.1%} |"
        for row in rows
    ]
    return "\n".join(lines)


def shown_table() -> str:
    """The rows that README shows."""
    return README.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0].strip()
