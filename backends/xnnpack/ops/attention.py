"""`mmoe::attention`: RoPE, QK-norm, KV-cache update and causal grouped-query attention in one operator.

`mmoe::attention_window` is the same for layers whose tokens see a window of keys only, in a cache that is a ring.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from mmoe.backends.xnnpack.ops.registration import register_operator
from mmoe.models.functional import attend_to_cache, rms_normalize, rotate_pairs, split_heads

_ARGUMENTS = (
    "Tensor query, Tensor key, Tensor value, Tensor rope_cos, Tensor rope_sin, Tensor input_pos, "
    "Tensor(a!) key_cache, Tensor(b!) value_cache, bool use_rope, bool use_qk_norm, float qk_norm_eps, float scale"
)

WINDOW_ARGUMENTS = ", int window, int max_context_len"


@dataclass(frozen=True)
class Window:
    """What limits a layer that does not see everything.

    Attributes:
        size: Keys that a token sees, its own included.
        max_context_len: Positions; with a ring the number of its rows does not tell.
    """

    size: int
    max_context_len: int


def prepare_heads(
    x: Tensor, head_dim: int, *, angles: tuple[Tensor, Tensor] | None, eps: float | None
) -> Tensor:
    """Splits ``[1, T, heads * D]`` into ``[1, heads, T, D]``, rotates and normalises.

    Args:
        x: Queries or keys.
        head_dim: D.
        angles: Cosines and sines ``[T, D / 2]``; None for no RoPE.
        eps: Of QK-norm; None for no normalisation.
    """
    x = split_heads(x, head_dim)
    if angles is not None:
        x = rotate_pairs(x, *angles)
    return x if eps is None else rms_normalize(x, eps)


def _twin(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    rope_cos: Tensor,
    rope_sin: Tensor,
    input_pos: Tensor,
    key_cache: Tensor,
    value_cache: Tensor,
    use_rope: bool,
    use_qk_norm: bool,
    qk_norm_eps: float,
    scale: float,
    window: int | None = None,
    max_context_len: int | None = None,
) -> Tensor:
    head_dim = key_cache.shape[-1]
    check_context(input_pos, query, max_context_len)
    angles = (rope_cos, rope_sin) if use_rope else None
    eps = qk_norm_eps if use_qk_norm else None
    return attend_to_cache(
        prepare_heads(query, head_dim, angles=angles, eps=eps),
        prepare_heads(key, head_dim, angles=angles, eps=eps),
        split_heads(value, head_dim),
        key_cache=key_cache,
        value_cache=value_cache,
        start=int(input_pos),
        scale=scale,
        window=window,
    )


def check_context(input_pos: Tensor, query: Tensor, max_context_len: int | None) -> None:
    """Refuses positions past the context, which a ring by itself would take.

    Raises:
        ValueError: A new token does not fit.
    """
    end = int(input_pos) + query.shape[1]
    if max_context_len is not None and end > max_context_len:
        raise ValueError(f"position {end - 1} does not fit a context of {max_context_len} tokens")


def _shape_like(query: Tensor, *_: object) -> Tensor:
    return torch.empty_like(query)


register_operator("attention", _ARGUMENTS, twin=_twin, shape_like=_shape_like)
register_operator("attention_window", _ARGUMENTS + WINDOW_ARGUMENTS, twin=_twin, shape_like=_shape_like)


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    rope_cos: Tensor,
    rope_sin: Tensor,
    input_pos: Tensor,
    key_cache: Tensor,
    value_cache: Tensor,
    *,
    use_rope: bool,
    use_qk_norm: bool,
    qk_norm_eps: float,
    scale: float,
    window: Window | None = None,
) -> Tensor:
    """Attends from T new tokens to the cache, after appending their keys and values to it.

    RoPE turns adjacent pairs; QK-norm follows it, has no weight and covers one head. Row t sees cache rows
    ``0 .. input_pos + t``; later rows are never read, so a reset of the position is a reset of the cache.

    Args:
        query: float32 ``[1, T, num_heads * head_dim]``.
        key: float32 ``[1, T, num_kv_heads * head_dim]``.
        value: Like ``key``.
        rope_cos: float32 ``[T, head_dim / 2]``.
        rope_sin: Like ``rope_cos``.
        input_pos: int64 ``[1]``, the position of the first new token.
        key_cache: float32 or float16 ``[1, num_kv_heads, max_context_len, head_dim]``, written in place; with a
            window `ring_rows` rows, of which position p has row ``p % rows``.
        value_cache: Like ``key_cache``.
        use_rope: Whether this layer rotates.
        use_qk_norm: Whether this layer normalises queries and keys.
        qk_norm_eps: Added to the mean square in QK-norm.
        scale: Multiplies the dot products.
        window: What a token sees; None for all positions before it.

    Returns:
        float32 ``[1, T, num_heads * head_dim]``.
    """
    operator, limits = (
        (torch.ops.mmoe.attention, ())
        if window is None
        else (torch.ops.mmoe.attention_window, (window.size, window.max_context_len))
    )
    result: Tensor = operator(
        query, key, value, rope_cos, rope_sin, input_pos, key_cache, value_cache,
        use_rope, use_qk_norm, qk_norm_eps, scale, *limits,
    )  # fmt: skip
    return result
