"""The float32 formulas of the architecture, shared by the reference modules and by the operators' eager twins."""

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from mmoe.models.architectures.description import Routing, Score


def rms_normalize(x: Tensor, eps: float) -> Tensor:
    """Divides ``[..., N]`` by ``sqrt(mean(x^2) + eps)`` over its last dimension (arXiv 1910.07467)."""
    return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + eps)


def rotate_pairs(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turns adjacent pairs of ``[..., T, D]`` by the angles of ``cos`` and ``sin``, each ``[T, D / 2]``."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


def split_heads(x: Tensor, head_dim: int) -> Tensor:
    """``[1, T, heads * D]`` -> ``[1, heads, T, D]``."""
    return x.view(*x.shape[:-1], -1, head_dim).transpose(1, 2)


def attend_to_cache(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    key_cache: Tensor,
    value_cache: Tensor,
    start: int,
    scale: float,
    window: int | None = None,
) -> Tensor:
    """Appends keys and values to the cache and attends causally, grouping query heads by kv head.

    Args:
        query: float32 ``[1, num_heads, T, D]``.
        key: float32 ``[1, num_kv_heads, T, D]``.
        value: Like ``key``.
        key_cache: Any float dtype, ``[1, num_kv_heads, C, D]``; rows ``start .. start + T - 1`` are written, modulo
            C with a window.
        value_cache: Like ``key_cache``.
        start: Position of the first new token.
        scale: Multiplies the dot products.
        window: Keys that a token sees, its own included; None for all.

    Returns:
        float32 ``[1, T, num_heads * D]``.

    Raises:
        ValueError: The new tokens do not fit the cache.
    """
    visible, oldest = visible_keys(start, query.shape[2], rows=key_cache.shape[2], window=window)
    end, rows = oldest + visible.shape[1], key_cache.shape[2]
    for cache, new in ((key_cache, key), (value_cache, value)):
        cache[:, :, torch.arange(start, end) % rows] = new.to(cache.dtype)
    seen = torch.arange(oldest, end) % rows
    keys, values = (cache[:, :, seen].to(query.dtype) for cache in (key_cache, value_cache))
    mixed = scaled_dot_product_attention(query, keys, values, attn_mask=visible, scale=scale, enable_gqa=True)
    return mixed.transpose(1, 2).flatten(2)


def visible_keys(start: int, tokens: int, *, rows: int, window: int | None) -> tuple[Tensor, int]:
    """Which positions each new token sees, and the oldest position that any of them does.

    Args:
        start: Position of the first new token.
        tokens: T.
        rows: Of the cache.
        window: Keys that a token sees, its own included; None for all.

    Returns:
        Bool ``[T, end - oldest]`` for positions ``oldest .. end - 1``, where ``end = start + T``; and ``oldest``.

    Raises:
        ValueError: The cache has too few rows for them.
    """
    end = start + tokens
    oldest = 0 if window is None else max(0, start - window + 1)
    if start < 0 or end - (oldest if window is not None else 0) > rows:
        raise ValueError(f"positions {start}..{end - 1} do not fit a context of {rows} tokens")
    keys, queries = torch.arange(oldest, end), torch.arange(start, end).unsqueeze(-1)
    visible = keys <= queries
    return (visible if window is None else visible & (keys > queries - window)), oldest


def route(
    x: Tensor, router_weight: Tensor, expert_bias: Tensor, routing: Routing
) -> tuple[Tensor, Tensor, Tensor]:
    """Chooses the experts of each token by their scores.

    The bias takes part in the selection only; ties go to the lower expert index.

    Args:
        x: float32 ``[T, H]``.
        router_weight: float32 ``[E, H]``.
        expert_bias: float32 ``[E]``.
        routing: The rule.

    Returns:
        ``experts`` int64 ``[T, top_k]`` in descending order of biased score, ``weights`` float32 ``[T, top_k]``, and
        ``margin`` float32 ``[T]``: the gap between the last selected and the first rejected score (infinite if none
        is rejected).
    """
    scores = router_scores(x @ router_weight.T, routing.score)
    ranked = (scores + expert_bias).sort(dim=-1, descending=True, stable=True)
    experts = ranked.indices[:, : routing.top_k]
    weights = expert_weights(scores.gather(-1, experts), routing)
    if routing.top_k < scores.shape[-1]:
        margin = ranked.values[:, routing.top_k - 1] - ranked.values[:, routing.top_k]
    else:
        margin = torch.full((x.shape[0],), torch.inf)
    return experts, weights, margin


def expert_weights(scores: Tensor, routing: Routing) -> Tensor:
    """Weights of the selected experts' scores, both ``[T, top_k]``."""
    if routing.divides_by_sum:
        scores = scores / (scores.sum(dim=-1, keepdim=True) + routing.sum_eps)
    return scores * routing.routed_scaling_factor


def router_scores(logits: Tensor, score: Score) -> Tensor:
    """Scores ``[T, E]`` of logits of that shape.

    The softmax over the selected experts is the one over all, divided by the sum of the selected.
    """
    return torch.sigmoid(logits) if score is Score.SIGMOID else torch.softmax(logits, dim=-1)


def convolve_causally(x: Tensor, weight: Tensor, bias: Tensor | None, *, cache: Tensor, start: int) -> Tensor:
    """Convolves each channel over the tokens, and keeps the tokens for the calls that follow.

    Args:
        x: float32 ``[1, T, H]``.
        weight: float32 ``[H, taps]``, the oldest token's first.
        bias: float32 ``[H]``, or None.
        cache: float32 ``[1, C, H]``; rows ``start .. start + T - 1`` are written, modulo C.
        start: Position of the first new token; tokens before position 0 are zeros.

    Returns:
        float32 ``[1, T, H]``.
    """
    taps, rows, tokens = weight.shape[1], cache.shape[1], x.shape[1]
    cache[:, torch.arange(start, start + tokens) % rows] = x
    places = torch.arange(start - taps + 1, start + tokens)
    seen = torch.where((places >= 0).unsqueeze(-1), cache[:, places % rows], 0.0)
    # Windows of `taps` tokens: [1, T, H, taps].
    mixed = (seen.unfold(1, taps, 1) * weight).sum(dim=-1)
    return mixed if bias is None else mixed + bias
