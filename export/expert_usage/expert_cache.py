"""What a cache of experts would hit: least recently used, one entry per (layer, expert)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmoe.export.expert_usage.trace import Selections

_POINTS = 40


@dataclass(frozen=True)
class CachePoint:
    """One size of the cache.

    Attributes:
        bytes: What it holds at most.
        hit_rate: Share of the uses of an expert, first uses included, that found it in the cache.
    """

    bytes: int
    hit_rate: float


def reuse_distances(layers: Sequence[Selections], *, num_experts: int) -> npt.NDArray[np.int64]:
    """How many other experts were used since the same one was used last, for each use.

    Tokens run one by one through all layers, as in decoding. A least-recently-used cache of n entries hits exactly
    those uses whose distance is below n (Mattson et al., "Evaluation techniques for storage hierarchies", 1970), so
    that one pass gives every size.

    Args:
        layers: By MoE layer, int ``[T, k]``, distinct in a row.
        num_experts: E, the same in every layer.

    Returns:
        int64 ``[T * layers * k]``; first uses have the number of all experts, which no cache needs to exceed.
    """
    everything = len(layers) * num_experts
    last_use = np.full(everything, -1, np.int64)
    distances = np.empty((len(layers[0]), len(layers), layers[0].shape[1]), np.int64)
    top_k = distances.shape[2]
    order = np.arange(top_k)
    clock = 0
    for token, layer in np.ndindex(distances.shape[:2]):
        used = layer * num_experts + layers[layer][token]
        before = last_use[used]
        since = (last_use > before[:, None]).sum(axis=1)
        # Experts of the same token that come first are more recent, too; those that were already are counted.
        since += np.tril(before[None, :] < before[:, None], -1).sum(axis=1)
        distances[token, layer] = np.where(before < 0, everything, since)
        last_use[used] = clock + order
        clock += top_k
    return distances.ravel()


def cache_curve(
    distances: npt.NDArray[np.int64], *, everything: int, expert_bytes: int
) -> tuple[CachePoint, ...]:
    """Hit rates of caches from nothing to all experts.

    Args:
        distances: From `reuse_distances`.
        everything: Number of all experts of all layers.
        expert_bytes: Size of one.
    """
    ordered = np.sort(distances)
    sizes = np.unique(np.linspace(0, everything, _POINTS + 1).round().astype(np.int64))
    hits = np.searchsorted(ordered, sizes, side="left")
    return tuple(
        CachePoint(int(size) * expert_bytes, float(hit / len(ordered)))
        for size, hit in zip(sizes, hits, strict=True)
    )
