"""Products of activations with panels whose scales are grouped along the input, as the kernels compute them."""

import torch
from torch import Tensor

from mmoe.quant.expert_layout import unpack_panel_values
from mmoe.quant.int4 import GROUP_SIZE


def quantise_groups(x: Tensor, group_size: int = GROUP_SIZE) -> tuple[Tensor, Tensor]:
    """Quantises activations to int8 per token and group of inputs, symmetric within +-127.

    Args:
        x: float32 ``[T, in]``.
        group_size: G.

    Returns:
        Whole numbers as float32 ``[T, in / G, G]``, and their scales, float32 ``[T, in / G, 1]``.
    """
    parts = x.unflatten(-1, (-1, group_size))
    largest = parts.abs().amax(dim=-1, keepdim=True)
    factor = 127.0 / largest
    # Zero, or so small that its inverse overflows: the kernels, too, let such a group vanish.
    vanishing = torch.isinf(factor)
    quantised = torch.round(parts * factor.masked_fill(vanishing, 0.0))
    return quantised, (largest / 127.0).masked_fill(vanishing, 0.0)


def grouped_matmul(
    x: Tensor, weight: Tensor, scale: Tensor, zero: Tensor | None = None, group_size: int = GROUP_SIZE
) -> Tensor:
    """Multiplies quantised activations by a matrix.

    Each group gives an exact integer sum, which is scaled and added in float32, group by group.

    Args:
        x: float32 ``[T, in]``.
        weight: uint8 ``[out / 32, in / 4, 64]``.
        scale: float16 or float32 ``[out / 32, in / G, 32]``.
        zero: uint8 like the scale; None for 8.
        group_size: G.

    Returns:
        float32 ``[T, out]``, the padding of the last panel included.
    """
    quantised, activation_scale = quantise_groups(x, group_size)
    values = unpack_panel_values(weight).float()  # [P, in, 32]
    if zero is not None:
        values += 8 - zero.float().repeat_interleave(group_size, dim=1)
    out = torch.zeros(x.shape[0], weight.shape[0] * scale.shape[2])
    for group, columns in enumerate(values.split(group_size, dim=1)):
        # Sums of at most 128 * 127 * 15 are exact in float32.
        sums = quantised[:, group] @ columns.transpose(0, 1).flatten(1)
        out += sums * (scale[:, group].flatten().float() * activation_scale[:, group])
    return out
