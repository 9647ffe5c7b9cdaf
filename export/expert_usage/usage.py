"""Statistics of a routing. T = tokens, E = experts of a layer, k = experts per token."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmoe.export.expert_usage.trace import Selections


@dataclass(frozen=True, kw_only=True)
class LayerUsage:
    """How a text used the experts of one layer.

    Attributes:
        layer: Index of the decoder layer.
        counts: By expert, the tokens that were sent to it.
        unique: Experts used at least once, after as many tokens as `seen` of the text's profile says.
        entropy: Of the experts' shares of the load, over log E: 1 is even use, 0 a single expert.
        reuse: Share of a token's experts that the token before it was sent to as well, the mean over tokens;
            0 for a single token.
        reuse_by_chance: What that would be if neighbours were as alike as any two tokens of the text: the sum over
            experts of (share of tokens that use it)^2, over k.
    """

    layer: int
    counts: tuple[int, ...]
    unique: tuple[int, ...]
    entropy: float
    reuse: float
    reuse_by_chance: float


def steps_seen(tokens: int) -> tuple[int, ...]:
    """Numbers of tokens at which to look: 1, 2, 4, ... and ``tokens``."""
    return (*(1 << power for power in range((tokens - 1).bit_length())), tokens)


def layer_usage(layer: int, selected: Selections, *, num_experts: int, seen: Sequence[int]) -> LayerUsage:
    """Counts one layer.

    Args:
        layer: Index of the decoder layer.
        selected: int ``[T, k]``, distinct in a row.
        num_experts: E.
        seen: Numbers of tokens at which to count unique experts.
    """
    tokens, top_k = selected.shape
    counts = np.bincount(selected.ravel(), minlength=num_experts)
    used = counts[counts > 0] / counts.sum()
    first_use = np.full(num_experts, tokens)
    experts, places = np.unique(selected.ravel(), return_index=True)
    first_use[experts] = places // top_k
    shared = (selected[1:, :, None] == selected[:-1, None, :]).any(axis=2)
    return LayerUsage(
        layer=layer,
        counts=tuple(int(count) for count in counts),
        unique=tuple(int((first_use < count).sum()) for count in seen),
        entropy=float(-(used * np.log(used)).sum() / math.log(num_experts)) if num_experts > 1 else 0.0,
        reuse=float(shared.mean()) if tokens > 1 else 0.0,
        reuse_by_chance=float(((counts / tokens) ** 2).sum() / top_k),
    )
