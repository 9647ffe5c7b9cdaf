"""A packed copy of a checkpoint of floats: quantised tensor by tensor, then a checkpoint like any other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from mmoe.checkpoints.checkpoint import Checkpoint
from mmoe.checkpoints.inventory import Matrix, check_inventory, expected_tensors, matrices
from mmoe.checkpoints.shards import INDEX_FILE, SINGLE_FILE, TensorFiles
from mmoe.checkpoints.tensor_spec import TensorSpec
from mmoe.export.convert.quantize_option import Quantize
from mmoe.export.files.safetensors import write_safetensors
from mmoe.export.files.scratch import remove_abandoned, scratch_folder
from mmoe.export.files.writing import explained_write_errors
from mmoe.export.progress import SILENT, Progress
from mmoe.models.architectures.config import CONFIG_FILE, DecoderConfig
from mmoe.models.architectures.config_reader import read_json_object
from mmoe.models.architectures.input_grouped import InputGroupedConfig
from mmoe.models.architectures.quantization_config import POST_TRAINING_KEY
from mmoe.models.architectures.registry import load_config
from mmoe.models.files import leads_out_of
from mmoe.quant.int4 import GROUP_SIZE
from mmoe.quant.post_training import quantize_weights
from mmoe.quant.q4_0 import quantize_q4_0
from mmoe.quant.torchao_8da4w import quantize_torchao_8da4w
from mmoe.runtime_bindings.python.errors import OptionError

# Weights quantised at a time.
_CHUNK = 1 << 22
_COPY = ".quantised-"
_SCALES = {
    Quantize.INT4_G32: "least squared error",
    Quantize.INT4_G32_IN: "int4-g32-in (least squared error)",
    Quantize.Q4_0: "q4_0 (value of largest magnitude / -8)",
    Quantize.TORCHAO_8DA4W: "torchao-8da4w (largest magnitude / 7.5)",
}
_RECIPES = {
    Quantize.INT4_G32: quantize_weights,
    Quantize.INT4_G32_IN: quantize_weights,
    Quantize.Q4_0: quantize_q4_0,
    Quantize.TORCHAO_8DA4W: quantize_torchao_8da4w,
}
_DTYPES = {"BF16": torch.bfloat16, "F32": torch.float32}
_TEXTS = ("*.json", "*.jinja", "*.md", "LICENSE*")


def quantized_config(config: DecoderConfig, quantize: Quantize) -> DecoderConfig:
    """The config of what a checkpoint of floats becomes.

    Raises:
        OptionError: experts are too narrow for whole groups.
    """
    if not quantize.by_input:
        return config.as_packed()
    for block in config.expert_blocks.values():
        if block.width % GROUP_SIZE:
            raise OptionError(
                f"experts of {block.width} inputs do not divide into the groups of {GROUP_SIZE} that --quantize "
                f"{quantize} makes; use --quantize {Quantize.INT4_G32}"
            )
    return replace(config, quantization=InputGroupedConfig())


def recipe_of(quantization: Mapping[str, object]) -> Quantize:
    """The recipe of the `quantization` block of what was packed here; int4-g32 if nothing was."""
    outcome = quantization.get(POST_TRAINING_KEY)
    scales = outcome.get("scales") if isinstance(outcome, dict) else None
    return next((recipe for recipe, text in _SCALES.items() if text == scales), Quantize.INT4_G32)


@contextmanager
def packed_copy(
    checkpoint: Checkpoint,
    *,
    near: Path,
    quantize: Quantize = Quantize.INT4_G32,
    progress: Progress = SILENT,
) -> Iterator[Checkpoint]:
    """A packed copy for the length of the block; a packed checkpoint is its own.

    The copy is in a hidden folder and needs 0.28 of the checkpoint's bytes. Copies whose processes were killed are
    removed first.

    Args:
        checkpoint: An opened checkpoint.
        near: The folder in which the copy's folder is made.
        quantize: The recipe.
        progress: Told of every tensor.
    """
    remove_abandoned(near, _COPY)
    if checkpoint.config.quantization is not None:
        yield checkpoint
        return
    with scratch_folder(near, _COPY) as folder:
        yield quantize_checkpoint(checkpoint, folder, quantize=quantize, progress=progress)


def quantize_checkpoint(
    checkpoint: Checkpoint,
    folder: Path,
    *,
    quantize: Quantize = Quantize.INT4_G32,
    progress: Progress = SILENT,
) -> Checkpoint:
    """Quantises a checkpoint of floats into a folder; one matrix of it, or one expert, is in memory at a time.

    The same checkpoint gives the same bytes. `config.json` says under `quantization.post_training` how many groups of
    32 there were, and how many of them were on an int4 grid that was recovered. What is not quantised keeps its values:
    it is in bfloat16 where they all fit, otherwise in float32.

    Args:
        checkpoint: An opened, unpacked checkpoint.
        folder: An empty folder.
        quantize: The recipe.
        progress: Told of every tensor.

    Returns:
        The packed checkpoint, with the source of the original.

    Raises:
        ArtifactError: the folder cannot be written.
    """
    progress.phase("Quantising to int4")
    config = quantized_config(checkpoint.config, quantize)
    assert config.quantization is not None
    writer = _Writer(checkpoint, {matrix.qweight: matrix for matrix in matrices(config)}, quantize)
    with explained_write_errors(folder):
        write_safetensors(
            folder / SINGLE_FILE,
            writer.specs(expected_tensors(config)),
            writer.chunks,
            metadata={"format": "pt"},
            progress=progress.step,
        )
        _write_texts(
            checkpoint.folder, folder, config.quantization.to_block() | {POST_TRAINING_KEY: writer.outcome()}
        )
    files = TensorFiles(folder)
    check_inventory(config, files.specs, where=str(folder))
    return replace(checkpoint, config=load_config(folder), folder=folder, files=files)


@dataclass
class _Writer:
    """Turns the tensors of a checkpoint into those of its packed copy, in the copy's order."""

    checkpoint: Checkpoint
    matrices: dict[str, Matrix]
    quantize: Quantize
    groups: int = 0
    recovered: int = 0

    def __post_init__(self) -> None:
        self._scales: dict[str, list[bytes]] = {}
        self._sources: set[str] = set()
        self._specs: dict[str, TensorSpec] = {}

    def specs(self, expected: Mapping[str, TensorSpec]) -> dict[str, TensorSpec]:
        """The expected types, but float32 where bfloat16 does not hold every value."""
        self._specs = {name: self._exact(name, spec) for name, spec in expected.items()}
        return self._specs

    def _exact(self, name: str, spec: TensorSpec) -> TensorSpec:
        if spec.dtype != "BF16" or self.checkpoint.specs[name].dtype == "BF16":
            return spec
        values = self.checkpoint.tensor(name).float()
        return spec if torch.equal(values.bfloat16().float(), values) else TensorSpec("F32", spec.shape)

    def outcome(self) -> dict[str, object]:
        """For `config.json`."""
        return {
            "from": " and ".join(sorted(self._sources)),
            "scales": _SCALES[self.quantize],
            "groups": self.groups,
            "recovered_groups": self.recovered,
        }

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of one tensor."""
        if name in self.matrices:
            yield from self._quantized(self.matrices[name])
        elif name in self._scales:
            yield from self._scales.pop(name)
        else:
            yield _bytes(self.checkpoint.tensor(name).to(_DTYPES[self._specs[name].dtype]))

    def _quantized(self, matrix: Matrix) -> Iterator[bytes]:
        """Yields the values, and keeps the scales, which follow them."""
        scales = self._scales.setdefault(matrix.scale, [])
        by_input = self.quantize.by_input
        for piece in self.checkpoint.pieces(matrix.weight):
            # Experts come with their inputs first.
            rows = piece.T if by_input and len(matrix.shape) == 3 else piece
            self._sources.add(str(rows.dtype).removeprefix("torch."))
            for part in rows.split(max(1, _CHUNK // rows.shape[1])):
                quantized = _RECIPES[self.quantize](part)
                self.groups += part.numel() // GROUP_SIZE
                self.recovered += quantized.recovered
                scales.append(_bytes(quantized.scale))
                yield _bytes(quantized.qweight)


def _bytes(tensor: Tensor) -> bytes:
    return tensor.contiguous().view(torch.uint8).numpy().tobytes()


def _write_texts(source: Path, folder: Path, quantization: dict[str, object]) -> None:
    for pattern in _TEXTS:
        for path in source.glob(pattern):
            if path.name in (CONFIG_FILE, INDEX_FILE) or leads_out_of(source, path):
                continue
            if path.is_file():
                shutil.copyfile(path, folder / path.name)
    config = read_json_object(source / CONFIG_FILE) | {"quantization": quantization}
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
