"""Quantisation-aware training in the `mobilemoe-int4-g32` format: straight-through rounding, learned scales.

The forward pass yields exactly the float32 values that the packed checkpoint will hold. The gradients are
those of learned step size quantisation (LSQ, arXiv 1902.08153), taken with respect to the logarithm of the
scale, so that an optimiser step is a relative change and a scale stays positive.
"""

from typing import Any

import torch
from torch import Tensor

from mmoe.quant.int4 import GROUP_SIZE, QMAX, QMIN

_SMALLEST_NORMAL_F16 = 2.0**-14
_CLIP_CANDIDATES = tuple(0.5 + 0.05 * step for step in range(13))


def scale_from_log(log_scale: Tensor) -> Tensor:
    """The stored scale, float16 ``[..., N / G]``, of a float32 logarithm; never zero or subnormal."""
    return log_scale.detach().exp().clamp(min=_SMALLEST_NORMAL_F16).to(torch.float16)


def initial_log_scale(values: Tensor, group_size: int = GROUP_SIZE) -> Tensor:
    """Logarithms of the scales of least squared error among fractions of each group's largest magnitude.

    Args:
        values: float32 ``[..., N]``, N a multiple of the group.
        group_size: Values that share a scale.

    Returns:
        float32 ``[..., N / group_size]``.
    """
    groups = _grouped(values.detach(), values.shape[-1] // group_size)
    full = (groups.abs().amax(-1) / QMAX).clamp(min=_SMALLEST_NORMAL_F16)
    best: Tensor = full.log()
    least = torch.full_like(full, torch.inf)
    for fraction in _CLIP_CANDIDATES:
        log_scale = (full * fraction).log()
        error = (_quantized_groups(groups, log_scale)[0] - groups).square().sum(-1)
        best = torch.where(error < least, log_scale, best)
        least = torch.minimum(error, least)
    return best


def fake_quantize(values: Tensor, log_scale: Tensor) -> Tensor:
    """Rounds values to the int4 grid of their groups and lets gradients through.

    Args:
        values: float32 ``[..., N]``.
        log_scale: float32 ``[..., N / G]``, natural logarithms of the scales (which are rounded to float16) of groups
            of G values.

    Returns:
        float32 ``[..., N]``; in groups of 32 equal to ``dequantize(quantize(values, scale), scale)`` bit for bit.
    """
    result: Tensor = _FakeQuantize.apply(values, log_scale)  # type: ignore[no-untyped-call]
    return result


def _grouped(values: Tensor, groups: int) -> Tensor:
    """``[..., N]`` -> ``[..., groups, N / groups]``."""
    return values.reshape(*values.shape[:-1], groups, -1)


def _quantized_groups(groups: Tensor, log_scale: Tensor) -> tuple[Tensor, Tensor]:
    """Dequantised values and unrounded quotients of float32 groups ``[..., N / G, G]``."""
    scale = scale_from_log(log_scale).float().unsqueeze(-1)
    quotient = groups / scale
    grid = quotient.round().clamp(QMIN, QMAX)
    return grid * scale, quotient


class _FakeQuantize(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, log_scale: Tensor) -> Tensor:
        groups = _grouped(values, log_scale.shape[-1])
        dequantized, quotient = _quantized_groups(groups, log_scale)
        inside = (quotient >= QMIN) & (quotient <= QMAX)
        # d(dequantised) / d(log scale): the rounding error, or the bound itself where the value is clipped
        slope = dequantized - torch.where(inside, groups, 0.0)
        ctx.save_for_backward(inside, slope)
        return dequantized.flatten(-2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        inside, slope = ctx.saved_tensors
        grouped = _grouped(gradients[0], slope.shape[-2])
        return torch.where(inside, grouped, 0.0).flatten(-2), (grouped * slope).sum(-1)
