"""`mmoe-export convert`: a checkpoint becomes an artifact."""

import json
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType

from mmoe.backends.registry import DEFAULT_BACKEND, declaration
from mmoe.export.cli.checkpoint_source import fetch
from mmoe.export.cli.ui.backend_options import Backend, check_backend, with_backend_options
from mmoe.export.cli.ui.expert_scales import expert_scales_table
from mmoe.export.cli.ui.options import Json, Overwrite, Quiet, Revision, Verbose
from mmoe.export.cli.ui.tables import field_table, size_table
from mmoe.export.cli.ui.terminal import Terminal
from mmoe.export.cli.ui.units import format_bytes, format_seconds
from mmoe.export.convert.quantize_option import Quantize
from mmoe.export.demo.bundled import BUNDLED
from mmoe.models.files import as_path

if TYPE_CHECKING:
    from mmoe.export.artifact.artifact import Artifact
    from mmoe.export.convert.plan import ConversionPlan

EXAMPLES = """
[bold]Examples[/bold]

mmoe-export convert ./MobileMoE-S-QAT --out mobilemoe-s

mmoe-export convert facebook/MobileMoE-S-QAT --max-context-len 4096

mmoe-export convert demo

mmoe-export convert ./MobileMoE-S-QAT --linears xnnpack --out delegated

mmoe-export convert facebook/MobileMoE-S-QAT --backend mlx --out mobilemoe-s-gpu

mmoe-export convert facebook/MobileMoE-S-SFT --quantize int4-g32

mmoe-export convert ./olmoe-1b-7b-q4_0.gguf

mmoe-export convert facebook/MobileMoE-S-QAT --dry-run
"""


@with_backend_options
def convert(
    source: Annotated[
        str,
        typer.Argument(
            help="A checkpoint folder, a GGUF file, an id on the Hugging Face hub, or demo, the bundled one."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The artifact's folder.", show_default="the source's name and the backend's, in this folder"
        ),
    ] = None,
    backend: Backend = DEFAULT_BACKEND,
    quantize: Annotated[
        Quantize | None,
        typer.Option(
            help="Quantise a bfloat16 checkpoint (Base, SFT, latent weights of QAT): int4-g32 as the packed ones are, "
            "int4-g32-in with experts grouped along the input, q4_0 as llama.cpp's format is, torchao-8da4w as "
            "torchao's int8-int4 recipe does."
        ),
    ] = None,
    allow_requantize: Annotated[
        bool,
        typer.Option(
            "--allow-requantize",
            help="Round what a GGUF file holds in a type that cannot be carried over (Q4_K, Q5_K, ...) to int8, and "
            "say what that loses; experts must be Q4_0 all the same.",
        ),
    ] = False,
    revision: Revision = None,
    template: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Chat template, where the checkpoint has several.", show_default="default"
        ),
    ] = None,
    max_seq_len: Annotated[
        int | None, typer.Option(help="Most tokens of one prefill call.", show_default="512")
    ] = None,
    max_context_len: Annotated[
        int | None,
        typer.Option(help="Tokens that the KV cache holds.", show_default="all the model supports"),
    ] = None,
    overwrite: Overwrite = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Check everything and show sizes and memory, but convert nothing."),
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    **backend_options: str | None,
) -> None:
    """Convert a checkpoint into an artifact that runs on ExecuTorch.

    An artifact is a folder: the program, the tokenizer, a manifest and a model card.

    The checkpoint's int4 values and scales are kept as they are. With --quantize, bfloat16 weights that are on an int4
    grid get exactly that grid back; all others get the scales of least squared error.

    The folder is written completely or not at all.
    """
    chosen = check_backend(backend, backend_options)
    terminal = Terminal(as_json=as_json, quiet=quiet, verbose=verbose)
    target = out or Path(f"{as_path(source).resolve().name.removesuffix('.gguf')}-{backend}")
    revision = fetch(source, revision, terminal, unpacked=quantize is not None)
    started = time.perf_counter()
    notes: list[str] = []
    with terminal.progress() as progress:
        from mmoe.export.convert import convert as library

        options = library.ConvertOptions(
            backend=backend,
            backend_options=chosen,
            max_seq_len=max_seq_len,
            max_context_len=max_context_len,
            quantize=quantize,
            allow_requantize=allow_requantize,
            template=template,
            overwrite=overwrite,
        )
        plan = artifact = None
        if dry_run:
            plan = library.dry_run(
                source, target, revision=revision, options=options, progress=progress, tell=notes.append
            )
        else:
            artifact = library.convert(
                source, target, revision=revision, options=options, progress=progress, tell=notes.append
            )
    for note in notes:
        terminal.say(f"note: {note}")
    if plan is not None:
        show_plan(plan, source, target, notes, terminal)
    if artifact is not None:
        seconds = time.perf_counter() - started
        show_artifact(artifact, seconds=seconds, terminal=terminal)
        manifest = json.loads(artifact.manifest.to_json_text())
        terminal.result(
            {
                "artifact": str(artifact.folder),
                "seconds": round(seconds, 3),
                "notes": notes,
                "manifest": manifest,
            }
        )
        folder = shlex.quote(str(target))
        recorded = artifact.manifest.source
        named = recorded.id == BUNDLED or not as_path(source).is_dir()
        checkpoint = "" if named else f" --checkpoint {shlex.quote(source)}"
        run = "generate" if declaration(backend).runs_in_libmmoe else "inspect"
        prompt = ' --prompt "Once upon a time"' if run == "generate" else ""
        terminal.say(
            f"Next:\n  mmoe-export verify {folder}{checkpoint}\n  mmoe-export {run} {folder}{prompt}"
        )


def show_artifact(artifact: "Artifact", *, seconds: float, terminal: Terminal) -> None:
    """Tells what a conversion wrote."""
    sizes = artifact.manifest.sizes
    terminal.show(
        f"Wrote {artifact.folder} in {format_seconds(seconds)}: "
        f"{artifact.model_path.name} has {format_bytes(sum(sizes.values()))}",
        size_table(sizes),
        *_quantized_here(artifact.manifest.quantization),
        *expert_scales_table(artifact.manifest),
    )


def _quantized_here(quantization: "dict[str, object]") -> list[RenderableType]:
    """What was quantised on conversion, if anything was."""
    outcome = quantization.get("post_training")
    if not isinstance(outcome, dict):
        return []
    share = outcome["recovered_groups"] / outcome["groups"]
    return [
        field_table(
            {
                "from": str(outcome["from"]),
                "groups of 32": f"{outcome['groups']:,}",
                "on a grid already": f"{outcome['recovered_groups']:,} ({share:.2%}), recovered exactly",
                "the others": str(outcome["scales"]),
            },
            title=f"quantised to {quantization['format']}",
        )
    ]


def show_plan(
    plan: "ConversionPlan", source: str, target: Path, notes: list[str], terminal: Terminal
) -> None:
    """Tells what a conversion would write and need."""
    from mmoe.export.convert.memory import available_memory
    from mmoe.export.files.records import to_json
    from mmoe.export.files.writing import free_bytes

    available = available_memory()
    free = free_bytes(target.resolve().parent)
    terminal.show(
        f"{source} can be converted into {target}",
        field_table(
            {
                "program, about": format_bytes(plan.artifact_bytes),
                "free on this disk": format_bytes(free),
                "memory to convert, about": format_bytes(plan.peak_memory_bytes),
                "available now": "unknown" if available is None else format_bytes(available),
                "prefill call": f"up to {plan.max_seq_len} tokens",
                "context": f"{plan.max_context_len} tokens",
                "KV cache in memory": format_bytes(plan.kv_cache_bytes),
            }
        ),
        size_table({kind.value: size for kind, size in plan.checkpoint_bytes.items()}, title="checkpoint"),
    )
    terminal.result(
        {
            "source": source,
            "artifact": str(target),
            "notes": notes,
            "plan": to_json(plan),
            "free_bytes": free,
            "available_memory_bytes": available,
        }
    )
