"""`mmoe::linear`: a dense int4 matrix with float16 scales per 32 inputs, and int8 activations in the same groups."""

import torch
from torch import Tensor

from mmoe.backends.xnnpack.ops.grouped_matmul import grouped_matmul
from mmoe.backends.xnnpack.ops.registration import register_operator
from mmoe.quant.linear_layout import LinearPanels


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
