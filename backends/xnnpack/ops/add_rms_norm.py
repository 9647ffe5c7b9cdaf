"""`mmoe::add_rms_norm`: the residual connection and the RMS normalisation behind it, in one pass over the rows."""

import torch
from torch import Tensor

from mmoe.backends.xnnpack.ops.registration import register_operator
from mmoe.models.functional import rms_normalize

_ARGUMENTS = "Tensor residual, Tensor x, Tensor? y, Tensor weight, float eps"

SumAndNorm = tuple[Tensor, Tensor]


def _twin(residual: Tensor, x: Tensor, y: Tensor | None, weight: Tensor, eps: float) -> SumAndNorm:
    total = residual + (x if y is None else x + y)
    return total, rms_normalize(total, eps) * weight


def _shapes_like(residual: Tensor, x: Tensor, y: Tensor | None, weight: Tensor, eps: float) -> SumAndNorm:
    return torch.empty_like(residual), torch.empty_like(residual)


register_operator("add_rms_norm", _ARGUMENTS, twin=_twin, shape_like=_shapes_like, results=2)


def add_rms_norm(residual: Tensor, x: Tensor, y: Tensor | None, weight: Tensor, *, eps: float) -> SumAndNorm:
    """Adds to the residual stream and normalises the sum.

    Args:
        residual: float32 ``[1, T, H]``.
        x: float32 ``[1, T, H]``.
        y: The same; added to ``x`` first. None for nothing.
        weight: float32 ``[H]`` of the normalisation.
        eps: Added to the mean square.

    Returns:
        The sum and its normalised form, float32 ``[1, T, H]`` each.
    """
    result: SumAndNorm = torch.ops.mmoe.add_rms_norm(residual, x, y, weight, eps)
    return result
