"""Bytes and multiply-adds of one instruction, from the shapes of its operands.

The model of the device is a simple one: every instruction reads its operands from memory once and writes its result
once, views and integers cost nothing, and a matrix is read once for all rows of a product. What a cache would save is
not counted, and neither are instructions that MLX may fuse, so the sums are upper bounds of the traffic.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmoe.backends.mlx.payload import Instruction

VIEWS = frozenset(
    {"ExpandDimsNode", "IdCopyNode", "ReshapeNode", "SliceNode", "SplitNode", "SqueezeNode", "TransposeNode"}
)
"""Instructions whose result shares the memory of their operand ``x``."""

_ON_INTEGERS = frozenset(
    {
        "AddIntNode",
        "FloorDivideIntNode",
        "ItemIntNode",
        "ModIntNode",
        "MultiplyIntNode",
        "SubtractIntNode",
        "SymSizeNode",
    }
)
_LOOK_UPS = {"TakeNode": "index", "TakeAlongAxisNode": "indices"}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one or several instructions cost.

    Attributes:
        weight_bytes: Read from constants, those computed at load included.
        activation_bytes: Read and written everywhere else: activations and the KV cache.
        macs: Multiply-adds in matrix products and attention.
    """

    weight_bytes: int = 0
    activation_bytes: int = 0
    macs: int = 0

    @property
    def bytes(self) -> int:
        """All bytes."""
        return self.weight_bytes + self.activation_bytes

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            weight_bytes=self.weight_bytes + other.weight_bytes,
            activation_bytes=self.activation_bytes + other.activation_bytes,
            macs=self.macs + other.macs,
        )


def cost_of(
    instruction: Instruction, operands: Mapping[str, Any], result: Any, constants: frozenset[str]
) -> Cost:
    """What an instruction costs.

    Args:
        instruction: It.
        operands: Its operands by the schema's names; arrays need a shape only.
        result: Its result.
        constants: Names of the operands that are weights.
    """
    if instruction.name in VIEWS or instruction.name in _ON_INTEGERS:
        return Cost()
    read = {name: _read_bytes(instruction.name, name, operands, result) for name in operands}
    written = operands["update"].nbytes if instruction.name == "SliceUpdateNode" else result.nbytes
    return Cost(
        weight_bytes=sum(size for name, size in read.items() if name in constants),
        activation_bytes=written + sum(size for name, size in read.items() if name not in constants),
        macs=_macs(instruction.name, operands, result),
    )


def _read_bytes(instruction: str, name: str, operands: Mapping[str, Any], result: Any) -> int:
    size = getattr(operands[name], "nbytes", 0)
    if instruction in _LOOK_UPS and name == "x":
        return int(result.nbytes)  # only what is looked up
    if instruction == "SliceUpdateNode" and name == "dst":
        return 0  # written in place
    if instruction == "GatherQmmNode" and name in ("w", "scales", "biases"):
        return int(size * _matrices_read(operands) // operands["w"].shape[0])
    return int(size)


def _matrices_read(operands: Mapping[str, Any]) -> int:
    """How many experts' matrices a gathered product reads, at most: one for each row unless rows come sorted."""
    rows = int(operands["rhs_indices"].size)
    is_sorted = operands["sorted_indices"] or operands["sorted_indices_flag"]
    return min(rows, int(operands["w"].shape[0])) if is_sorted else rows


def _macs(instruction: str, operands: Mapping[str, Any], result: Any) -> int:
    match instruction:
        case "QuantizedMatmulNode" | "GatherQmmNode":
            return int(result.size * operands["x"].shape[-1])
        case "AddmmNode":
            return int(result.size * operands["mat1"].shape[-1])
        case "SdpaNode":
            # Scores and mixture, each query with each key; what causality masks is computed, too.
            queries, keys = operands["q"], operands["k"]
            return int(2 * math.prod(queries.shape) * keys.shape[-2])
    return 0
