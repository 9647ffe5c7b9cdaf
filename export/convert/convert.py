"""Converts a checkpoint into an artifact: read, build, export, lower, write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

from torch import nn

from mmoe.backends.base import Backend
from mmoe.backends.mapped_constants import write_program
from mmoe.backends.program_file import ProgramFile
from mmoe.backends.registry import DEFAULT_BACKEND, declaration, load_backend
from mmoe.backends.tracing import runner_metadata
from mmoe.checkpoints.checkpoint import Checkpoint
from mmoe.checkpoints.opening import open_source
from mmoe.checkpoints.runtime_reader import require_readable, require_renderable
from mmoe.checkpoints.tokenizer import ChatTokenizer, load_tokenizer
from mmoe.export.artifact.artifact import MODEL_FILE, Artifact
from mmoe.export.artifact.manifest import BackendRecord, ManifestContent, RuntimeRecord, SourceRecord
from mmoe.export.artifact.versions import installed_versions
from mmoe.export.artifact.writer import ArtifactWriter
from mmoe.export.convert.carried import carried_files, licence, require_own_files
from mmoe.export.convert.memory import require_memory
from mmoe.export.convert.notes import notes
from mmoe.export.convert.plan import ConversionPlan, plan_conversion
from mmoe.export.convert.post_training import check_request, packed_copy, quantized_config
from mmoe.export.convert.quantize_option import Quantize
from mmoe.export.convert.scale_spread import expert_scales, wide_scales_note
from mmoe.export.convert.spill import Spill
from mmoe.export.convert.trial_run import require_running
from mmoe.export.demo.bundled import BUNDLED, is_bundled, named_source
from mmoe.export.limits import explained_limits
from mmoe.export.progress import SILENT, Progress
from mmoe.models.architectures.config import CONFIG_FILE
from mmoe.models.architectures.config_reader import read_json_object
from mmoe.models.architectures.registry import flat_config
from mmoe.models.decoder import build_decoder


@dataclass(frozen=True, kw_only=True)
class ConvertOptions:
    """How to convert.

    Attributes:
        backend: Name of the backend.
        backend_options: The backend's own options by name; those that are not named have their defaults.
        max_seq_len: Most tokens of one call (the prefill chunk); None for the default.
        max_context_len: Tokens that the KV cache holds; None for all that the model supports.
        quantize: How to quantise a checkpoint in bfloat16; None for one that is packed.
        allow_requantize: Whether what a GGUF file holds in a type that is not carried over is rounded to int8.
        template: Name of the chat template, where the checkpoint has several; None for the default one.
        overwrite: Whether an artifact at the target is replaced.
    """

    backend: str = DEFAULT_BACKEND
    backend_options: Mapping[str, str] = field(default_factory=dict)
    max_seq_len: int | None = None
    max_context_len: int | None = None
    quantize: Quantize | None = None
    allow_requantize: bool = False
    template: str | None = None
    overwrite: bool = False


def convert(
    source: str | Path,
    target: str | Path,
    *,
    revision: str | None = None,
    options: ConvertOptions | None = None,
    progress: Progress = SILENT,
    tell: Callable[[str], None] | None = None,
) -> Artifact:
    """Converts a checkpoint into an artifact folder, completely or not at all.

    At its end, what libmmoe is to run is run in it: one token, before the folder has its name.

    Args:
        source: A checkpoint folder, a GGUF file, a hub id, or "demo" for the bundled checkpoint.
        target: The artifact's folder.
        revision: Branch, tag or commit of a hub id.
        options: How to convert; None for the defaults.
        progress: Told of every phase.
        tell: Given what the user should know of the artifact, a sentence at a time; None for nobody.

    Returns:
        The artifact, not yet verified.

    Raises:
        MmoeError: The checkpoint, the options or the target are at fault; nothing was written.
    """
    with explained_limits(f"converting {source}"):
        job = _prepare(source, target, revision, options or ConvertOptions(), progress, tell)
        return _convert(job, progress, tell)


def _convert(job: _Job, progress: Progress, tell: Callable[[str], None] | None) -> Artifact:
    with (
        job.writer as writer,
        packed_copy(
            job.checkpoint, near=writer.folder, quantize=job.quantize, progress=progress
        ) as checkpoint,
    ):
        with writer.open(MODEL_FILE) as file:
            build_program(checkpoint, job.tokenizer, job.backend, job.plan, file, progress)
        progress.phase("Finishing the artifact")
        for name, data in job.files.items():
            writer.write(name, data)
        sizes = job.backend.sizes(ProgramFile(Path(file.name)))
        content = _manifest(checkpoint, job, sizes)
        if not job.runs_in_libmmoe:
            return writer.commit(content)
        scales = content.expert_scales
        if tell is not None and scales is not None and scales.wide_panels:
            tell(wide_scales_note(scales))
        return writer.commit(
            content, check=lambda folder: require_running(folder, job.tokenizer, content.runtime)
        )


def dry_run(
    source: str | Path,
    target: str | Path,
    *,
    revision: str | None = None,
    options: ConvertOptions | None = None,
    progress: Progress = SILENT,
    tell: Callable[[str], None] | None = None,
) -> ConversionPlan:
    """Checks all that `convert` checks before its long work, and stops there; nothing is written.

    Args:
        source: A checkpoint folder, a GGUF file, a hub id, or "demo" for the bundled checkpoint.
        target: The artifact's folder.
        revision: Branch, tag or commit of a hub id.
        options: How to convert; None for the defaults.
        progress: Told of every phase.
        tell: Given what the user should know of the artifact, a sentence at a time; None for nobody.

    Returns:
        The sizes that the conversion will have.

    Raises:
        MmoeError: The conversion would fail.
    """
    with explained_limits(f"converting {source}"):
        return _prepare(source, target, revision, options or ConvertOptions(), progress, tell).plan


def build_program(
    checkpoint: Checkpoint,
    tokenizer: ChatTokenizer,
    backend: Backend,
    plan: ConversionPlan,
    file: BinaryIO,
    progress: Progress = SILENT,
) -> None:
    """Writes the program of a checkpoint as a `.pte`.

    Args:
        checkpoint: An opened checkpoint.
        tokenizer: Its tokenizer, which knows the id that begins a text.
        backend: The delegate.
        plan: Sequence and context lengths.
        file: Where the program is written.
        progress: Told of every phase.
    """
    own_eos = checkpoint.config.eos_token_ids
    metadata = runner_metadata(
        checkpoint.config,
        bos_id=tokenizer.bos_id,
        eos_ids=[*own_eos, *sorted(tokenizer.stop_ids.difference(own_eos))],
        max_seq_len=plan.max_seq_len,
        max_context_len=plan.max_context_len,
    )
    progress.phase("Packing the weights")
    with Spill(Path(file.name).parent) as spill:
        packed = 0

        def absorb(layer: nn.Module) -> None:
            nonlocal packed
            spill.absorb(layer)
            packed += 1
            progress.step(packed, checkpoint.config.num_hidden_layers)

        decoder = build_decoder(
            checkpoint,
            backend.components,
            max_context_len=plan.max_context_len,
            max_seq_len=plan.max_seq_len,
            on_layer=absorb,
        )
        progress.phase("Exporting the program")
        exported = backend.export(decoder, max_seq_len=plan.max_seq_len)
        progress.phase(f"Lowering for {backend.name}")
        lowered = backend.lower(exported, metadata)
        progress.phase("Writing the program")
        write_program(lowered, file, progress=progress.step)


@dataclass(frozen=True, kw_only=True)
class _Job:
    """A conversion of which everything has been checked that can be before the work."""

    writer: ArtifactWriter
    backend: Backend
    runs_in_libmmoe: bool
    checkpoint: Checkpoint
    tokenizer: ChatTokenizer
    files: Mapping[str, bytes]
    plan: ConversionPlan
    quantize: Quantize


def _prepare(
    source: str | Path,
    target: str | Path,
    revision: str | None,
    options: ConvertOptions,
    progress: Progress,
    tell: Callable[[str], None] | None,
) -> _Job:
    backend = load_backend(options.backend, options.backend_options)
    runs_in_libmmoe = declaration(options.backend).runs_in_libmmoe
    writer = ArtifactWriter(target, overwrite=options.overwrite)
    progress.phase("Checking the checkpoint")
    checkpoint = open_source(
        named_source(source),
        revision=revision,
        unpacked=options.quantize is not None,
        requantize=options.allow_requantize,
    )
    check_request(checkpoint, options.quantize)
    require_own_files(checkpoint.folder)
    tokenizer = load_tokenizer(checkpoint.folder, checkpoint.config, template=options.template)
    if runs_in_libmmoe:
        require_readable(checkpoint.folder, tokenizer)
        if tokenizer.template is not None:
            require_renderable(tokenizer.template)
    quantize = options.quantize or Quantize.INT4_G32
    plan = plan_conversion(
        checkpoint,
        quantized_config(checkpoint.config, quantize)
        if checkpoint.config.quantization is None
        else checkpoint.config,
        backend=backend,
        max_seq_len=options.max_seq_len,
        max_context_len=options.max_context_len,
    )
    # The spilled weights, and a packed copy, are as large as the program that is made from them.
    writer.require_space(plan.artifact_bytes * (3 if options.quantize else 2))
    require_memory(plan.peak_memory_bytes, f"converting {source}")
    files = carried_files(checkpoint.folder, tokenizer)
    checkpoint.check_values(progress.step)
    if tell is not None:
        for note in notes(backend, checkpoint, tokenizer):
            tell(note)
    return _Job(
        writer=writer,
        backend=backend,
        runs_in_libmmoe=runs_in_libmmoe,
        checkpoint=checkpoint,
        tokenizer=tokenizer,
        files=files,
        plan=plan,
        quantize=quantize,
    )


def _manifest(checkpoint: Checkpoint, job: _Job, sizes: dict[str, int]) -> ManifestContent:
    architecture = flat_config(read_json_object(checkpoint.folder / CONFIG_FILE))
    # Another tool's words on its packing say nothing of the program.
    architecture.pop("quantization_config", None)
    quantization = architecture.pop("quantization", None)
    if not isinstance(quantization, dict):
        assert checkpoint.config.quantization is not None
        quantization = checkpoint.config.quantization.to_block()
    config, tokenizer = checkpoint.config, job.tokenizer
    sampling = tokenizer.sampling
    return ManifestContent(
        source=SourceRecord(
            id=BUNDLED if is_bundled(job.checkpoint.folder) else checkpoint.source.id,
            revision=checkpoint.source.revision,
            licence=licence(job.checkpoint.folder),
        ),
        versions=installed_versions(),
        architecture=architecture,
        quantization=quantization,
        backend=BackendRecord(name=job.backend.name, options=asdict(job.backend.options)),
        sizes=sizes,
        expert_scales=expert_scales(checkpoint),
        runtime=RuntimeRecord(
            max_seq_len=job.plan.max_seq_len,
            max_context_len=job.plan.max_context_len,
            vocab_size=config.vocab_size,
            bos_id=tokenizer.bos_id,
            eos_ids=config.eos_token_ids,
            stop_ids=tuple(sorted(tokenizer.stop_ids)),
            special_tokens=dict(tokenizer.special_tokens),
            temperature=sampling.temperature,
            top_k=sampling.top_k or 0,
            top_p=sampling.top_p,
            min_p=sampling.min_p,
            repetition_penalty=sampling.repetition_penalty,
        ),
    )
