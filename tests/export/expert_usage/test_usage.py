"""Statistics of routings against plain counting, and the cache against a simulation that keeps a list."""

from __future__ import annotations

import itertools
import math
from collections import Counter, OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.export.expert_usage.expert_cache import cache_curve, reuse_distances
from mmoe.export.expert_usage.usage import layer_usage, steps_seen


@st.composite
def routings(draw: st.DrawFn) -> tuple[list[np.ndarray], int]:
    """Routings of a few layers, and the number of experts of each."""
    experts, layers, tokens = draw(st.integers(1, 6)), draw(st.integers(1, 3)), draw(st.integers(1, 12))
    top_k = draw(st.integers(1, experts))
    token = st.permutations(range(experts)).map(lambda order: order[:top_k])
    return [
        np.array(draw(st.lists(token, min_size=tokens, max_size=tokens)), np.int32) for _ in range(layers)
    ], experts


@given(routings())
@settings(max_examples=80, deadline=None, derandomize=True)
def test_cache_hits_what_a_list_of_recent_experts_holds(case: tuple[list[np.ndarray], int]) -> None:
    layers, experts = case
    distances = reuse_distances(layers, num_experts=experts)
    everything = len(layers) * experts
    curve = {
        point.bytes: point.hit_rate
        for point in cache_curve(distances, everything=everything, expert_bytes=10)
    }
    assert max(curve) == 10 * everything
    for size, rate in curve.items():
        held: OrderedDict[tuple[int, int], None] = OrderedDict()
        hits = uses = 0
        for token in range(len(layers[0])):
            for layer, selected in enumerate(layers):
                for expert in selected[token].tolist():
                    uses += 1
                    hits += (layer, expert) in held
                    held[layer, expert] = None
                    held.move_to_end((layer, expert))
                    while len(held) > size // 10:
                        held.popitem(last=False)
        assert rate == pytest.approx(hits / uses)


@given(routings())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_usage_is_that_of_counting(case: tuple[list[np.ndarray], int]) -> None:
    (selected, *_), experts = case
    rows = selected.tolist()
    seen = steps_seen(len(rows))
    usage = layer_usage(3, selected, num_experts=experts, seen=seen)
    counts = Counter(expert for row in rows for expert in row)
    assert usage.layer == 3
    assert usage.counts == tuple(counts[expert] for expert in range(experts))
    assert usage.unique == tuple(len({expert for row in rows[:count] for expert in row}) for count in seen)
    shares = [count / counts.total() for count in counts.values()]
    expected = -sum(share * math.log(share) for share in shares) / math.log(experts) if experts > 1 else 0.0
    assert usage.entropy == pytest.approx(expected, abs=1e-12)
    pairs = [len({*a} & {*b}) / len(a) for a, b in itertools.pairwise(rows)]
    assert usage.reuse == pytest.approx(sum(pairs) / len(pairs) if pairs else 0.0)
    alike = [len({*a} & {*b}) / len(a) for a in rows for b in rows]
    assert usage.reuse_by_chance == pytest.approx(sum(alike) / len(alike))


def test_tokens_to_look_at() -> None:
    assert steps_seen(1) == (1,)
    assert steps_seen(8) == (1, 2, 4, 8)
    assert steps_seen(11) == (1, 2, 4, 8, 11)
