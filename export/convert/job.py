"""The work of a conversion, which needs PyTorch and the delegate's exporter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from torch import nn

from mmoe.backends.base import Backend
from mmoe.backends.mapped_constants import write_program
from mmoe.backends.program_file import ProgramFile
from mmoe.backends.registry import load_backend
from mmoe.backends.tracing import runner_metadata
from mmoe.checkpoints.checkpoint import Checkpoint
from mmoe.checkpoints.tokenizer import ChatTokenizer
from mmoe.export.artifact.artifact import MODEL_FILE, Artifact
from mmoe.export.artifact.manifest import BackendRecord, ManifestContent, RuntimeRecord, SourceRecord
from mmoe.export.artifact.versions import installed_versions
from mmoe.export.convert.carried import carried_files, licence
from mmoe.export.convert.checks import CheckedSource
from mmoe.export.convert.memory import require_memory
from mmoe.export.convert.notes import notes
from mmoe.export.convert.options import ConvertOptions
from mmoe.export.convert.plan import ConversionPlan, plan_conversion
from mmoe.export.convert.post_training import packed_copy, quantized_config
from mmoe.export.convert.quantize_option import Quantize
from mmoe.export.convert.scale_spread import expert_scales, wide_scales_note
from mmoe.export.convert.spill import Spill
from mmoe.export.convert.trial_run import require_running
from mmoe.export.demo.bundled import BUNDLED, is_bundled
from mmoe.export.progress import SILENT, Progress
from mmoe.models.architectures.config import CONFIG_FILE
from mmoe.models.architectures.config_reader import read_json_object
from mmoe.models.architectures.input_grouped import REQUANTIZED_KEY
from mmoe.models.architectures.registry import flat_config
from mmoe.models.decoder import build_decoder


@dataclass(frozen=True, kw_only=True)
class Job:
    """A conversion of which everything has been checked that can be before the work."""

    source: CheckedSource
    backend: Backend
    files: Mapping[str, bytes]
    plan: ConversionPlan
    quantize: Quantize

    def run(self, progress: Progress, tell: Callable[[str], None] | None) -> Artifact:
        """Writes the artifact.

        Args:
            progress: Told of every phase.
            tell: Given what the user should know of the artifact; None for nobody.

        Raises:
            MmoeError: The work failed; nothing was written.
        """
        with (
            self.source.writer as writer,
            packed_copy(
                self.source.checkpoint, near=writer.folder, quantize=self.quantize, progress=progress
            ) as checkpoint,
        ):
            with writer.open(MODEL_FILE) as file:
                build_program(checkpoint, self.source.tokenizer, self.backend, self.plan, file, progress)
            progress.phase("Finishing the artifact")
            for name, data in self.files.items():
                writer.write(name, data)
            sizes = self.backend.sizes(ProgramFile(Path(file.name)))
            content = _manifest(checkpoint, self, sizes)
            if not self.source.runs_in_libmmoe:
                return writer.commit(content)
            scales = content.expert_scales
            if tell is not None and scales is not None and scales.wide_panels:
                tell(wide_scales_note(scales))
            return writer.commit(
                content, check=lambda folder: require_running(folder, self.source.tokenizer, content.runtime)
            )


def prepare(
    checked: CheckedSource,
    source: str | Path,
    options: ConvertOptions,
    progress: Progress,
    tell: Callable[[str], None] | None,
) -> Job:
    """Checks what is left to check before the long work: the backend's abilities, room, every value.

    Args:
        checked: What is converted.
        source: As the user names it.
        options: How to convert.
        progress: Told of every phase.
        tell: Given what the user should know of the artifact; None for nobody.

    Raises:
        MmoeError: The conversion would fail.
    """
    backend = load_backend(options.backend, options.backend_options)
    checkpoint = checked.checkpoint
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
    checked.writer.require_space(plan.artifact_bytes * (3 if options.quantize else 2))
    require_memory(plan.peak_memory_bytes, f"converting {source}")
    files = carried_files(checkpoint.folder, checked.tokenizer)
    progress.phase("Checking the values")
    checkpoint.check_values(progress.step)
    if tell is not None:
        for note in notes(backend, checkpoint, checked.tokenizer):
            tell(note)
    return Job(source=checked, backend=backend, files=files, plan=plan, quantize=quantize)


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


def _manifest(checkpoint: Checkpoint, job: Job, sizes: dict[str, int]) -> ManifestContent:
    architecture = flat_config(read_json_object(checkpoint.folder / CONFIG_FILE))
    # Another tool's words on its packing say nothing of the program.
    architecture.pop("quantization_config", None)
    quantization = architecture.pop("quantization", None)
    if not isinstance(quantization, dict):
        assert checkpoint.config.quantization is not None
        quantization = checkpoint.config.quantization.to_block()
    if checkpoint.losses:
        quantization[REQUANTIZED_KEY] = {
            name: f"{loss.type}, {loss.decibels:.1f} dB" for name, loss in checkpoint.losses.items()
        }
    config, tokenizer = checkpoint.config, job.source.tokenizer
    sampling = tokenizer.sampling
    return ManifestContent(
        source=SourceRecord(
            id=BUNDLED if is_bundled(job.source.checkpoint.folder) else checkpoint.source.id,
            revision=checkpoint.source.revision,
            licence=licence(job.source.checkpoint.folder),
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
