"""`mmoe::moe_ffn_in`: routed experts whose int4 weights are grouped along the input, with the router of any family."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import silu

from mmoe.backends.xnnpack.ops.grouped_matmul import grouped_matmul
from mmoe.backends.xnnpack.ops.registration import register_operator
from mmoe.backends.xnnpack.ops.routed_experts import routed_experts
from mmoe.models.architectures.description import Routing, Score
from mmoe.quant.grouped_layout import GroupedPanels

_ARGUMENTS = (
    "Tensor x, Tensor router_weight, Tensor expert_bias, Tensor gate_up_weight, Tensor gate_up_scale, "
    "Tensor down_weight, Tensor down_scale, Tensor? gate_up_zero, Tensor? down_zero, int group_size, int top_k, "
    "bool softmax, bool norm_topk_prob, float sum_eps, float routed_scaling_factor"
)


def _twin(
    x: Tensor,
    router_weight: Tensor,
    expert_bias: Tensor,
    gate_up_weight: Tensor,
    gate_up_scale: Tensor,
    down_weight: Tensor,
    down_scale: Tensor,
    gate_up_zero: Tensor | None,
    down_zero: Tensor | None,
    group_size: int,
    top_k: int,
    softmax: bool,
    norm_topk_prob: bool,
    sum_eps: float,
    routed_scaling_factor: float,
) -> Tensor:
    routing = Routing(
        top_k=top_k,
        norm_topk_prob=norm_topk_prob,
        routed_scaling_factor=routed_scaling_factor,
        score=Score.SOFTMAX if softmax else Score.SIGMOID,
        sum_eps=sum_eps,
    )

    def multiply(rows: Tensor, expert: int, weight: Tensor, scale: Tensor, zero: Tensor | None) -> Tensor:
        own_zero = None if zero is None else zero[expert]
        return grouped_matmul(rows, weight[expert], scale[expert], own_zero, group_size)

    def feed_forward(rows: Tensor, expert: int) -> Tensor:
        gate, up = multiply(rows, expert, gate_up_weight, gate_up_scale, gate_up_zero).chunk(2, dim=-1)
        return multiply(silu(gate) * up, expert, down_weight, down_scale, down_zero)

    return routed_experts(x, router_weight, expert_bias, routing, feed_forward)


def _shape_like(x: Tensor, *_: object) -> Tensor:
    return torch.empty_like(x)


register_operator("moe_ffn_in", _ARGUMENTS, twin=_twin, shape_like=_shape_like)


def moe_ffn_in(
    x: Tensor,
    router_weight: Tensor,
    expert_bias: Tensor,
    *,
    gate_up: GroupedPanels,
    down: GroupedPanels,
    group_size: int,
    routing: Routing,
) -> Tensor:
    """Applies the routed experts of one layer.

    Args:
        x: float32 ``[1, T, H]``, the normalised hidden states.
        router_weight: float32 ``[E, H]``.
        expert_bias: float32 ``[E]``.
        gate_up: Panels of ``[E, 2F, H]``, gate half first.
        down: Panels of ``[E, H, F]``.
        group_size: Inputs that share a scale: 32, 64 or 128.
        routing: How experts are chosen and weighted.

    Returns:
        float32 ``[1, T, H]``, without the shared expert and the residual.
    """
    result: Tensor = torch.ops.mmoe.moe_ffn_in(
        x, router_weight, expert_bias, gate_up.weight, gate_up.scale, down.weight, down.scale, gate_up.zero,
        down.zero, group_size, routing.top_k, routing.score is not Score.SIGMOID, routing.divides_by_sum,
        routing.sum_eps, routing.routed_scaling_factor,
    )  # fmt: skip
    return result
