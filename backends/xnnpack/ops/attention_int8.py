"""`mmoe::attention_int8`: `mmoe::attention` over a cache of int8 rows, each with a float32 scale.

Only the cache has 8 bits. What meets it in the kernels' integer dot products, queries and softmax weights, has 14.
"""

import torch
from torch import Tensor

from mmoe.backends.xnnpack.ops.attention import WINDOW_ARGUMENTS, Window, check_context, prepare_heads
from mmoe.backends.xnnpack.ops.registration import register_operator
from mmoe.models.functional import split_heads, visible_keys

# Keys whose softmax is computed together: its weights share a scale.
PARTITION = 256

_CACHE_LEVELS = 127.0
_QUERY_LEVELS = 8191.0
_WEIGHT_LEVELS = 16383.0

_ARGUMENTS = (
    "Tensor query, Tensor key, Tensor value, Tensor rope_cos, Tensor rope_sin, Tensor input_pos, "
    "Tensor(a!) key_cache, Tensor(b!) value_cache, Tensor(d!) key_steps, Tensor(e!) value_steps, "
    "bool use_rope, bool use_qk_norm, float qk_norm_eps, float scale"
)


def cache_shapes(
    *, num_kv_heads: int, max_context_len: int, head_dim: int
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Shapes of the int8 keys, of the int8 values and of either's float32 scales, which the operator calls steps.

    Keys lie as dot products over dimensions take them, 16 positions by 4 dimensions at a time; values as sums over
    positions do, 4 positions at a time. Positions and dimensions are padded.

    Returns:
        ``[1, num_kv_heads, C / 16, D / 4, 16, 4]``, ``[1, num_kv_heads, C / 4, D, 4]`` and ``[1, num_kv_heads, C]``.
    """
    return (
        (1, num_kv_heads, -(-max_context_len // 16), -(-head_dim // 4), 16, 4),
        (1, num_kv_heads, -(-max_context_len // 4), -(-head_dim // 16) * 16, 4),
        (1, num_kv_heads, max_context_len),
    )


def _quantize(x: Tensor, levels: float) -> tuple[Tensor, Tensor]:
    """Rounds ``[..., N]`` to integers of up to `levels`, with one scale ``[...]`` per row."""
    largest = x.abs().amax(dim=-1)
    inverse = torch.where(largest > 0, levels / largest, torch.zeros_like(largest))
    return torch.round(x * inverse.unsqueeze(-1)), largest / levels


def _store_rows(
    key: Tensor, value: Tensor, start: int, caches: tuple[Tensor, Tensor, Tensor, Tensor]
) -> None:
    """Writes ``[1, num_kv_heads, T, D]`` at positions ``start .. start + T - 1``, modulo the number of rows."""
    key_cache, value_cache, key_steps, value_steps = caches
    positions = torch.arange(start, start + key.shape[2]) % key_steps.shape[2]
    for x, scales in ((key, key_steps), (value, value_steps)):
        scales[:, :, positions] = _quantize(x, _CACHE_LEVELS)[1]
    keys, values = (_quantize(x[0], _CACHE_LEVELS)[0].to(torch.int8) for x in (key, value))
    for d in range(key.shape[-1]):
        key_cache[0, :, positions // 16, d // 4, positions % 16, d % 4] = keys[..., d]
        value_cache[0, :, positions // 4, d, positions % 4] = values[..., d]


def _load_rows(cache: Tensor, places: Tensor, head_dim: int) -> Tensor:
    """The integers of some rows as float64 ``[num_kv_heads, len(places), D]``."""
    rows = (
        cache[0].transpose(-3, -2).flatten(1, 2).flatten(2) if cache.dim() == 6 else cache[0].mT.flatten(1, 2)
    )
    return rows[:, places, :head_dim].double()


def _twin(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    rope_cos: Tensor,
    rope_sin: Tensor,
    input_pos: Tensor,
    key_cache: Tensor,
    value_cache: Tensor,
    key_steps: Tensor,
    value_steps: Tensor,
    use_rope: bool,
    use_qk_norm: bool,
    qk_norm_eps: float,
    scale: float,
    window: int | None = None,
    max_context_len: int | None = None,
) -> Tensor:
    kv_heads, context = key_steps.shape[1:]
    head_dim = key.shape[2] // kv_heads
    start, tokens = int(input_pos), query.shape[1]
    check_context(input_pos, query, max_context_len)
    visible, oldest = visible_keys(start, tokens, rows=context, window=window)  # [T, end - oldest]
    end = start + tokens
    angles = (rope_cos, rope_sin) if use_rope else None
    eps = qk_norm_eps if use_qk_norm else None
    _store_rows(
        prepare_heads(key, head_dim, angles=angles, eps=eps),
        split_heads(value, head_dim),
        start,
        (key_cache, value_cache, key_steps, value_steps),
    )
    rows, row_scale = _quantize(prepare_heads(query, head_dim, angles=angles, eps=eps)[0], _QUERY_LEVELS)
    rows = rows.double().unflatten(0, (kv_heads, -1))  # [Hkv, group, T, D]
    factor = (row_scale * scale).unflatten(0, (kv_heads, -1)).unsqueeze(-1)  # [Hkv, group, T, 1]
    seen = torch.arange(oldest, end) % context
    keys, values = (_load_rows(cache, seen, head_dim) for cache in (key_cache, value_cache))
    key_scales, value_scales = key_steps[0][:, seen], value_steps[0][:, seen]

    maximum = torch.full_like(factor, -torch.inf)
    total, output = torch.zeros_like(factor), torch.zeros(rows.shape)
    # Partitions begin at multiples of their size, wherever a window does.
    for first in range(oldest // PARTITION * PARTITION, end, PARTITION):
        part = slice(max(first - oldest, 0), min(first + PARTITION, end) - oldest)
        key_scale, value_scale = (scales[:, None, None, part] for scales in (key_scales, value_scales))
        products = torch.einsum("hgtd,hkd->hgtk", rows, keys[:, part]).float()
        scores = (products * factor * key_scale).masked_fill(~visible[:, part], -torch.inf)
        part_maximum = scores.amax(dim=-1, keepdim=True)
        weights = (scores - part_maximum).exp().masked_fill(~visible[:, part], 0.0)
        integers, weight_scale = _quantize(weights * value_scale, _WEIGHT_LEVELS)
        sums = torch.einsum("hgtk,hkd->hgtd", integers.double(), values[:, part]).float()
        sums *= weight_scale.unsqueeze(-1)
        merged = torch.maximum(maximum, part_maximum)
        # A row that has seen no key yet has no maximum, and nothing to rescale.
        old, new = (torch.where(x == -torch.inf, 0.0, (x - merged).exp()) for x in (maximum, part_maximum))
        total = total * old + weights.sum(dim=-1, keepdim=True) * new
        output, maximum = output * old + sums * new, merged
    return (output / total).permute(2, 0, 1, 3).reshape(1, tokens, -1)


def _shape_like(query: Tensor, *_: object) -> Tensor:
    return torch.empty_like(query)


register_operator("attention_int8", _ARGUMENTS, twin=_twin, shape_like=_shape_like)
register_operator("attention_window_int8", _ARGUMENTS + WINDOW_ARGUMENTS, twin=_twin, shape_like=_shape_like)


def attention_int8(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    rope_cos: Tensor,
    rope_sin: Tensor,
    input_pos: Tensor,
    *,
    caches: tuple[Tensor, Tensor, Tensor, Tensor],
    use_rope: bool,
    use_qk_norm: bool,
    qk_norm_eps: float,
    scale: float,
    window: Window | None = None,
) -> Tensor:
    """Attends from T new tokens to the cache, after appending their keys and values to it.

    Args:
        query: As for `attention`, like everything that is not named here.
        key: float32 ``[1, T, num_kv_heads * head_dim]``.
        value: Like ``key``.
        rope_cos: float32 ``[T, head_dim / 2]``.
        rope_sin: Like ``rope_cos``.
        input_pos: int64 ``[1]``.
        caches: int8 keys, int8 values, float32 scales of the keys and of the values, shaped as `cache_shapes` says;
            written in place.
        use_rope: Whether this layer rotates.
        use_qk_norm: Whether this layer normalises queries and keys.
        qk_norm_eps: Added to the mean square in QK-norm.
        scale: Multiplies the dot products.
        window: What a token sees; None for all positions before it.

    Returns:
        float32 ``[1, T, num_heads * head_dim]``.
    """
    operator, limits = (
        (torch.ops.mmoe.attention_int8, ())
        if window is None
        else (torch.ops.mmoe.attention_window_int8, (window.size, window.max_context_len))
    )
    result: Tensor = operator(
        query, key, value, rope_cos, rope_sin, input_pos, *caches,
        use_rope, use_qk_norm, qk_norm_eps, scale, *limits,
    )  # fmt: skip
    return result
