"""Writes a synthetic checkpoint: released format, seeded, and labelled as synthetic."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmoe.checkpoints.checkpoint import Checkpoint, open_checkpoint
from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.shards import INDEX_FILE, SINGLE_FILE
from mmoe.export.artifact.artifact import CARD_FILE
from mmoe.export.demo.bundled import bundled_checkpoint
from mmoe.export.files.place import require_place
from mmoe.export.files.safetensors import shards_of, write_safetensors, write_shards
from mmoe.export.files.scratch import remove_abandoned, scratch_folder
from mmoe.export.files.writing import explained_write_errors, free_bytes, new_parents
from mmoe.export.progress import SILENT, Progress
from mmoe.export.synthesize.float_model import FloatModel
from mmoe.export.synthesize.growth import GrownModel, can_grow
from mmoe.export.synthesize.public_sizes import public_name
from mmoe.export.synthesize.random_model import RandomModel
from mmoe.export.synthesize.sizes import read_size, with_layers
from mmoe.export.synthesize.tokenizer import tokenizer_files
from mmoe.models.architectures.config import CONFIG_FILE, DecoderConfig
from mmoe.models.architectures.registry import parse_config
from mmoe.models.files import read_regular
from mmoe.models.json_text import parse_json

SYNTHETIC_KEY = "synthetic"
_PARTIAL = ".partial"
_CARD = """---
license: bsd-3-clause
---
# A synthetic {architecture} checkpoint

`mmoe-export synthesize` wrote it (seed {seed}), as a stand-in of the right size and format for tests and benchmarks.
{origin}
The tokenizer has the merges of the small trained checkpoint that comes with mmoe-export, and filler words for the other
ids.

{layers} layers, hidden size {hidden}{experts}; {bytes:,} bytes of tensors. `config.json` says `"{key}"` for programs.
"""


def synthesize(
    size: str,
    target: str | Path,
    *,
    seed: int = 0,
    layers: int | None = None,
    overwrite: bool = False,
    progress: Progress = SILENT,
) -> Checkpoint:
    """Writes a checkpoint folder, completely or not at all.

    The same arguments give the same bytes.

    Args:
        size: S, M, L, MobileLLM-Pro or a name of `PUBLIC_SIZES` (released models), or the path of a `config.json`.
            Public families are written in bfloat16, in shards; all else is packed.
        target: the folder to write.
        seed: of the random numbers.
        layers: write only so many layers; None for all.
        overwrite: replace a synthetic checkpoint that is there; anything else never is.
        progress: told of every tensor.

    Returns:
        The checkpoint, opened.

    Raises:
        OptionError: no such size, or the vocabulary is too small.
        ConfigError: the config describes something unsupported.
        CheckpointError: something else is at the target, or the disk has too little room.
        ArtifactError: the folder cannot be written.
    """
    target = require_place(target, scratch_suffix=_PARTIAL)
    data = read_size(size)
    if layers is not None:
        data = with_layers(data, layers)
    data[SYNTHETIC_KEY] = {"seed": seed, "note": "a stand-in, written by mmoe-export synthesize"}
    in_floats = public_name(size) is not None
    if not in_floats:
        data["quantization"] = type(parse_config(data | {"quantization": None}, where=size)).PACKED.to_block()
    config = parse_config(data, where=size)
    texts = tokenizer_files(config)
    model = FloatModel(config, seed=seed) if in_floats else _packed_model(config, seed)
    total = sum(spec.num_bytes for spec in model.specs.values())
    files = {INDEX_FILE, *shards_of(model.specs)} if in_floats else {SINGLE_FILE}
    own = {*texts, *files, CONFIG_FILE, CARD_FILE}
    _check_target(target, total, replaceable=overwrite and _is_synthetic(target, own))
    texts[CONFIG_FILE] = json.dumps(data, indent=2) + "\n"
    texts[CARD_FILE] = _card(config, model.ORIGIN, seed=seed, total=total)
    progress.phase("Writing the tensors")
    with _whole_folder(target) as folder:
        metadata = {"format": "pt", SYNTHETIC_KEY: f"seed {seed}"}
        if in_floats:
            write_shards(folder, model.specs, model.chunks, metadata=metadata, progress=progress.step)
        else:
            write_safetensors(
                folder / SINGLE_FILE, model.specs, model.chunks, metadata=metadata, progress=progress.step
            )
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    return open_checkpoint(target, unpacked=in_floats)


def _packed_model(config: DecoderConfig, seed: int) -> GrownModel | RandomModel:
    trained = open_checkpoint(bundled_checkpoint())
    kind = GrownModel if can_grow(trained.config, config) else RandomModel
    return kind(trained, config, seed=seed)


def _check_target(target: Path, needed: int, *, replaceable: bool) -> None:
    if target.exists() and not replaceable:
        raise CheckpointError(
            f"{target}: is there already; choose another folder, or overwrite (only synthetic checkpoints are "
            "replaced, and only where nothing else is in their folder)"
        )
    free = free_bytes(target.parent)
    if needed > free:
        raise CheckpointError(f"{target}: needs {needed:,} bytes, but only {free:,} are free on this disk")


def _is_synthetic(folder: Path, own: set[str]) -> bool:
    """Whether a folder is a synthetic checkpoint with no files but its own."""
    try:
        if any(path.name not in own or not path.is_file() for path in folder.iterdir()):
            return False
        data = parse_json(read_regular(folder / CONFIG_FILE))
    except (OSError, ValueError):
        return False
    return isinstance(data, dict) and SYNTHETIC_KEY in data


@contextmanager
def _whole_folder(target: Path) -> Iterator[Path]:
    """A hidden folder that takes the target's place if the block succeeds, and vanishes if it does not."""
    with explained_write_errors(target), new_parents(target):
        remove_abandoned(target.parent, f".{target.name}.", _PARTIAL)
        with scratch_folder(target.parent, f".{target.name}.", _PARTIAL) as hidden:
            new = hidden / "new"
            new.mkdir()
            yield new
            if target.exists():
                shutil.rmtree(target)
            os.rename(new, target)


def _card(config: DecoderConfig, origin: str, *, seed: int, total: int) -> str:
    blocks = config.expert_blocks
    block = next(iter(blocks.values())) if blocks else None
    return _CARD.format(
        architecture=config.ARCHITECTURE.removesuffix("ForCausalLM"),
        origin=origin,
        seed=seed,
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        experts=f", {block.num_experts} experts of width {block.width}, {block.top_k} per token"
        if block
        else "",
        bytes=total,
        key=SYNTHETIC_KEY,
    )
