"""`mmoe::rms_norm`: RMS normalisation over the last dimension with a plain weight."""

import torch
from torch import Tensor

from mmoe.backends.xnnpack.ops.registration import register_operator
from mmoe.models.functional import rms_normalize


def _twin(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    return rms_normalize(x, eps) * weight


def _shape_like(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    return torch.empty_like(x)


register_operator("rms_norm", "Tensor x, Tensor weight, float eps", twin=_twin, shape_like=_shape_like)


def rms_norm(x: Tensor, weight: Tensor, *, eps: float) -> Tensor:
    """Normalises ``x`` by its root mean square (Zhang and Sennrich, arXiv 1910.07467).

    Args:
        x: float32 ``[1, T, H]``.
        weight: float32 ``[H]``.
        eps: Added to the mean square.

    Returns:
        float32 ``[1, T, H]``.
    """
    result: Tensor = torch.ops.mmoe.rms_norm(x, weight, eps)
    return result
