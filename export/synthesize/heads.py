"""How the attention heads of a small model live in the larger heads of a large one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from mmoe.export.synthesize.axes import EMPTY, Axis, Index, copied_axis, repeated
from mmoe.models.architectures.config import DecoderConfig
from mmoe.models.architectures.description import Rope
from mmoe.models.rope import rope_frequencies
from mmoe.quant.int4 import GROUP_SIZE


@dataclass(frozen=True)
class HeadAxes:
    """Outputs of the projections and inputs of the output projection.

    Attributes:
        query: By channel.
        key: By channel.
        value: By channel.
        output: What `o_proj` reads, by group.
    """

    query: Axis
    key: Axis
    value: Axis
    output: Axis


def head_axes(small: DecoderConfig, large: DecoderConfig, rng: np.random.Generator) -> HeadAxes:
    """Every head of the large model repeats a head of the small one, with a kv head that repeats the right one.

    Args:
        small: The small model's config.
        large: The large one's.
        rng: Orders the heads. What they compute does not depend on their order, but matrices of layers that repeat one
            layer would be alike without it, and a program stores what is alike once.
    """
    kv_heads = repeated(small.num_key_value_heads, large.num_key_value_heads, rng)
    per_kv_small = small.num_attention_heads // small.num_key_value_heads
    per_kv_large = large.num_attention_heads // large.num_key_value_heads
    slots = np.stack([repeated(per_kv_small, per_kv_large, rng) for _ in kv_heads])
    heads = (kv_heads[:, None] * per_kv_small + slots).ravel()
    query, key = _rotary_axes(small, large, rng)
    groups_small, groups_large = small.head_dim // GROUP_SIZE, large.head_dim // GROUP_SIZE
    groups = np.arange(groups_large) % groups_small
    return HeadAxes(
        query=_in_every_head(query, heads, small.head_dim),
        key=_in_every_head(key, kv_heads, small.head_dim),
        value=copied_axis((kv_heads[:, None] * groups_small + groups).ravel()).by_channel(),
        output=copied_axis((heads[:, None] * groups_small + groups).ravel()),
    )


def _rotary_axes(small: DecoderConfig, large: DecoderConfig, rng: np.random.Generator) -> tuple[Axis, Axis]:
    """Channels of one head of queries and of keys.

    A pair goes where RoPE turns it at nearly the speed it was trained with. QK-norm gives a head of D' channels the
    squared length D', so that its products would grow by sqrt(D' / D) in relation to the small model's; half of
    the pairs that are left take copies of queries, which meet no keys, and the others keys, which meet no queries.
    They take up that share of the length.
    """
    wanted, offered = (np.log(_frequencies(config).double().numpy()) for config in (small, large))
    taken = _nearest(wanted, offered)
    free = np.setdiff1d(np.arange(len(offered)), taken)
    spare = len(free) // 2
    idle = np.linspace(0, len(wanted) - 1, spare).round().astype(np.int64)
    gain = 0.0
    if spare:
        excess = math.sqrt(large.head_dim / small.head_dim) - 1
        gain = math.sqrt(excess * len(wanted) / spare)
    axes = []
    for places in (free[:spare], free[spare : 2 * spare]):
        pairs, factor = np.full(len(offered), EMPTY), np.ones(len(offered))
        pairs[taken] = np.arange(len(wanted))
        pairs[places], factor[places] = rng.permutation(idle), gain
        source = pairs[:, None] * 2 + np.arange(2)
        source[pairs == EMPTY] = EMPTY
        factor = np.repeat(factor, 2)
        axes.append(Axis(source.ravel(), factor, factor))
    return axes[0], axes[1]


def _frequencies(config: DecoderConfig) -> Tensor:
    return rope_frequencies(Rope(theta=config.rope_theta, scaling=config.rope_scaling), config.head_dim)


def _nearest(wanted: npt.NDArray[np.float64], offered: npt.NDArray[np.float64]) -> Index:
    """A place of its own in ``offered`` for each of ``wanted``, as near as may be, the first ones first."""
    free = np.ones(len(offered), dtype=bool)
    places = np.empty(len(wanted), dtype=np.int64)
    for index, value in enumerate(wanted):
        distance = np.where(free, np.abs(offered - value), np.inf)
        places[index] = int(distance.argmin())
        free[places[index]] = False
    return places


def _in_every_head(axis: Axis, heads: Index, head_dim: int) -> Axis:
    source = heads[:, None] * head_dim + axis.source
    source[:, axis.source == EMPTY] = EMPTY
    return Axis(source.ravel(), np.tile(axis.write, len(heads)), np.tile(axis.read, len(heads)))
