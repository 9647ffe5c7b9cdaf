"""A checkpoint, opened: validated before any work, read lazily through memory maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.inventory import TensorClass, TensorSpec, check_inventory, tensor_class
from mmoe.checkpoints.shards import SINGLE_FILE, TensorFiles
from mmoe.checkpoints.source import CheckpointSource, locate_checkpoint, not_packed
from mmoe.models.architectures.config import CONFIG_FILE, DecoderConfig
from mmoe.models.architectures.registry import load_config


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint whose config and inventory have been checked; tensors are read when they are asked for.

    Attributes:
        config: Its architecture.
        folder: Where its files are.
        source: Where it came from, as the manifest records it.
        files: Its tensors, packed or, if the config has no quantisation, in bfloat16.
    """

    config: DecoderConfig
    folder: Path
    source: CheckpointSource
    files: TensorFiles

    @property
    def specs(self) -> Mapping[str, TensorSpec]:
        """Type and shape of each tensor, by name."""
        return self.files.specs

    def tensor(self, name: str) -> Tensor:
        """The tensor as stored (uint8, float16, bfloat16 or float32), a view of the mapped file.

        Raises:
            CheckpointError: when there is no tensor of that name.
        """
        return self.files.tensor(name)

    @property
    def total_bytes(self) -> int:
        """Size of all tensors in bytes, without the files' headers."""
        return sum(spec.num_bytes for spec in self.specs.values())

    def bytes_by_class(self) -> dict[TensorClass, int]:
        """Size in bytes of each class of tensor that the checkpoint has."""
        sizes: dict[TensorClass, int] = {}
        for name, spec in self.specs.items():
            kind = tensor_class(name)
            sizes[kind] = sizes.get(kind, 0) + spec.num_bytes
        return sizes

    def check_values(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Looks at every scale, norm, router weight and bias: all must be finite, and no scale negative.

        Packed values need no check: each of the 16 nibbles is valid.

        Args:
            progress: called with the number of tensors checked so far and the number of tensors to check.

        Raises:
            CheckpointError: naming every tensor at fault and the index of its first bad element.
        """
        names = [name for name, spec in self.specs.items() if spec.dtype != "U8"]
        problems = []
        for done, name in enumerate(names, start=1):
            problem = _first_bad_value(self.tensor(name), is_scale=self.specs[name].dtype == "F16")
            if problem is not None:
                problems.append(f"{name}{problem}")
            if progress is not None:
                progress(done, len(names))
        if problems:
            raise CheckpointError(
                f"{self.folder}: values that no valid checkpoint has; download it again:\n  "
                + "\n  ".join(problems)
            )


def open_checkpoint(source: str | Path, *, revision: str | None = None, unpacked: bool = False) -> Checkpoint:
    """Opens a checkpoint folder, or the snapshot of a hub repository, and checks all but its values.

    Args:
        source: a folder, or a hub id such as ``facebook/MobileMoE-S-QAT``.
        revision: branch, tag or commit of the hub repository.
        unpacked: whether a checkpoint in bfloat16 will do.

    Raises:
        HubError: when the repository could not be had.
        ConfigError: when `config.json` describes something unsupported.
        CheckpointError: when ``source`` is no checkpoint folder, or a file or tensor is missing, unexpected,
            wrongly typed, wrongly shaped or damaged.
        OptionError: when a revision is given for a folder.
    """
    located = locate_checkpoint(source, revision=revision, unpacked=unpacked)
    folder = located.folder
    if not any(folder.iterdir()):
        raise CheckpointError(f"{folder}: is empty; a checkpoint has {CONFIG_FILE} and {SINGLE_FILE}")
    config = load_config(folder)
    if config.quantization is None and not unpacked:
        raise CheckpointError(not_packed(str(folder)))
    files = TensorFiles(folder)
    check_inventory(config, files.specs, where=str(folder))
    return Checkpoint(config=config, folder=folder, source=located.source, files=files)


def _first_bad_value(tensor: Tensor, *, is_scale: bool) -> str | None:
    """Where and what the first element is that is not finite or, in a scale, below zero."""
    bad = ~torch.isfinite(tensor)
    if is_scale:
        bad |= tensor < 0
    if not bool(bad.any()):
        return None
    index = torch.nonzero(bad)[0].tolist()
    kind = "a scale is" if is_scale else "a value is"
    return f"{index}: {kind} {tensor[tuple(index)].item()}"
