"""`mmoe::embedding`: rows of the int4 embedding table, dequantised as they are read."""

import torch
from torch import Tensor

from mmoe.backends.xnnpack.ops.registration import register_operator
from mmoe.quant.int4 import dequantize


def _twin(qweight: Tensor, scale: Tensor, indices: Tensor) -> Tensor:
    return dequantize(qweight[indices], scale[indices])


def _shape_like(qweight: Tensor, scale: Tensor, indices: Tensor) -> Tensor:
    return torch.empty((*indices.shape, qweight.shape[1] * 2), dtype=torch.float32, device=indices.device)


register_operator(
    "embedding", "Tensor qweight, Tensor scale, Tensor indices", twin=_twin, shape_like=_shape_like
)


def embedding(qweight: Tensor, scale: Tensor, indices: Tensor) -> Tensor:
    """Looks up token embeddings.

    Args:
        qweight: uint8 ``[V, H / 2]``, the checkpoint's bytes.
        scale: float16 ``[V, H / 32]``.
        indices: int64 ``[1, T]``.

    Returns:
        float32 ``[1, T, H]``.
    """
    result: Tensor = torch.ops.mmoe.embedding(qweight, scale, indices)
    return result
