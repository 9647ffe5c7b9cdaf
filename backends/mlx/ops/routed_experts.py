"""`mmoe_mlx::routed_experts`: the chosen experts of every token, multiplied in the layout of the checkpoint."""

import torch
from torch import Tensor
from torch.fx import Node
from torch.nn.functional import silu

from mmoe.backends.mlx.delegate import REGISTRY, ProgramBuilder, Slot
from mmoe.backends.mlx.ops.expert_products import ExpertMatrices, lower_routed_experts
from mmoe.backends.mlx.ops.scales import scales_and_biases
from mmoe.backends.mlx.weights import dequantize_words
from mmoe.quant.int4 import GROUP_SIZE


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
    _, _, _, gate_up_weight, _, down_weight, _ = builder.args(node)
    (_, _, _, gate_up_node, gate_up_scale, _, down_scale), dtype = node.args, node.meta["val"].dtype

    def matrices(weight: Slot, scale: Node) -> ExpertMatrices:
        scales, biases = scales_and_biases(builder, scale, dtype)
        return ExpertMatrices(
            weight=weight, scales=scales, biases=biases, group_size=GROUP_SIZE, by_input=False
        )

    num_experts, _, words = gate_up_node.meta["val"].shape  # type: ignore[union-attr]
    return lower_routed_experts(
        builder,
        node,
        gate_up=matrices(gate_up_weight, gate_up_scale),  # type: ignore[arg-type]
        down=matrices(down_weight, down_scale),  # type: ignore[arg-type]
        experts=num_experts,
        width=words * 4,
    )
