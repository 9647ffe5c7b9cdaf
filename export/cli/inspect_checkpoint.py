"""What `mmoe-export inspect` tells of a checkpoint, a GGUF file's own types included."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import RenderableType

from mmoe.export.cli.checkpoint_source import fetch
from mmoe.export.cli.ui.tables import field_table, fields_of, size_table
from mmoe.export.cli.ui.terminal import Terminal
from mmoe.export.cli.ui.units import format_bytes
from mmoe.models.files import as_path
from mmoe.runtime_bindings.python.errors import MmoeError

if TYPE_CHECKING:
    from mmoe.checkpoints.gguf.summary import GgufSummary
    from mmoe.checkpoints.summary import CheckpointSummary


def inspect_checkpoint(path: str, revision: str | None, terminal: Terminal) -> dict[str, object]:
    """Shows a checkpoint, and gives the same as a JSON object.

    Of a GGUF file that cannot be converted it tells what is in the file, and under "refused" why.
    """
    from mmoe.checkpoints.gguf.gguf_file import SUFFIX

    file = as_path(path)
    if file.suffix == SUFFIX and file.is_file() and revision is None:
        return _inspect_gguf(file, terminal)
    return _describe(path, fetch(path, revision, terminal, unpacked=True), terminal)


def _describe(path: str, revision: str | None, terminal: Terminal) -> dict[str, object]:
    from mmoe.checkpoints.opening import open_source
    from mmoe.checkpoints.summary import describe_checkpoint
    from mmoe.export.demo.bundled import named_source
    from mmoe.export.files.records import to_json

    summary = describe_checkpoint(open_source(named_source(path), revision=revision, unpacked=True))
    terminal.show(*_checkpoint_tables(summary))
    data = to_json(summary)
    assert isinstance(data, dict)
    return dict(data)


def _inspect_gguf(path: Path, terminal: Terminal) -> dict[str, object]:
    from mmoe.checkpoints.gguf.summary import describe_gguf
    from mmoe.export.files.records import to_json

    gguf = describe_gguf(path)
    terminal.show(*_gguf_tables(gguf))
    found: dict[str, object] = {"gguf": to_json(gguf), "refused": None}
    try:
        return found | _describe(str(path), None, terminal)
    except MmoeError as error:
        terminal.show(field_table({"convert": f"refuses it: {error}"}, title="conversion"))
        return found | {"refused": str(error)}


def _gguf_tables(gguf: "GgufSummary") -> list[RenderableType]:
    total = sum(share.bytes for share in gguf.types)
    with_matrix = ", with an importance matrix" if gguf.importance_matrix else ""
    fields = {
        "GGUF file": gguf.path,
        "architecture": gguf.architecture or "not stated",
        "quantised as": f"{gguf.recipe or 'not stated'}{with_matrix}",
    }
    for share in gguf.types:
        fields[share.type] = (
            f"{share.tensors} tensors, {format_bytes(share.bytes)} ({share.bytes / max(total, 1):.1%}); becomes "
            f"{share.becomes}"
        )
    return [field_table(fields)]


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
        fields_of(summary.architecture, title="architecture"),
        fields_of(summary.quantization or _unpacked(summary), title="quantisation"),
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
