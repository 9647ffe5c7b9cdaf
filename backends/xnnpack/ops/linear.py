"""`mmoe::linear`: a dense int4 matrix with float16 scales per 32 inputs, and int8 activations in the same groups."""

import torch
from torch import Tensor

from mmoe.backends.xnnpack.ops.registration import register_operator
from mmoe.quant.expert_layout import unpack_panel_values
from mmoe.quant.int4 import GROUP_SIZE
from mmoe.quant.linear_layout import LinearPanels


def grouped_matmul(x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    """Multiplies activations by a dense matrix the way the kernels do.

    Activations are quantised to int8 per (token, 32 inputs), symmetric within +-127. Each group gives an exact
    integer sum, which is scaled and added in float32, group by group.

    Args:
        x: float32 ``[T, in]``.
        weight: uint8 ``[panels, in / 4, 64]``.
        scale: float16 ``[panels, in / 32, 32]``.

    Returns:
        float32 ``[T, panels * 32]``.
    """
    parts = x.unflatten(-1, (-1, GROUP_SIZE))  # [T, G, 32]
    largest = parts.abs().amax(dim=-1, keepdim=True)
    factor = 127.0 / largest
    # Zero, or so small that its inverse overflows: the kernels, too, let such a group vanish.
    vanishing = torch.isinf(factor)
    quantised = torch.round(parts * factor.masked_fill(vanishing, 0.0))
    activation_scale = (largest / 127.0).masked_fill(vanishing, 0.0)
    out = torch.zeros(x.shape[0], weight.shape[0] * scale.shape[2])
    for group, columns in enumerate(
        unpack_panel_values(weight).split(GROUP_SIZE, dim=1)
    ):  # [P, 32 in, 32 out]
        matrix = columns.transpose(0, 1).flatten(1).float()
        # Sums of at most 32 * 127 * 8 are exact in float32.
        sums = quantised[:, group] @ matrix
        out += sums * (scale[:, group].flatten().float() * activation_scale[:, group])
    return out


def _twin(x: Tensor, weight: Tensor, scale: Tensor, out_features: int) -> Tensor:
    rows = grouped_matmul(x.flatten(0, -2), weight, scale)[:, :out_features]
    return rows.reshape(*x.shape[:-1], out_features)


def _shape_like(x: Tensor, weight: Tensor, scale: Tensor, out_features: int) -> Tensor:
    return x.new_empty((*x.shape[:-1], out_features))


register_operator(
    "linear", "Tensor x, Tensor weight, Tensor scale, int out_features", twin=_twin, shape_like=_shape_like
)


def linear(x: Tensor, panels: LinearPanels, *, out_features: int) -> Tensor:
    """Multiplies by a dense matrix.

    Args:
        x: float32 ``[1, T, in]`` or ``[T, in]``.
        panels: Of the matrix ``[out, in]``.
        out_features: Its outputs; the padding of the last panel is left out.

    Returns:
        float32 ``[1, T, out]`` or ``[T, out]``.
    """
    result: Tensor = torch.ops.mmoe.linear(x, panels.weight, panels.scale, out_features)
    return result
