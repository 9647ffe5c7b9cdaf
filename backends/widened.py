"""Dense matrices that are not in int4, for backends that have no other kernel for them than that of floats."""

from __future__ import annotations

import torch
from torch import Tensor

from mmoe.quant.int8_planes import dequantize_int8


def widened(weight: Tensor, scale: Tensor) -> Tensor:
    """The float32 values of a matrix in int8, exactly; floats, which come without scales, as they are."""
    return dequantize_int8(weight, scale) if weight.dtype == torch.int8 else weight
