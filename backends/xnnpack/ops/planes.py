"""`mmoe::linear_planes` and `mmoe::embedding_planes`: dense int8 matrices in planes of nibbles."""

import torch
from torch import Tensor

from mmoe.backends.xnnpack.ops.grouped_matmul import quantise_groups
from mmoe.backends.xnnpack.ops.registration import register_operator
from mmoe.quant.expert_layout import unpack_panel_values
from mmoe.quant.int4 import GROUP_SIZE
from mmoe.quant.int8_planes import Int8Planes

_ODD_PLANES_ZERO = 8


def _digits(weight: Tensor, planes: int) -> Tensor:
    """What the nibbles stand for, float32 ``[panels, groups, planes, 32 inputs, 32 outputs]``."""
    digits: Tensor = unpack_panel_values(weight).float().unflatten(1, (-1, planes, GROUP_SIZE))
    # Read as if their zero were 8, which that of odd planes is not.
    digits[:, :, 1::2] += _ODD_PLANES_ZERO
    return digits


def _linear_twin(x: Tensor, weight: Tensor, scale: Tensor, out_features: int, planes: int) -> Tensor:
    rows = x.flatten(0, -2)
    quantised, activation_scale = quantise_groups(rows)
    digits = _digits(weight, planes)
    factors = scale.float().unflatten(1, (-1, planes))  # [panels, G, planes, 32]
    out = torch.zeros(rows.shape[0], weight.shape[0] * scale.shape[2])
    for group in range(digits.shape[1]):
        for plane in range(planes):
            matrix = digits[:, group, plane].transpose(0, 1).flatten(1)
            # Sums of at most 32 * 127 * 15 are exact in float32.
            sums = quantised[:, group] @ matrix
            out += sums * (factors[:, group, plane].flatten() * activation_scale[:, group])
    return out[:, :out_features].reshape(*x.shape[:-1], out_features)


def _linear_shape(x: Tensor, weight: Tensor, scale: Tensor, out_features: int, planes: int) -> Tensor:
    return x.new_empty((*x.shape[:-1], out_features))


def _embedding_twin(weight: Tensor, scale: Tensor, indices: Tensor, vocab_size: int, planes: int) -> Tensor:
    if bool(((indices < 0) | (indices >= vocab_size)).any()):
        raise IndexError(f"a token id is outside 0..{vocab_size - 1}")
    panels, columns = indices.flatten() // 32, indices.flatten() % 32
    digits = _digits(weight[panels], planes)[torch.arange(panels.numel()), ..., columns]  # [T, G, planes, 32]
    factors = scale[panels].float().unflatten(1, (-1, planes))[torch.arange(panels.numel()), ..., columns]
    rows: Tensor = (digits * factors.unsqueeze(-1)).sum(dim=2)
    return rows.view(*indices.shape, -1)


def _embedding_shape(weight: Tensor, scale: Tensor, indices: Tensor, vocab_size: int, planes: int) -> Tensor:
    hidden = scale.shape[1] // planes * GROUP_SIZE
    return torch.empty((*indices.shape, hidden), dtype=torch.float32, device=indices.device)


register_operator(
    "linear_planes",
    "Tensor x, Tensor weight, Tensor scale, int out_features, int planes",
    twin=_linear_twin,
    shape_like=_linear_shape,
)
register_operator(
    "embedding_planes",
    "Tensor weight, Tensor scale, Tensor indices, int vocab_size, int planes",
    twin=_embedding_twin,
    shape_like=_embedding_shape,
)


def linear_planes(x: Tensor, matrix: Int8Planes, *, out_features: int) -> Tensor:
    """Multiplies by a dense int8 matrix, with int8 activations in groups of 32 as `mmoe::linear` has them.

    Args:
        x: float32 ``[1, T, in]`` or ``[T, in]``.
        matrix: ``[out, in]``.
        out_features: Its outputs; the padding of the last panel is left out.

    Returns:
        float32 ``[1, T, out]`` or ``[T, out]``.
    """
    result: Tensor = torch.ops.mmoe.linear_planes(x, matrix.weight, matrix.scale, out_features, matrix.planes)
    return result


def embedding_planes(table: Int8Planes, indices: Tensor, *, vocab_size: int) -> Tensor:
    """Looks up token embeddings.

    Args:
        table: ``[V, H]``.
        indices: int64 ``[1, T]``.
        vocab_size: V.

    Returns:
        float32 ``[1, T, H]``.
    """
    result: Tensor = torch.ops.mmoe.embedding_planes(
        table.weight, table.scale, indices, vocab_size, table.planes
    )
    return result
