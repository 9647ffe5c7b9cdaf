"""`mmoe-export verify`: compares an artifact with eager float32, stage by stage."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmoe.export.artifact.verification.limits import Thresholds
from mmoe.export.cli.checkpoint_source import fetch
from mmoe.export.cli.ui.noise import silence_runtime
from mmoe.export.cli.ui.options import Json, Quiet, Revision, Threads, Verbose
from mmoe.export.cli.ui.pytorch import announce_pytorch
from mmoe.export.cli.ui.terminal import Terminal
from mmoe.export.cli.ui.usage import number
from mmoe.export.cli.verify_against import compare_with, require_agreement
from mmoe.runtime_bindings.python.errors import MmoeError

if TYPE_CHECKING:
    from mmoe.export.artifact.artifact import Artifact
    from mmoe.export.artifact.verification.report import VerificationReport
    from mmoe.export.files.records import Json as JsonValue

EXAMPLES = """
[bold]Examples[/bold]

mmoe-export verify mobilemoe-s

mmoe-export verify demo-artifact --checkpoint ./checkpoint --text book.txt --report report.json

mmoe-export verify mobilemoe-s --max-tokens 4096 --min-sqnr-db 30 --json

mmoe-export verify mobilemoe-s-gpu --against mobilemoe-s --max-tokens 512
"""

_LIMITS = "Limits of every stage"
_DEFAULTS = Thresholds()


def _limit(text: str) -> Any:  # whatever Typer makes of it
    return typer.Option(callback=number, help=text, rich_help_panel=_LIMITS)


def verify(
    artifact: Annotated[Path, typer.Argument(help="The folder that convert wrote.")],
    checkpoint: Annotated[
        str | None,
        typer.Option(
            help="The checkpoint it was made from: a folder, a hub id, or demo, the bundled one.",
            show_default="what the manifest names, unless that is a folder",
        ),
    ] = None,
    revision: Revision = None,
    text: Annotated[
        Path | None, typer.Option(help="UTF-8 text to run.", show_default="the bundled held-out text")
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Tokens of text per stage; with fewer than 2048 the limits allow for the error of sampling.",
            show_default="2048",
        ),
    ] = None,
    threads: Threads = None,
    compare_regrouped: Annotated[
        bool,
        typer.Option(
            "--compare-regrouped",
            help="Also show what experts re-quantised along the input axis would give; not judged.",
        ),
    ] = False,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="ARTIFACT",
            help="Compare with this artifact of the same checkpoint instead; top-1 agreement is the only limit.",
        ),
    ] = None,
    report_file: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write the report as JSON.")
    ] = None,
    record: Annotated[
        bool | None,
        typer.Option(
            "--record/--no-record",
            help="Write the result into the artifact's manifest and model card.",
            show_default="unless a longer run is recorded there",
        ),
    ] = None,
    min_sqnr_db: Annotated[
        float, _limit("SQNR (signal to quantisation noise) of the logits, dB.")
    ] = _DEFAULTS.min_sqnr_db,
    min_cosine_mean: Annotated[
        float, _limit("Cosine of the logits, mean over tokens.")
    ] = _DEFAULTS.min_cosine_mean,
    min_cosine_p1: Annotated[
        float, _limit("Cosine of the logits, 1st percentile over tokens.")
    ] = _DEFAULTS.min_cosine_p1,
    min_top1_agreement: Annotated[
        float, _limit("Top-1 agreement: share of tokens whose most probable next token is the same.")
    ] = _DEFAULTS.min_top1_agreement,
    max_kl_mean: Annotated[float, _limit("KL divergence, mean over tokens, nats.")] = _DEFAULTS.max_kl_mean,
    max_perplexity_change: Annotated[
        float, _limit("Relative change of perplexity, up or down.")
    ] = _DEFAULTS.max_perplexity_change,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Verify an artifact against eager float32 PyTorch on real text.

    Stages: exported program, delegated program, the .pte in prefill and token by token.

    The expert weights read back from the .pte must be the checkpoint's, bit for bit.

    If a limit is missed, the exit code is 1 and the first failing stage is named. Limits are for 2048 tokens; a run of
    fewer fails only what chance does not explain.

    The result is recorded in the artifact, unless a longer run is recorded there, and except that of --against.
    """
    terminal = Terminal(as_json=as_json, quiet=quiet, verbose=verbose)
    thresholds = Thresholds(
        min_sqnr_db=min_sqnr_db,
        min_cosine_mean=min_cosine_mean,
        min_cosine_p1=min_cosine_p1,
        min_top1_agreement=min_top1_agreement,
        max_kl_mean=max_kl_mean,
        max_perplexity_change=max_perplexity_change,
    )
    from mmoe.export.artifact.artifact import Artifact
    from mmoe.export.files.place import require_file_place
    from mmoe.export.verify.source import source_of
    from mmoe.export.verify.text import bundled_text, read_text
    from mmoe.models.architectures.quantization_config import POST_TRAINING_KEY

    if report_file is not None:
        report_file = require_file_place(report_file)
    opened = Artifact.open(artifact)
    verification_text = read_text(text) if text is not None else bundled_text()
    if against is not None:
        agreement = compare_with(
            opened, Artifact.open(against), verification_text, terminal,
            max_tokens=max_tokens, min_top1_agreement=min_top1_agreement, threads=threads,
        )  # fmt: skip
        if report_file is not None:
            _write_report(agreement.to_dict(), report_file)
        require_agreement(agreement)
        return
    source, revision = source_of(opened, checkpoint, revision)
    quantized_here = POST_TRAINING_KEY in opened.manifest.quantization
    revision = fetch(str(source), revision, terminal, unpacked=quantized_here)
    with terminal.progress() as progress:
        announce_pytorch(progress)
        from mmoe.export.verify import ladder

        if not verbose:
            silence_runtime()
        options = ladder.VerifyOptions(
            max_tokens=max_tokens or ladder.DEFAULT_MAX_TOKENS,
            thresholds=thresholds,
            compare_regrouped=compare_regrouped,
            threads=threads,
        )
        report = ladder.verify(
            opened, source, verification_text, revision=revision, options=options, progress=progress
        )
    if report_file is not None:
        _write_report(report.to_dict(), report_file)
    show_report(report, terminal)
    terminal.result(report.to_dict())
    _record(opened, report, record, terminal)
    require_passed(report)


def show_report(report: "VerificationReport", terminal: Terminal) -> None:
    """Shows the table of a verification."""
    from mmoe.export.cli.ui.report_table import format_table

    terminal.show(format_table(report))


def require_passed(report: "VerificationReport") -> None:
    """Fails if a gate did.

    Raises:
        MmoeError: A gate failed; names the first stage and its missed limits.
    """
    if report.passed:
        return
    failing = next((stage for stage in report.stages if not stage.passed), None)
    misses = ", ".join(gate.describe() for gate in (failing.failures if failing else ()))
    raise MmoeError(f"verification failed at: {report.first_failing_stage}{': ' if misses else ''}{misses}")


def _record(
    artifact: "Artifact", report: "VerificationReport", wanted: bool | None, terminal: Terminal
) -> None:
    """Records a report as `--record` and `--no-record` say; without them, unless a longer one is there."""
    earlier = artifact.manifest.verification
    if wanted is None and earlier is not None and earlier.tokens > report.tokens:
        terminal.say(
            f"Not recorded: {artifact.folder} has the record of a longer run, {earlier.tokens} tokens instead of "
            f"{report.tokens}; --record replaces it"
        )
    elif wanted is not False:
        artifact.record_verification(report)
        terminal.say(f"Recorded in {artifact.folder}")


def _write_report(report: "dict[str, JsonValue]", path: Path) -> None:
    from mmoe.export.files.writing import write_file

    write_file(path, (json.dumps(report, indent=2, allow_nan=False) + "\n").encode())
