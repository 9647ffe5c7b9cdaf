"""`mmoe::linear_qkv`: the three projections of an attention layer on one quantisation of its input."""

import torch
from torch import Tensor

from mmoe.backends.xnnpack.ops.grouped_matmul import grouped_matmul
from mmoe.backends.xnnpack.ops.registration import register_operator
from mmoe.quant.linear_layout import LinearPanels, panel_count

_ARGUMENTS = "Tensor x, Tensor weight, Tensor scale, int query_features, int kv_features"

QueryKeyValue = tuple[Tensor, Tensor, Tensor]


def _twin(x: Tensor, weight: Tensor, scale: Tensor, query_features: int, kv_features: int) -> QueryKeyValue:
    rows = grouped_matmul(x.flatten(0, -2), weight, scale).unsqueeze(0)
    # Every matrix begins a panel of its own.
    widths = [32 * panel_count(features) for features in (query_features, kv_features, kv_features)]
    query, key, value = rows.split(widths, dim=-1)
    # An operator's results must not share memory.
    return (
        query[..., :query_features].clone(),
        key[..., :kv_features].clone(),
        value[..., :kv_features].clone(),
    )


def _shapes_like(
    x: Tensor, weight: Tensor, scale: Tensor, query_features: int, kv_features: int
) -> QueryKeyValue:
    query, key, value = (
        x.new_empty((*x.shape[:-1], features)) for features in (query_features, kv_features, kv_features)
    )
    return query, key, value


register_operator("linear_qkv", _ARGUMENTS, twin=_twin, shape_like=_shapes_like, results=3)


def linear_qkv(x: Tensor, panels: LinearPanels, *, query_features: int, kv_features: int) -> QueryKeyValue:
    """Multiplies by the query, key and value matrices.

    Args:
        x: float32 ``[1, T, H]``.
        panels: Of the three matrices, stacked.
        query_features: Hq * D.
        kv_features: Hkv * D.

    Returns:
        float32 ``[1, T, Hq * D]`` and twice ``[1, T, Hkv * D]``.
    """
    result: QueryKeyValue = torch.ops.mmoe.linear_qkv(
        x, panels.weight, panels.scale, query_features, kv_features
    )
    return result
