"""What is inside a checkpoint: architecture, quantisation, parameters and where the bytes are."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from mmoe.checkpoints.checkpoint import Checkpoint
from mmoe.checkpoints.inventory import TensorClass, tensor_class
from mmoe.checkpoints.source import CheckpointSource
from mmoe.checkpoints.tensor_spec import TensorSpec


@dataclass(frozen=True, kw_only=True)
class CheckpointSummary:
    """A checkpoint in figures; `mmoe.export.files.records.to_json` makes JSON of it.

    Attributes:
        source: Where it came from.
        architecture: The parsed `config.json`, without the quantisation.
        quantization: The quantisation block; None for weights in bfloat16.
        total_parameters: Weights of the model, scales not counted.
        active_parameters: Weights that one token meets: all but the routed experts it is not sent to.
        num_tensors: Tensors in the files.
        num_files: Files that hold them.
        total_bytes: Size of all tensors in bytes.
        bytes_by_class: The same by class of tensor, the largest class first.
        fitting_groups: Of a checkpoint of floats the share of sampled groups that are on a recipe's grid, by its name
            for `--quantize`; None for a packed one.
    """

    source: CheckpointSource
    architecture: dict[str, object]
    quantization: dict[str, object] | None
    total_parameters: int
    active_parameters: int
    num_tensors: int
    num_files: int
    total_bytes: int
    bytes_by_class: dict[str, int]
    fitting_groups: dict[str, float] | None


def describe_checkpoint(checkpoint: Checkpoint) -> CheckpointSummary:
    """Describes an opened checkpoint from its config and headers; of floats some groups are read."""
    total, routed = _count_parameters(checkpoint)
    config = checkpoint.config
    architecture = dataclasses.asdict(config)
    quantization = architecture.pop("quantization")
    by_size = sorted(checkpoint.bytes_by_class().items(), key=lambda item: item[1], reverse=True)
    return CheckpointSummary(
        source=checkpoint.source,
        architecture=architecture,
        quantization=quantization,
        total_parameters=total,
        active_parameters=total - routed + int(routed * config.active_experts),
        num_tensors=len(checkpoint.files.specs),
        num_files=checkpoint.files.num_files,
        total_bytes=checkpoint.total_bytes,
        bytes_by_class={kind.value: size for kind, size in by_size},
        fitting_groups=_fitting_groups(checkpoint) if config.quantization is None else None,
    )


def _fitting_groups(checkpoint: Checkpoint) -> dict[str, float]:
    # Values are looked at with PyTorch; a packed checkpoint is described without it.
    from mmoe.checkpoints.recipes import fitting_groups

    return fitting_groups(checkpoint)


def _count_parameters(checkpoint: Checkpoint) -> tuple[int, int]:
    """Parameters in all, and those of the routed experts among them."""
    counts = {name: _num_parameters(name, spec) for name, spec in checkpoint.specs.items()}
    routed = sum(count for name, count in counts.items() if tensor_class(name) is TensorClass.EXPERTS)
    return sum(counts.values()), routed


def _num_parameters(name: str, spec: TensorSpec) -> int:
    """A byte of packed values holds two parameters; a scale belongs to the parameters it scales."""
    if name.endswith("_scale"):
        return 0
    return math.prod(spec.shape) * (2 if spec.dtype == "U8" else 1)
