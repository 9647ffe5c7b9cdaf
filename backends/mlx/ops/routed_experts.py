"""`mmoe_mlx::routed_experts`: the chosen experts of every token, multiplied in the layout of the checkpoint."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.fx import Node
from torch.nn.functional import silu

from mmoe.backends.mlx.delegate import REGISTRY, ProgramBuilder, Slot
from mmoe.backends.mlx.ops.emitter import Emitter
from mmoe.backends.mlx.ops.scales import scales_and_biases
from mmoe.backends.mlx.weights import BITS, dequantize_words
from mmoe.quant.int4 import GROUP_SIZE

# From here on (tokens x top_k / experts), MLX's kernel for sorted indices reads a matrix once for several rows.
_ROWS_PER_EXPERT_WORTH_SORTING = 4


@torch.library.custom_op("mmoe_mlx::routed_experts", mutates_args=())
def routed_experts(
    x: Tensor,
    experts: Tensor,
    weights: Tensor,
    gate_up_weight: Tensor,
    gate_up_scale: Tensor,
    down_weight: Tensor,
    down_scale: Tensor,
) -> Tensor:
    """``sum_k weights[t, k] * down(silu(gate) * up)`` over the experts that token t chose.

    Args:
        x: float16 or float32 ``[T, H]``.
        experts: int64 ``[T, top_k]``.
        weights: float32 ``[T, top_k]``.
        gate_up_weight: uint32 ``[E, H, 2F / 8]``, see `mmoe.backends.mlx.weights`.
        gate_up_scale: float16 ``[E, H, 2F / 32]``.
        down_weight: uint32 ``[E, F, H / 8]``.
        down_scale: float16 ``[E, F, H / 32]``.

    Returns:
        ``[T, H]`` in the dtype of x; computed in float32 here, in that dtype by the delegate.
    """
    per_expert = torch.zeros(*experts.shape, x.shape[1])
    for expert in experts.unique().tolist():
        token, place = (experts == expert).nonzero(as_tuple=True)
        gate, up = (x[token].float() @ dequantize_words(gate_up_weight[expert], gate_up_scale[expert])).chunk(
            2, dim=-1
        )
        per_expert[token, place] = silu(gate) * up @ dequantize_words(down_weight[expert], down_scale[expert])
    return (per_expert * weights.unsqueeze(-1)).sum(dim=1).to(x.dtype)


@routed_experts.register_fake
def _(x: Tensor, *_: Tensor) -> Tensor:
    return torch.empty_like(x)


@REGISTRY.register(target=[torch.ops.mmoe_mlx.routed_experts.default])  # type: ignore[untyped-decorator]
def _lower(builder: ProgramBuilder, node: Node) -> Slot:
    x, experts, weights, gate_up_weight, _, down_weight, _ = builder.args(node)
    (_, _, _, gate_up_node, gate_up_scale, _, down_scale), dtype = node.args, node.meta["val"].dtype
    layer = _Experts(
        emit=Emitter(builder),
        x=x,
        experts=experts,
        gate_up=(gate_up_weight, *scales_and_biases(builder, gate_up_scale, dtype)),  # type: ignore[arg-type]
        down=(down_weight, *scales_and_biases(builder, down_scale, dtype)),  # type: ignore[arg-type]
        width=gate_up_node.meta["val"].shape[-1] * 4,  # type: ignore[union-attr]
        top_k=node.args[1].meta["val"].shape[1],  # type: ignore[union-attr]
    )
    emit, num_experts = layer.emit, gate_up_node.meta["val"].shape[0]  # type: ignore[union-attr]
    per_expert = emit.slot()
    most_unsorted = max(_ROWS_PER_EXPERT_WORTH_SORTING * num_experts // layer.top_k - 1, 1)
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
    gate_up: tuple[Slot, Slot, Slot]
    down: tuple[Slot, Slot, Slot]
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

    def _product(self, x: Slot, matrix: tuple[Slot, Slot, Slot], experts: Slot, *, is_sorted: bool) -> Slot:
        weight, scales, biases = matrix
        return self.emit(
            "GatherQmmNode",
            x=x,
            w=weight,
            scales=scales,
            biases=biases,
            rhs_indices=experts,
            group_size=GROUP_SIZE,
            bits=BITS,
            mode="affine",
            transpose=False,
            sorted_indices=is_sorted,
        )
