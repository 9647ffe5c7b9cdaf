"""A verification report as a table for people, narrow enough for a terminal of 80 columns."""

from collections.abc import Callable
from textwrap import wrap

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from mmoe.export.verify.gates import Gate
from mmoe.export.verify.metrics import LogitMetrics
from mmoe.export.verify.report import StageResult, VerificationReport

_HEADING_WIDTH = 11
# (heading, its figure, the gate that limits it)
_ROWS: tuple[tuple[str, Callable[[LogitMetrics], str], str | None], ...] = (
    ("SQNR dB", lambda metrics: f"{metrics.sqnr_db:.1f}", "sqnr_db"),
    ("cosine", lambda metrics: f"{metrics.cosine_mean:.5f}", "cosine_mean"),
    ("  worst 1 %", lambda metrics: f"{metrics.cosine_p1:.4f}", "cosine_p1"),
    ("  worst", lambda metrics: f"{metrics.cosine_worst:.3f}", None),
    ("KL, mean", lambda metrics: f"{metrics.kl_mean:.1e}", "kl_mean"),
    ("  99.9 %", lambda metrics: f"{metrics.kl_p999:.1e}", None),
    ("top-1", lambda metrics: f"{metrics.top1_agreement:.2%}", "top1_agreement"),
    ("perplexity", lambda metrics: f"{metrics.perplexity_test:.3f}", None),
    ("  change", lambda metrics: f"{metrics.perplexity_ratio - 1:+.3%}", "perplexity_change"),
)


def format_table(report: VerificationReport) -> Group:
    """One column per stage; a value that missed its limit is red, and the last lines tell the outcome."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 2), pad_edge=False, show_edge=False)
    table.add_column("", no_wrap=True)
    for stage in report.stages:
        table.add_column("\n".join(wrap(stage.name, _HEADING_WIDTH)), justify="right")
    table.add_column("limit", justify="right", style="dim", no_wrap=True)
    for heading, figure, gate in _ROWS:
        cells = (_cell(figure(stage.metrics), stage, gate) for stage in report.stages)
        table.add_row(heading, *cells, _limit(report, gate))
    table.add_row("router flips", *map(_router_flips, report.stages))
    table.add_row("", *map(_outcome, report.stages))
    title = f"{report.tokens} tokens of {report.text_source}, against eager float32"
    return Group(Text(title, style="bold"), table, *_conclusion(report))


def _cell(figure: str, stage: StageResult, gate: str | None) -> Text:
    missed = gate in {failure.name for failure in stage.failures}
    return Text(figure, style="bold red" if missed else "")


def _limit(report: VerificationReport, name: str | None) -> str:
    gates: dict[str, Gate] = {gate.name: gate for stage in report.stages for gate in stage.gates}
    return f"{gates[name].bound} {gates[name].limit:g}" if name in gates else ""


def _router_flips(stage: StageResult) -> str:
    flips = stage.router_flips
    return "" if flips is None else f"{flips.flipped_share:.2%}"


def _outcome(stage: StageResult) -> Text:
    if not stage.gates:
        return Text("no gate", style="dim")
    return Text("ok", style="green") if stage.passed else Text("FAILED", style="bold red")


def _conclusion(report: VerificationReport) -> tuple[Text, Text]:
    proof = report.expert_weights
    if proof is None:
        experts = "the model has no routed experts"
    elif proof.passed:
        experts = f"expert weights equal the checkpoint's bit for bit ({proof.tensors} tensors, {proof.bytes} bytes)"
    else:
        experts = f"expert weights NOT proven: {', '.join(proof.mismatches) or 'nothing was compared'}"
    outcome = "passed" if report.passed else f"FAILED at: {report.first_failing_stage}"
    return Text(experts), Text(outcome, style="bold green" if report.passed else "bold red")
