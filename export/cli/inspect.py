"""`mmoe-export inspect`: what is inside an artifact, a program or a checkpoint."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType

from mmoe.export.cli.inspect_checkpoint import inspect_checkpoint
from mmoe.export.cli.ui.expert_scales import expert_scales_table
from mmoe.export.cli.ui.options import Json, Quiet, Revision, Verbose
from mmoe.export.cli.ui.tables import field_table, fields_of, size_table
from mmoe.export.cli.ui.terminal import Terminal
from mmoe.export.cli.ui.units import format_bytes
from mmoe.models.files import as_path

if TYPE_CHECKING:
    from mmoe.export.artifact.manifest import Manifest
    from mmoe.export.artifact.summary import ArtifactSummary, ProgramSummary

EXAMPLES = """
[bold]Examples[/bold]

mmoe-export inspect mobilemoe-s

mmoe-export inspect mobilemoe-s/model.pte --json

mmoe-export inspect facebook/MobileMoE-S-QAT

mmoe-export inspect olmoe-q4_0.gguf
"""


def inspect(
    path: Annotated[
        str, typer.Argument(help="An artifact, a .pte or GGUF file, a checkpoint folder, a hub id, or demo.")
    ],
    revision: Revision = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show what is inside an artifact, a program or a checkpoint.

    Methods, delegates, operators, bytes by class, versions, quantisation, verification.

    Nothing is run. Of a checkpoint of floats some weights are read, to say which grid they are on; of others none.
    """
    terminal = Terminal(as_json=as_json, quiet=quiet, verbose=verbose)
    place = as_path(path)
    from mmoe.export.artifact.artifact import MODEL_FILE
    from mmoe.export.artifact.manifest import MANIFEST_FILE
    from mmoe.export.files.records import to_json

    summary: ArtifactSummary | ProgramSummary
    if any((place / name).is_file() for name in (MANIFEST_FILE, MODEL_FILE)):
        from mmoe.export.artifact.summary import describe_artifact

        kind, summary = "artifact", describe_artifact(place)
        terminal.show(*_artifact_tables(summary))
    elif place.suffix == ".pte":
        from mmoe.export.artifact.summary import describe_program

        kind, summary = "program", describe_program(place)
        terminal.show(*_program_tables(summary), size_table(summary.bytes_by_part, title="bytes"))
    else:
        terminal.result({"kind": "checkpoint", **inspect_checkpoint(path, revision, terminal)})
        return
    data = to_json(summary)
    assert isinstance(data, dict)
    terminal.result({"kind": kind, **data})


def _artifact_tables(summary: "ArtifactSummary") -> list[RenderableType]:
    manifest = summary.manifest
    revision = f" at {manifest.source.revision}" if manifest.source.revision else ""
    return [
        field_table(
            {
                "artifact": summary.folder,
                "made from": f"{manifest.source.id}{revision}",
                "licence": manifest.source.licence or "not stated by the checkpoint",
                "made with": ", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
                "backend": manifest.backend.name,
                "context": f"{manifest.runtime.max_context_len} tokens, prefilled in calls of up to "
                f"{manifest.runtime.max_seq_len}",
                "verification": _verification(manifest),
            }
        ),
        fields_of(manifest.architecture, title="architecture"),
        fields_of(manifest.quantization, title="quantisation"),
        *expert_scales_table(manifest),
        *_program_tables(summary.program),
        size_table(manifest.sizes, title="bytes"),
    ]


def _program_tables(program: "ProgramSummary") -> list[RenderableType]:
    methods = (
        field_table(
            {
                "inputs": ", ".join(method.inputs),
                "outputs": ", ".join(method.outputs),
                "delegates": _counts(method.delegates),
                "operators": _counts(method.operators),
            },
            title=f"method {method.name}",
        )
        for method in program.methods
    )
    return [
        field_table({"program": program.path, "size": format_bytes(program.bytes)}),
        *methods,
        fields_of(program.metadata, title="constant methods"),
    ]


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} x {name}" for name, count in counts.items()) or "none"


def _verification(manifest: "Manifest") -> str:
    report = manifest.verification
    if report is None:
        return "not yet; run mmoe-export verify"
    outcome = "passed" if report.passed else f"FAILED at {report.first_failing_stage}"
    proof = report.expert_weights
    if proof is None:
        weights = "no routed experts"
    else:
        weights = "expert weights bit-exact" if proof.passed else "expert weights NOT proven exact"
    return f"{outcome} on {report.tokens} tokens of {report.text_source}; {weights}"
