"""`mmoe::short_conv`: a gated causal convolution over the last tokens, whose cache is a ring of rows."""

import torch
from torch import Tensor

from mmoe.backends.xnnpack.ops.registration import register_operator

_ARGUMENTS = (
    "Tensor projected, Tensor weight, Tensor? bias, Tensor input_pos, Tensor(a!) cache, int max_context_len"
)


def _twin(
    projected: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    input_pos: Tensor,
    cache: Tensor,
    max_context_len: int,
) -> Tensor:
    before, behind, inner = projected[0].chunk(3, dim=-1)
    start, (rows, taps) = int(input_pos), (len(cache), len(weight))
    if start + len(inner) > max_context_len:
        raise ValueError(
            f"position {start + len(inner) - 1} does not fit a context of {max_context_len} tokens"
        )
    positions = torch.arange(start, start + len(inner))
    cache[positions % rows] = before * inner
    mixed = cache[positions % rows] * weight[-1]
    for tap in range(taps - 1):
        seen = positions - (taps - 1 - tap)
        # Before the first token there are zeros, whatever the ring holds.
        mixed = mixed + torch.where((seen >= 0).unsqueeze(-1), cache[seen % rows], 0.0) * weight[tap]
    return (behind * (mixed if bias is None else mixed + bias)).unsqueeze(0)


def _shape_like(projected: Tensor, weight: Tensor, *_: object) -> Tensor:
    return projected.new_empty(1, projected.shape[1], weight.shape[1])


register_operator("short_conv", _ARGUMENTS, twin=_twin, shape_like=_shape_like)


def short_conv(
    projected: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    input_pos: Tensor,
    cache: Tensor,
    *,
    max_context_len: int,
) -> Tensor:
    """Computes ``behind * conv(before * inner)`` for ``before, behind, inner = projected``, channel by channel.

    Sums begin with the newest token's product and go on from the oldest, in float32, and are not contracted.

    Args:
        projected: float32 ``[1, T, 3 * H]``.
        weight: float32 ``[taps, H]``, the oldest token's first.
        bias: float32 ``[H]``, or None.
        input_pos: int64 ``[1]``, the position of the first new token.
        cache: float32 ``[rows, H]``, written in place; position p has row ``p % rows``, and at least
            ``taps + T - 1`` rows or all positions must fit.
        max_context_len: Positions that there may be.

    Returns:
        float32 ``[1, T, H]``.
    """
    result: Tensor = torch.ops.mmoe.short_conv(projected, weight, bias, input_pos, cache, max_context_len)
    return result
