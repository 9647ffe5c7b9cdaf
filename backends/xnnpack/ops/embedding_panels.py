"""`mmoe::embedding_panels`: embedding rows read from the panels of the tied head, so that the table is stored once."""

import torch
from torch import Tensor

from mmoe.backends.xnnpack.ops.registration import register_operator
from mmoe.quant.int4 import dequantize
from mmoe.quant.linear_layout import LinearPanels, unpack_linear_panels


def _twin(weight: Tensor, scale: Tensor, indices: Tensor, vocab_size: int) -> Tensor:
    if bool(((indices < 0) | (indices >= vocab_size)).any()):
        raise IndexError(f"a token id is outside 0..{vocab_size - 1}")
    panels, columns = indices // 32, indices % 32
    rows = unpack_linear_panels(
        LinearPanels(weight[panels.flatten()], scale[panels.flatten()]), panels.numel() * 32
    )
    picked = torch.arange(panels.numel()) * 32 + columns.flatten()
    return dequantize(rows[0][picked], rows[1][picked]).view(*indices.shape, -1)


def _shape_like(weight: Tensor, scale: Tensor, indices: Tensor, vocab_size: int) -> Tensor:
    return torch.empty((*indices.shape, scale.shape[1] * 32), dtype=torch.float32, device=indices.device)


register_operator(
    "embedding_panels",
    "Tensor weight, Tensor scale, Tensor indices, int vocab_size",
    twin=_twin,
    shape_like=_shape_like,
)


def embedding_panels(panels: LinearPanels, indices: Tensor, *, vocab_size: int) -> Tensor:
    """Looks up token embeddings.

    Args:
        panels: Of the table ``[V, H]``.
        indices: int64 ``[1, T]``.
        vocab_size: V.

    Returns:
        float32 ``[1, T, H]``.
    """
    result: Tensor = torch.ops.mmoe.embedding_panels(panels.weight, panels.scale, indices, vocab_size)
    return result
