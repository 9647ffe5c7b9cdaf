"""`mmoe-export verify --against`: two artifacts of one checkpoint, compared with each other."""

from typing import TYPE_CHECKING

from mmoe.export.cli.ui.noise import silence_runtime
from mmoe.export.cli.ui.pytorch import announce_pytorch
from mmoe.export.cli.ui.terminal import Terminal
from mmoe.runtime_bindings.python.errors import MmoeError

if TYPE_CHECKING:
    from mmoe.export.artifact.artifact import Artifact
    from mmoe.export.verify.agreement import AgreementReport
    from mmoe.export.verify.text import VerificationText


def compare_with(
    artifact: "Artifact",
    against: "Artifact",
    text: "VerificationText",
    terminal: Terminal,
    *,
    max_tokens: int | None,
    min_top1_agreement: float,
    threads: int | None,
) -> "AgreementReport":
    """Runs both artifacts and shows how far they agree."""
    with terminal.progress() as progress:
        announce_pytorch(progress)
        from mmoe.export.verify.agreement import compare_artifacts
        from mmoe.export.verify.ladder import DEFAULT_MAX_TOKENS

        if not terminal.verbose:
            silence_runtime()
        report = compare_artifacts(
            artifact,
            against,
            text,
            max_tokens=max_tokens or DEFAULT_MAX_TOKENS,
            min_top1_agreement=min_top1_agreement,
            threads=threads,
            progress=progress,
        )
    from mmoe.export.cli.ui.report_table import format_agreement

    terminal.show(format_agreement(report))
    terminal.result(report.to_dict())
    return report


def require_agreement(report: "AgreementReport") -> None:
    """Fails if the artifacts do not agree.

    Raises:
        MmoeError: The expert weights differ, or a stage missed its limit.
    """
    if not report.same_experts:
        raise MmoeError(f"{report.artifact} and {report.against} do not hold the same expert weights")
    for stage in report.stages:
        for gate in stage.failures:
            raise MmoeError(
                f"{report.artifact} and {report.against} disagree in {stage.name}: {gate.describe()}"
            )
