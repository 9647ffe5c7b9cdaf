"""A verification report as a table for people, narrow enough for a terminal of 80 columns."""

from collections.abc import Callable, Sequence
from textwrap import wrap

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from mmoe.export.artifact.verification.limits import Gate
from mmoe.export.artifact.verification.measurements import LogitMetrics
from mmoe.export.artifact.verification.report import StageResult, VerificationReport
from mmoe.export.verify.agreement import AgreementReport

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
# Gates that only programs in float32 have, shown by their own values.
_FLOAT32_ROWS = (
    ("without ties", "untied_tokens", "{:.0f}"),
    ("  difference", "untied_max_abs_diff_relative", "{:.1e}"),
    ("  cosine", "untied_cosine_worst", "{:.7f}"),
    ("  top-1", "untied_top1_agreement", "{:.2%}"),
)


def format_table(report: VerificationReport) -> Group:
    """One column per stage; a value that missed its limit is red, and the last lines tell the outcome."""
    table = _metrics_table(report.stages)
    for heading, gate, form in _FLOAT32_ROWS:
        if limit := _limit(report.stages, gate):
            table.add_row(heading, *(_gate_cell(stage, gate, form) for stage in report.stages), limit)
    table.add_row("router flips", *map(_router_flips, report.stages))
    table.add_row("", *map(_outcome, report.stages))
    title = f"{report.tokens} tokens of {report.text_source}, against eager float32"
    return Group(Text(title, style="bold"), table, *_conclusion(report))


def format_agreement(report: AgreementReport) -> Group:
    """Like `format_table`, for two artifacts that were held against each other."""
    table = _metrics_table(report.stages)
    table.add_row("", *map(_outcome, report.stages))
    title = f"{report.tokens} tokens of {report.text_source}: {report.artifact} against {report.against}"
    experts = "the same, bit for bit" if report.same_experts else "NOT the same"
    return Group(Text(title, style="bold"), table, Text(f"expert weights of both: {experts}"))


def _metrics_table(stages: Sequence[StageResult]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 2), pad_edge=False, show_edge=False)
    table.add_column("", no_wrap=True)
    for stage in stages:
        table.add_column("\n".join(wrap(stage.name, _HEADING_WIDTH)), justify="right")
    table.add_column("limit", justify="right", style="dim", no_wrap=True)
    for heading, figure, gate in _ROWS:
        cells = (_cell(figure(stage.metrics), stage, gate) for stage in stages)
        table.add_row(heading, *cells, _limit(stages, gate))
    return table


def _cell(figure: str, stage: StageResult, gate: str | None) -> Text:
    missed = gate in {failure.name for failure in stage.failures}
    return Text(figure, style="bold red" if missed else "")


def _gate_cell(stage: StageResult, name: str, form: str) -> Text:
    gate = next((gate for gate in stage.gates if gate.name == name), None)
    return Text("") if gate is None else _cell(form.format(gate.value), stage, name)


def _limit(stages: Sequence[StageResult], name: str | None) -> str:
    gates: dict[str, Gate] = {gate.name: gate for stage in stages for gate in stage.gates}
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
    if not report.ran:
        experts += "\nthe written program was NOT run: its delegate needs an Apple device"
    outcome = "passed" if report.passed else f"FAILED at: {report.first_failing_stage}"
    return Text(experts), Text(outcome, style="bold green" if report.passed else "bold red")
