"""Lowers the products of routed experts, whichever way their weights are grouped."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.fx import Node

from mmoe.backends.mlx.delegate import ProgramBuilder, Slot
from mmoe.backends.mlx.ops.emitter import Emitter
from mmoe.backends.mlx.weights import BITS

# From here on (tokens x top_k / experts), MLX's kernel for sorted indices reads a matrix once for several rows.
_ROWS_PER_EXPERT_WORTH_SORTING = 4


@dataclass(frozen=True, kw_only=True)
class ExpertMatrices:
    """One projection of all experts.

    Attributes:
        weight: Slot of the words.
        scales: Slot of the scales in the activations' dtype.
        biases: Slot of what MLX adds to each group's values, likewise.
        group_size: Values that share a scale.
        by_input: Whether experts are ``[E, out, in]`` in groups of inputs, and not ``[E, in, out]`` in groups of
            outputs.
    """

    weight: Slot
    scales: Slot
    biases: Slot
    group_size: int
    by_input: bool


def lower_routed_experts(
    builder: ProgramBuilder,
    node: Node,
    *,
    gate_up: ExpertMatrices,
    down: ExpertMatrices,
    experts: int,
    width: int,
) -> Slot:
    """Emits the operator whose first arguments are activations, experts and weights.

    Args:
        builder: The program being built.
        node: The call of the operator.
        gate_up: Gate and up, whose outputs follow each other.
        down: The projection back.
        experts: E.
        width: Outputs of the gate.
    """
    x, chosen, weights = builder.args(node)[:3]
    dtype, top_k = node.meta["val"].dtype, node.args[1].meta["val"].shape[1]  # type: ignore[union-attr]
    layer = _Experts(
        emit=Emitter(builder), x=x, experts=chosen, gate_up=gate_up, down=down, width=width, top_k=top_k
    )
    emit = layer.emit
    per_expert = emit.slot()
    most_unsorted = max(_ROWS_PER_EXPERT_WORTH_SORTING * experts // top_k - 1, 1)
    emit.branch(
        emit.exceeds(emit.size(x, 0), most_unsorted),
        lambda: layer.multiply_sorted(per_expert),
        lambda: layer.multiply_in_place(per_expert),
    )
    factors = emit("ExpandDimsNode", x=emit("AsTypeNode", x=weights, scalar_type=dtype), axis=-1)
    weighted = emit("MultiplyNode", a=per_expert, b=factors)
    out = builder.make_or_get_slot(node)
    return emit("SumNode", x=weighted, axes=[1], keepdims=False, out=out)


@dataclass(frozen=True, kw_only=True)
class _Experts:
    """Emits one layer's products; each method writes ``[T, top_k, H]`` to the slot that it is given."""

    emit: Emitter
    x: Slot
    experts: Slot
    gate_up: ExpertMatrices
    down: ExpertMatrices
    width: int
    top_k: int

    def multiply_in_place(self, out: Slot) -> None:
        """For few tokens: the kernel broadcasts each token to its experts, nothing is copied."""
        rows = self.emit("ExpandDimsNode", x=self.emit("ExpandDimsNode", x=self.x, axis=1), axis=1)
        y = self._feed_forward(rows, self.experts, is_sorted=False)  # [T, top_k, 1, H]
        self.emit("SqueezeNode", x=y, dims=[-2], out=out)

    def multiply_sorted(self, out: Slot) -> None:
        """For many tokens: rows in ascending order of their expert, so that a matrix is read once for all of them."""
        emit = self.emit
        flat = emit("ReshapeNode", x=self.experts, shape=[-1])
        order = emit("ArgsortNode", x=flat, axis=0)
        tokens = emit("ARangeNode", start=0, stop=emit.size(self.x, 0), step=1, scalar_type=torch.int32)
        token_of_row = emit("RepeatNode", x=tokens, repeats=self.top_k, axis=0)
        row_tokens = emit("TakeNode", x=token_of_row, index=order, axis=0)
        rows = emit("ExpandDimsNode", x=emit("TakeNode", x=self.x, index=row_tokens, axis=0), axis=-2)
        row_experts = emit("TakeNode", x=flat, index=order, axis=0)
        y = self._feed_forward(rows, row_experts, is_sorted=True)  # [T * top_k, 1, H]
        inverse = emit("ArgsortNode", x=order, axis=0)
        restored = emit("TakeNode", x=emit("SqueezeNode", x=y, dims=[-2]), index=inverse, axis=0)
        emit("ReshapeNode", x=restored, shape=[emit.size(self.x, 0), self.top_k, -1], out=out)

    def _feed_forward(self, rows: Slot, experts: Slot, *, is_sorted: bool) -> Slot:
        z = self._product(rows, self.gate_up, experts, is_sorted=is_sorted)
        gate = self.emit("SliceNode", x=z, axis=-1, start=0, stop=self.width)
        up = self.emit("SliceNode", x=z, axis=-1, start=self.width, stop=2 * self.width)
        hidden = self.emit("MultiplyNode", a=self.emit("SiluNode", x=gate), b=up)
        return self._product(hidden, self.down, experts, is_sorted=is_sorted)

    def _product(self, x: Slot, matrix: ExpertMatrices, experts: Slot, *, is_sorted: bool) -> Slot:
        return self.emit(
            "GatherQmmNode",
            x=x,
            w=matrix.weight,
            scales=matrix.scales,
            biases=matrix.biases,
            rhs_indices=experts,
            group_size=matrix.group_size,
            bits=BITS,
            mode="affine",
            transpose=matrix.by_input,
            sorted_indices=is_sorted,
        )
