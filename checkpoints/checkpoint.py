"""A checkpoint, opened: validated before any work, read lazily through memory maps.

PyTorch, which takes seconds, comes with the first tensor that is read: what is refused before does not wait for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.inventory import (
    TensorClass,
    check_inventory,
    expected_tensors,
    locate_tensors,
    matrices,
    tensor_class,
)
from mmoe.checkpoints.shards import SINGLE_FILE, TensorFiles
from mmoe.checkpoints.source import CheckpointSource, locate_checkpoint, not_packed
from mmoe.checkpoints.stored import Origin
from mmoe.checkpoints.tensor_spec import TensorSpec
from mmoe.checkpoints.tensor_store import TensorStore
from mmoe.checkpoints.tied_head import check_tied_head
from mmoe.models.architectures.config import CONFIG_FILE, DecoderConfig
from mmoe.models.architectures.registry import load_config
from mmoe.quant.int4_format import LARGEST_VALUE

if TYPE_CHECKING:
    from torch import Tensor

    from mmoe.checkpoints.tensor_reader import TensorReader


@dataclass(frozen=True)
class Rounded:
    """What became of a tensor whose type is not carried over.

    Attributes:
        type: Its type in the files.
        decibels: How much stronger the signal is than the difference from it.
    """

    type: str
    decibels: float


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint whose config and inventory have been checked; tensors are read when they are asked for.

    Attributes:
        config: Its architecture.
        folder: Where its files are.
        source: Where it came from, as the manifest records it.
        files: Its tensors as the family names them, packed or, if the config has no quantisation, as floats.
        rounded: Gives what is not as in the files, by the files' names; to tell it, all of that is read.
        file: The file that holds all of it; None for a folder. Of such a checkpoint the folder is only made for a time.
    """

    config: DecoderConfig
    folder: Path
    source: CheckpointSource
    files: TensorStore
    rounded: Callable[[], Mapping[str, Rounded]] = dict
    file: Path | None = None

    @property
    def place(self) -> Path:
        """What messages call it: where the user has it."""
        return self.file or self.folder

    @cached_property
    def losses(self) -> Mapping[str, Rounded]:
        """What `rounded` gives, read once."""
        return self.rounded()

    @cached_property
    def specs(self) -> Mapping[str, TensorSpec]:
        """Type and shape of each tensor, by our name."""
        shapes = {name: spec.shape for name, spec in expected_tensors(self.config).items()}
        return {name: TensorSpec(self._type(self._origins[name]), shapes[name]) for name in shapes}

    def tensor(self, name: str) -> Tensor:
        """The tensor in its stored type (uint8, int8 or a float), if possible a view of the mapped file.

        Raises:
            CheckpointError: when there is no tensor of that name.
        """
        return self._reader.whole(self._origin(name))

    def pieces(self, name: str) -> Iterator[Tensor]:
        """The same in pieces, one of which is in memory at a time: experts ``[in, out]``, or the tensor as a whole.

        Raises:
            CheckpointError: when there is no tensor of that name.
        """
        return self._reader.pieces(self._origin(name))

    @cached_property
    def _reader(self) -> TensorReader:
        return _reader(self.files)

    @cached_property
    def _origins(self) -> Mapping[str, Origin]:
        return locate_tensors(self.config, self.files.specs)

    def _origin(self, name: str) -> Origin:
        if name not in self._origins:
            raise CheckpointError(f"the checkpoint has no tensor named {name}")
        return self._origins[name]

    def _type(self, origin: Origin) -> str:
        """The type of what a tensor is made of; the widest, if there are several."""
        types = {self.files.specs[source].dtype for source in origin.sources}
        return types.pop() if len(types) == 1 else "F32"

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

        Where experts are grouped along the input, scales may be negative.

        Packed values need no check: each of the 16 nibbles is valid. Weights that are yet to be packed must leave room
        for the scale of their group.

        Args:
            progress: called with the number of tensors checked so far and the number of tensors to check.

        Raises:
            CheckpointError: naming every tensor at fault and the index of its first bad element.
        """
        names = [name for name, spec in self.specs.items() if spec.dtype not in ("U8", "I8")]
        quantization = self.config.quantization
        # Formats grouped along the input choose the sign that makes the largest magnitude -8.
        signed = quantization is not None and quantization.experts_by_input
        to_pack = set() if quantization else {matrix.weight for matrix in matrices(self.config)}
        problems = []
        for done, name in enumerate(names, start=1):
            largest = LARGEST_VALUE if name in to_pack else math.inf
            smallest = 0.0 if name.endswith("_scale") and not signed else -largest
            problem = self._reader.first_bad_value(self._origins[name], smallest, largest)
            if problem is not None:
                problems.append(f"{name}{problem}")
            if progress is not None:
                progress(done, len(names))
        if problems:
            raise CheckpointError(
                f"{self.place}: values that no valid checkpoint has; download it again:\n  "
                + "\n  ".join(problems)
            )


def open_checkpoint(source: str | Path, *, revision: str | None = None, unpacked: bool = False) -> Checkpoint:
    """Opens a checkpoint folder, or the snapshot of a hub repository, and checks all but its values.

    Args:
        source: a folder, or a hub id such as ``facebook/MobileMoE-S-QAT``.
        revision: branch, tag or commit of the hub repository.
        unpacked: whether a checkpoint of 16-bit or 32-bit floats will do.

    Raises:
        HubError: when the repository could not be had.
        ConfigError: when `config.json` describes something unsupported.
        CheckpointError: when ``source`` is no checkpoint folder, or a file or tensor is missing, unexpected,
            wrongly typed, wrongly shaped or damaged.
        OptionError: when a revision is given for a folder.
    """
    located = locate_checkpoint(source, revision=revision, unpacked=unpacked)
    folder = located.folder
    try:
        is_empty = not any(folder.iterdir())
    except OSError as error:
        raise CheckpointError(f"{folder}: cannot be looked into ({error.strerror})") from error
    if is_empty:
        raise CheckpointError(f"{folder}: is empty; a checkpoint has {CONFIG_FILE} and {SINGLE_FILE}")
    config = load_config(folder)
    if config.quantization is None and not unpacked:
        raise CheckpointError(not_packed(str(folder)))
    files = TensorFiles(folder)
    check_inventory(config, files.specs, where=str(folder))
    check_tied_head(
        config, files.specs, lambda one, other: _reader(files).are_equal(one, other), where=str(folder)
    )
    return Checkpoint(config=config, folder=folder, source=located.source, files=files)


def _reader(files: TensorStore) -> TensorReader:
    from mmoe.checkpoints.tensor_reader import TensorReader

    return TensorReader(files)
