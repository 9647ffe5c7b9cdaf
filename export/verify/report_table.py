"""A verification report as a table for people."""

from rich.table import Table
from rich.text import Text

from mmoe.export.verify.report import StageResult, VerificationReport

# (heading, the gate that colours the cell)
_COLUMNS = (
    ("SQNR dB", "sqnr_db"),
    ("cosine", "cosine_mean"),
    ("worst 1 %", "cosine_p1"),
    ("worst", None),
    ("KL mean", "kl_mean"),
    ("KL 99.9 %", None),
    ("top-1", "top1_agreement"),
    ("perplexity", None),
    ("change", "perplexity_change"),
    ("router flips", None),
)


def format_table(report: VerificationReport) -> Table:
    """One row per stage; a value that missed its limit is red, and the caption tells the outcome."""
    table = Table(title=f"{report.tokens} tokens of {report.text_source}, against eager float32")
    table.add_column("stage", no_wrap=True)
    for heading, _ in _COLUMNS:
        table.add_column(heading, justify="right")
    table.add_column("", justify="center")
    for stage in report.stages:
        outcome = Text("ok", style="green") if stage.passed else Text("FAILED", style="bold red")
        failed = {gate.name for gate in stage.failures}
        cells = (
            Text(text, style="bold red" if gate in failed else "")
            for (_, gate), text in zip(_COLUMNS, _figures(stage), strict=True)
        )
        table.add_row(stage.name, *cells, outcome)
    table.caption = _caption(report)
    return table


def _figures(stage: StageResult) -> tuple[str, ...]:
    metrics, flips = stage.metrics, stage.router_flips
    return (
        f"{metrics.sqnr_db:.1f}",
        f"{metrics.cosine_mean:.5f}",
        f"{metrics.cosine_p1:.4f}",
        f"{metrics.cosine_worst:.3f}",
        f"{metrics.kl_mean:.1e}",
        f"{metrics.kl_p999:.1e}",
        f"{metrics.top1_agreement:.2%}",
        f"{metrics.perplexity_test:.3f}",
        f"{metrics.perplexity_ratio - 1:+.3%}",
        "-" if flips is None else f"{flips.flipped_decisions} of {flips.decisions}",
    )


def _caption(report: VerificationReport) -> str:
    proof = report.expert_weights
    experts = (
        f"expert weights equal the checkpoint's bit for bit ({proof.tensors} tensors, {proof.bytes} bytes)"
        if proof.passed
        else f"expert weights NOT proven: {', '.join(proof.mismatches) or 'nothing was compared'}"
    )
    outcome = "passed" if report.passed else f"FAILED at: {report.first_failing_stage}"
    return f"{outcome}; {experts}"
