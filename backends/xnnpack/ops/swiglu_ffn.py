"""`mmoe::swiglu_ffn`: a dense gated feed-forward block, gate, up and down matrix, in one operator."""

import torch
from torch import Tensor
from torch.nn.functional import silu

from mmoe.backends.xnnpack.ops.grouped_matmul import grouped_matmul
from mmoe.backends.xnnpack.ops.registration import register_operator
from mmoe.quant.linear_layout import LinearPanels

_ARGUMENTS = "Tensor x, Tensor gate_up_weight, Tensor gate_up_scale, Tensor down_weight, Tensor down_scale"


def _twin(
    x: Tensor, gate_up_weight: Tensor, gate_up_scale: Tensor, down_weight: Tensor, down_scale: Tensor
) -> Tensor:
    gate, up = grouped_matmul(x.flatten(0, -2), gate_up_weight, gate_up_scale).chunk(2, dim=-1)
    return grouped_matmul(silu(gate) * up, down_weight, down_scale).view_as(x)


def _shape_like(x: Tensor, *_: object) -> Tensor:
    return torch.empty_like(x)


register_operator("swiglu_ffn", _ARGUMENTS, twin=_twin, shape_like=_shape_like)


def swiglu_ffn(x: Tensor, *, gate_up: LinearPanels, down: LinearPanels) -> Tensor:
    """``down(silu(gate(x)) * up(x))``.

    Args:
        x: float32 ``[1, T, H]``.
        gate_up: Panels of the gate matrix ``[S, H]``, then those of the up matrix; S is a multiple of 32.
        down: Panels of ``[H, S]``.

    Returns:
        float32 ``[1, T, H]``.
    """
    result: Tensor = torch.ops.mmoe.swiglu_ffn(x, gate_up.weight, gate_up.scale, down.weight, down.scale)
    return result
