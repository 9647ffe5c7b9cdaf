"""`mmoe-export inspect`: what is inside an artifact, a program or a checkpoint."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType

from mmoe.export.cli.checkpoint_source import fetch
from mmoe.export.cli.ui.expert_scales import expert_scales_table
from mmoe.export.cli.ui.options import Json, Quiet, Revision, Verbose
from mmoe.export.cli.ui.tables import field_table, size_table
from mmoe.export.cli.ui.terminal import Terminal
from mmoe.export.cli.ui.units import format_bytes
from mmoe.models.files import as_path

if TYPE_CHECKING:
    from mmoe.checkpoints.summary import CheckpointSummary
    from mmoe.export.artifact.manifest import Manifest
    from mmoe.export.artifact.summary import ArtifactSummary, ProgramSummary

EXAMPLES = """
[bold]Examples[/bold]

mmoe-export inspect mobilemoe-s

mmoe-export inspect mobilemoe-s/model.pte --json

mmoe-export inspect facebook/MobileMoE-S-QAT
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

    summary: ArtifactSummary | ProgramSummary | CheckpointSummary
    if any((place / name).is_file() for name in (MANIFEST_FILE, MODEL_FILE)):
        from mmoe.export.artifact.summary import describe_artifact

        kind, summary = "artifact", describe_artifact(place)
        terminal.show(*_artifact_tables(summary))
    elif place.suffix == ".pte":
        from mmoe.export.artifact.summary import describe_program

        kind, summary = "program", describe_program(place)
        terminal.show(*_program_tables(summary), size_table(summary.bytes_by_part, title="bytes"))
    else:
        revision = fetch(path, revision, terminal, unpacked=True)
        from mmoe.checkpoints.opening import open_source
        from mmoe.checkpoints.summary import describe_checkpoint
        from mmoe.export.demo.bundled import named_source

        kind, summary = (
            "checkpoint",
            describe_checkpoint(open_source(named_source(path), revision=revision, unpacked=True)),
        )
        terminal.show(*_checkpoint_tables(summary))
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
        _fields_of(manifest.architecture, title="architecture"),
        _fields_of(manifest.quantization, title="quantisation"),
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
        _fields_of(program.metadata, title="constant methods"),
    ]


def _checkpoint_tables(summary: "CheckpointSummary") -> list[RenderableType]:
    revision = f" at {summary.source.revision}" if summary.source.revision else ""
    total, active = summary.total_parameters, summary.active_parameters
    return [
        field_table(
            {
                "checkpoint": f"{summary.source.id}{revision}",
                "parameters": f"{total / 1e6:,.1f} million, {active / 1e6:,.1f} million active for a token",
                "tensors": f"{summary.num_tensors} in {summary.num_files} files",
                "size": format_bytes(summary.total_bytes),
            }
        ),
        _fields_of(summary.architecture, title="architecture"),
        _fields_of(summary.quantization or _unpacked(summary), title="quantisation"),
        size_table(summary.bytes_by_class, title="bytes"),
    ]


def _unpacked(summary: "CheckpointSummary") -> dict[str, object]:
    """What to quantise floats with: the recipe on whose grid most groups are, if that is more than chance."""
    shares = summary.fitting_groups or {}
    shown: dict[str, object] = {
        f"groups on the grid of {name}": f"{share:.1%}" for name, share in shares.items()
    }
    best = max(shares, key=lambda name: shares[name], default=None)
    fits = best is not None and shares[best] > 0.5
    advice = (
        f"--quantize {best}" if fits else "no grid; latent weights need the recipe that they were trained for"
    )
    return {"weights": "bfloat16", **shown, "looks like": advice}


def _fields_of(
    values: "dict[str, object] | dict[str, int | bool | list[int]]", *, title: str
) -> RenderableType:
    return field_table({name: str(value) for name, value in values.items()}, title=title)


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
