"""A verification report as a table for people: a column for each stage, or one stage below the other."""

from collections.abc import Sequence
from textwrap import wrap

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from mmoe.export.artifact.verification.figures import FIGURES, Figure
from mmoe.export.artifact.verification.limits import Gate
from mmoe.export.artifact.verification.report import StageResult, VerificationReport
from mmoe.export.cli.ui.tables import Fitting, plain_table
from mmoe.export.verify.agreement import AgreementReport
from mmoe.export.verify.sampling_error import REFERENCE_TOKENS

_HEADING_WIDTH = 11
MISSED = "!"
"""Marks a figure that missed its limit, where no colour does."""
BY_MARGIN = "~"
"""Marks a figure that passed only because the run was short."""


def _value_of_gate(gate: str, title: str, form: str, *, percent: bool = False) -> Figure:
    # Shown by the gate's value, which the metrics of all tokens do not hold.
    return Figure(title=title, gate=gate, value=lambda _: 0.0, form=form, percent=percent)


# Gates that only programs in float32 have.
_FLOAT32_FIGURES = (
    _value_of_gate("untied_tokens", "without ties", ".0f"),
    _value_of_gate("untied_max_abs_diff_relative", "  difference", ".1e"),
    _value_of_gate("untied_cosine_worst", "  cosine", ".7f"),
    _value_of_gate("untied_top1_agreement", "  top-1", ".2f", percent=True),
)


def format_table(report: VerificationReport) -> Group:
    """The figures of every stage; the last lines tell the outcome."""
    title = f"{report.tokens} tokens of {report.text_source}, against eager float32"
    return Group(Text(title, style="bold"), *_figures(report.stages, report.tokens), *_conclusion(report))


def format_agreement(report: AgreementReport) -> Group:
    """Like `format_table`, for two artifacts that were compared with each other."""
    title = f"{report.tokens} tokens of {report.text_source}: {report.artifact} against {report.against}"
    experts = "the same, bit for bit" if report.same_experts else "NOT the same"
    return Group(
        Text(title, style="bold"),
        *_figures(report.stages, report.tokens),
        Text(f"expert weights of both: {experts}"),
    )


def _figures(stages: Sequence[StageResult], tokens: int) -> list[Fitting | Text]:
    """The table, and what its marks mean where there are any."""
    gates = [gate for stage in stages for gate in stage.gates]
    notes = []
    if not all(gate.passed for gate in gates):
        notes.append(Text(f"{MISSED} missed its limit"))
    if any(gate.by_margin for gate in gates):
        notes.append(
            Text(
                f"{BY_MARGIN} beyond its limit, by no more than {tokens} tokens may be by chance: "
                f"{REFERENCE_TOKENS} tokens decide"
            )
        )
    return [Fitting(_wide_table(stages), [_narrow_table(stage) for stage in stages]), *notes]


def _wide_table(stages: Sequence[StageResult]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False, show_edge=False)
    table.add_column("", no_wrap=True)
    for stage in stages:
        table.add_column("\n".join(wrap(stage.name, _HEADING_WIDTH)), justify="right", no_wrap=True)
    table.add_column("limit", justify="right", style="dim", no_wrap=True)
    gates = {gate.name: gate for stage in stages for gate in stage.gates}
    for figure in _shown(gates):
        limit = figure.limit(gates[figure.gate]) if figure.gate in gates else ""
        table.add_row(figure.row or figure.title, *(_cell(stage, figure) for stage in stages), limit)
    if any(stage.router_flips is not None for stage in stages):
        table.add_row("router flips", *map(_router_flips, stages))
    table.add_row("", *map(_outcome, stages))
    return table


def _narrow_table(stage: StageResult) -> Table:
    table = plain_table(stage.name)
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    gates = {gate.name: gate for gate in stage.gates}
    for figure in _shown(gates):
        limit = figure.limit(gates[figure.gate]) if figure.gate in gates else ""
        table.add_row(figure.row or figure.title, _cell(stage, figure), limit)
    if stage.router_flips is not None:
        table.add_row("router flips", _router_flips(stage))
    table.add_row("", _outcome(stage))
    return table


def _shown(gates: dict[str, Gate]) -> list[Figure]:
    return [*FIGURES, *(figure for figure in _FLOAT32_FIGURES if figure.gate in gates)]


def _cell(stage: StageResult, figure: Figure) -> Text:
    gate = next((gate for gate in stage.gates if gate.name == figure.gate), None)
    if figure in _FLOAT32_FIGURES:
        text = "" if gate is None else figure.text(gate.value)
    else:
        text = figure.text(figure.value(stage.metrics))
    if gate is None:
        return Text(text)
    if not gate.passed:
        return Text(f"{MISSED} {text}", style="bold red")
    return Text(f"{BY_MARGIN} {text}" if gate.by_margin else text)


def _router_flips(stage: StageResult) -> str:
    flips = stage.router_flips
    return "" if flips is None else f"{100 * flips.flipped_share:.2f} %"


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
