"""Flip counts against Python sets."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.export.verify.router_flips import layer_flips, router_flips


@settings(derandomize=True, deadline=None)
@given(tokens=st.integers(1, 30), experts=st.integers(1, 8), data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_flips_match_sets(tokens, experts, data, seed):
    top_k = data.draw(st.integers(1, experts))
    random = np.random.default_rng(seed)
    reference, test = (
        np.stack([random.permutation(experts)[:top_k] for _ in range(tokens)]) for _ in range(2)
    )
    margins = random.random(tokens)
    lost = [len(set(a) - set(b)) for a, b in zip(reference.tolist(), test.tolist(), strict=True)]
    crossed = [margin for margin, count in zip(margins.tolist(), lost, strict=True) if count]
    found = layer_flips(3, reference, test, margins)
    assert found.layer == 3
    assert found.tokens == tokens
    assert found.flipped_experts == sum(lost)
    assert found.flipped_tokens == len(crossed)
    assert found.median_margin == pytest.approx(statistics.median(margins.tolist()))
    if crossed:
        assert found.median_flip_margin == pytest.approx(statistics.median(crossed))
        assert found.max_flip_margin == max(crossed)
    else:
        assert math.isnan(found.median_flip_margin)
        assert math.isnan(found.max_flip_margin)


def test_the_order_within_a_selection_is_no_flip():
    assert layer_flips(0, np.array([[1, 2]]), np.array([[2, 1]]), np.array([0.1])).flipped_tokens == 0


def test_layers_add_up():
    reference, margins = np.array([[0, 1], [2, 3]]), np.array([0.5, 0.01])
    flipped = layer_flips(1, reference, np.array([[0, 1], [2, 4]]), margins)
    total = router_flips([layer_flips(0, reference, reference, margins), flipped])
    assert (total.decisions, total.flipped_decisions, total.flipped_share) == (4, 1, 0.25)
    assert total.layers[1].max_flip_margin == 0.01
    assert router_flips([]).flipped_share == 0.0


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="selections"):
        layer_flips(0, np.zeros((2, 3), dtype=np.int64), np.zeros((2, 2), dtype=np.int64), np.zeros(2))
    with pytest.raises(ValueError, match="selections"):
        layer_flips(0, np.zeros((2, 3), dtype=np.int64), np.zeros((2, 3), dtype=np.int64), np.zeros(3))
