"""`mmoe_mlx::routed_experts_in`: the same of experts whose weights are grouped along the input."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.fx import Node
from torch.nn.functional import silu

from mmoe.backends.mlx.delegate import REGISTRY, ProgramBuilder, Slot
from mmoe.backends.mlx.ops.expert_products import ExpertMatrices, lower_routed_experts
from mmoe.backends.mlx.ops.scales import scales_and_biases
from mmoe.backends.mlx.weights import from_words
from mmoe.quant.grouped_layout import GroupedExperts


def _routed_experts_in(
    x: Tensor,
    experts: Tensor,
    weights: Tensor,
    gate_up_weight: Tensor,
    gate_up_scale: Tensor,
    gate_up_zero: Tensor | None,
    down_weight: Tensor,
    down_scale: Tensor,
    down_zero: Tensor | None,
) -> Tensor:
    gate_up = GroupedExperts(from_words(gate_up_weight), gate_up_scale, gate_up_zero)
    down = GroupedExperts(from_words(down_weight), down_scale, down_zero)
    per_expert = torch.zeros(*experts.shape, x.shape[1])
    for expert in experts.unique().tolist():
        token, place = (experts == expert).nonzero(as_tuple=True)
        gate, up = (x[token].float() @ gate_up.dense(expert).T).chunk(2, dim=-1)
        per_expert[token, place] = silu(gate) * up @ down.dense(expert).T
    return (per_expert * weights.unsqueeze(-1)).sum(dim=1).to(x.dtype)


Matrices = tuple[Tensor, Tensor, Tensor | None]
"""Words, scales and zero points of one projection."""

_OPERATOR = torch.library.custom_op(
    "mmoe_mlx::routed_experts_in",
    _routed_experts_in,
    mutates_args=(),
    schema="(Tensor x, Tensor experts, Tensor weights, Tensor gate_up_weight, Tensor gate_up_scale, "
    "Tensor? gate_up_zero, Tensor down_weight, Tensor down_scale, Tensor? down_zero) -> Tensor",
)


@_OPERATOR.register_fake
def _(x: Tensor, *_: Tensor | None) -> Tensor:
    return torch.empty_like(x)


def routed_experts_in(
    x: Tensor, experts: Tensor, weights: Tensor, *, gate_up: Matrices, down: Matrices
) -> Tensor:
    """``sum_k weights[t, k] * down(silu(gate) * up)`` over the experts that token t chose.

    Args:
        x: float16 or float32 ``[T, H]``.
        experts: int64 ``[T, top_k]``.
        weights: float32 ``[T, top_k]``.
        gate_up: Words uint32 ``[E, 2F, H / 8]``, see `mmoe.backends.mlx.weights`, scales, float16 or float32
            ``[E, 2F, H / G]``, and zero points uint8 like these; None for 8.
        down: The same of ``[E, H, F]``.

    Returns:
        ``[T, H]`` in the dtype of x; computed in float32 here, in that dtype by the delegate.
    """
    out: Tensor = _OPERATOR(x, experts, weights, *gate_up, *down)
    return out


@REGISTRY.register(target=[torch.ops.mmoe_mlx.routed_experts_in.default])  # type: ignore[untyped-decorator]
def _lower(builder: ProgramBuilder, node: Node) -> Slot:
    dtype, slots = node.meta["val"].dtype, builder.args(node)

    def matrices(first: int) -> ExpertMatrices:
        weight, scale, zero = node.args[first : first + 3]
        scales, biases = scales_and_biases(builder, scale, dtype, zero=zero)  # type: ignore[arg-type]
        words, groups = (one.meta["val"].shape[-1] for one in (weight, scale))  # type: ignore[union-attr]
        return ExpertMatrices(
            weight=slots[first], scales=scales, biases=biases, group_size=8 * words // groups, by_input=True
        )

    num_experts, outputs, _ = node.args[3].meta["val"].shape  # type: ignore[union-attr]
    return lower_routed_experts(
        builder, node, gate_up=matrices(3), down=matrices(6), experts=num_experts, width=outputs // 2
    )
