"""Converts a checkpoint into an artifact: read, build, export, lower, write."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

from torch import nn

from mmoe.backends.base import Backend
from mmoe.backends.mapped_constants import write_program
from mmoe.backends.program_file import ProgramFile
from mmoe.backends.registry import DEFAULT_BACKEND, load_backend
from mmoe.backends.tracing import runner_metadata
from mmoe.checkpoints.checkpoint import Checkpoint, open_checkpoint
from mmoe.checkpoints.tokenizer import ChatTokenizer, load_tokenizer
from mmoe.export.artifact.artifact import MODEL_FILE, Artifact
from mmoe.export.artifact.manifest import BackendRecord, ManifestContent, RuntimeRecord, SourceRecord
from mmoe.export.artifact.versions import installed_versions
from mmoe.export.artifact.writer import ArtifactWriter
from mmoe.export.convert.memory import require_memory
from mmoe.export.convert.plan import ConversionPlan, plan_conversion
from mmoe.export.convert.post_training import check_request, packed_copy, remove_abandoned_copies
from mmoe.export.convert.quantize_option import Quantize
from mmoe.export.convert.spill import Spill
from mmoe.export.demo.bundled import BUNDLED, is_bundled, named_source
from mmoe.export.progress import SILENT, Progress
from mmoe.models.architectures.config import CONFIG_FILE
from mmoe.models.architectures.registry import flat_config
from mmoe.models.decoder import build_decoder

# Files of a checkpoint that an artifact carries on as they are.
_COPIED_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "generation_config.json",
    "LICENSE",
    "LICENSE.txt",
)


@dataclass(frozen=True, kw_only=True)
class ConvertOptions:
    """How to convert.

    Attributes:
        backend: Name of the backend.
        backend_options: The backend's own options by name; those that are not named have their defaults.
        max_seq_len: Most tokens of one call (the prefill chunk); None for the default.
        max_context_len: Tokens that the KV cache holds; None for all that the model supports.
        quantize: How to quantise a checkpoint in bfloat16; None for one that is packed.
        overwrite: Whether an artifact at the target is replaced.
    """

    backend: str = DEFAULT_BACKEND
    backend_options: Mapping[str, str] = field(default_factory=dict)
    max_seq_len: int | None = None
    max_context_len: int | None = None
    quantize: Quantize | None = None
    overwrite: bool = False


def convert(
    source: str | Path,
    target: str | Path,
    *,
    revision: str | None = None,
    options: ConvertOptions | None = None,
    progress: Progress = SILENT,
) -> Artifact:
    """Converts a checkpoint into an artifact folder, completely or not at all.

    Args:
        source: A checkpoint folder, a hub id, or "demo" for the bundled checkpoint.
        target: The artifact's folder.
        revision: Branch, tag or commit of a hub id.
        options: How to convert; None for the defaults.
        progress: Told of every phase.

    Returns:
        The artifact, not yet verified.

    Raises:
        MmoeError: The checkpoint, the options or the target are at fault; nothing was written.
    """
    options = options or ConvertOptions()
    writer, backend, source_checkpoint, tokenizer, plan = _prepare(
        source, target, revision, options, progress
    )
    with writer, packed_copy(source_checkpoint, near=writer.folder, progress=progress) as checkpoint:
        with writer.open(MODEL_FILE) as file:
            build_program(checkpoint, tokenizer, backend, plan, file, progress)
        progress.phase("Finishing the artifact")
        for name in _COPIED_FILES:
            path = checkpoint.folder / name
            if path.is_file():
                writer.write(name, path.read_bytes())
        sizes = backend.sizes(ProgramFile(Path(file.name)))
        return writer.commit(_manifest(checkpoint, tokenizer, backend, plan, sizes))


def dry_run(
    source: str | Path,
    target: str | Path,
    *,
    revision: str | None = None,
    options: ConvertOptions | None = None,
    progress: Progress = SILENT,
) -> ConversionPlan:
    """Checks all that `convert` checks before its long work, and stops there; nothing is written.

    Args:
        source: A checkpoint folder, a hub id, or "demo" for the bundled checkpoint.
        target: The artifact's folder.
        revision: Branch, tag or commit of a hub id.
        options: How to convert; None for the defaults.
        progress: Told of every phase.

    Returns:
        The sizes that the conversion will have.

    Raises:
        MmoeError: The conversion would fail.
    """
    return _prepare(source, target, revision, options or ConvertOptions(), progress)[-1]


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
    metadata = runner_metadata(
        checkpoint.config,
        bos_id=tokenizer.bos_id,
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


def _prepare(
    source: str | Path, target: str | Path, revision: str | None, options: ConvertOptions, progress: Progress
) -> tuple[ArtifactWriter, Backend, Checkpoint, ChatTokenizer, ConversionPlan]:
    backend = load_backend(options.backend, options.backend_options)
    writer = ArtifactWriter(target, overwrite=options.overwrite)
    remove_abandoned_copies(writer.folder)
    progress.phase("Checking the checkpoint")
    checkpoint = open_checkpoint(
        named_source(source), revision=revision, unpacked=options.quantize is not None
    )
    check_request(checkpoint, options.quantize)
    tokenizer = load_tokenizer(checkpoint.folder, checkpoint.config)
    plan = plan_conversion(
        checkpoint,
        backend=backend,
        max_seq_len=options.max_seq_len,
        max_context_len=options.max_context_len,
    )
    # The spilled weights, and a packed copy, are as large as the program that is made from them.
    writer.require_space(plan.artifact_bytes * (3 if options.quantize else 2))
    require_memory(plan.peak_memory_bytes, f"converting {source}")
    checkpoint.check_values(progress.step)
    return writer, backend, checkpoint, tokenizer, plan


def _licence(folder: Path) -> str | None:
    """The `license` entry in the front matter of the checkpoint's model card, as on the hub."""
    card = folder / "README.md"
    if not card.is_file():
        return None
    front_matter = re.match(r"---\n(.*?)\n---\n", card.read_text(encoding="utf-8"), flags=re.DOTALL)
    entry = front_matter and re.search(r"^license:[ \t]*(\S.*?)[ \t]*$", front_matter[1], flags=re.MULTILINE)
    return entry[1] if entry else None


def _manifest(
    checkpoint: Checkpoint,
    tokenizer: ChatTokenizer,
    backend: Backend,
    plan: ConversionPlan,
    sizes: dict[str, int],
) -> ManifestContent:
    architecture = flat_config(json.loads((checkpoint.folder / CONFIG_FILE).read_text(encoding="utf-8")))
    quantization = architecture.pop("quantization")
    config = checkpoint.config
    return ManifestContent(
        source=SourceRecord(
            id=BUNDLED if is_bundled(checkpoint.folder) else checkpoint.source.id,
            revision=checkpoint.source.revision,
            licence=_licence(checkpoint.folder),
        ),
        versions=installed_versions(),
        architecture=architecture,
        quantization=quantization,
        backend=BackendRecord(name=backend.name, options=asdict(backend.options)),
        sizes=sizes,
        runtime=RuntimeRecord(
            max_seq_len=plan.max_seq_len,
            max_context_len=plan.max_context_len,
            vocab_size=config.vocab_size,
            bos_id=tokenizer.bos_id,
            eos_ids=config.eos_token_ids,
            stop_ids=tuple(sorted(tokenizer.stop_ids)),
            chat=tokenizer.chat_pieces(),
        ),
    )
