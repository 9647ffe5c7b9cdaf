"""Router scores, selection and weights."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.moe_oracle import random_layer, route
from tests.support.native_kernels import RoutedExperts, available_isas, router_topk

ISAS = available_isas()


def router_only(weight, bias, *, top_k, norm_topk_prob=True, routed_scaling_factor=1.0):
    """A layer whose experts are never read."""
    nothing = np.zeros((1, 1, 1, 64), np.uint8), np.zeros((1, 1, 16), np.float16)
    return RoutedExperts(
        router_weight=weight,
        expert_bias=bias,
        gate_up_weight=nothing[0],
        gate_up_scale=nothing[1],
        down_weight=nothing[0],
        down_scale=nothing[1],
        top_k=top_k,
        norm_topk_prob=norm_topk_prob,
        routed_scaling_factor=routed_scaling_factor,
    )


def exact_router(seed, experts, top_k, tokens, **options):
    """Products that float32 adds without rounding, whatever the order: x in eighths, weights in sixty-fourths."""
    rng = np.random.default_rng(seed)
    layer = random_layer(rng, experts=experts, top_k=top_k, hidden=32, width=16, **options).layer
    return layer, (rng.integers(-16, 17, (tokens, 32)) / 8).astype(np.float32)


@pytest.mark.parametrize("isa", ISAS)
@settings(derandomize=True, deadline=None, max_examples=40)
@given(experts=st.integers(1, 70), data=st.data(), norm=st.booleans(), seed=st.integers(0, 2**32 - 1))
def test_scores_and_weights_against_float64(isa, experts, data, norm, seed):
    top_k = data.draw(st.integers(1, experts))
    layer, x = exact_router(seed, experts, top_k, tokens=4, norm_topk_prob=norm)
    scores, selected, weights = router_topk(layer, x, isa=isa)
    expected, _ = route(layer, x)
    np.testing.assert_allclose(scores, expected, rtol=1e-6)
    chosen = np.take_along_axis(expected, selected.astype(np.int64), axis=1)
    if norm:
        chosen = chosen / (chosen.sum(axis=1, keepdims=True) + 1e-20)
    np.testing.assert_allclose(weights, chosen * layer.routed_scaling_factor, rtol=2e-6)


@pytest.mark.parametrize("isa", ISAS)
@settings(derandomize=True, deadline=None, max_examples=40)
@given(experts=st.integers(1, 70), data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_selection_is_a_stable_sort_of_the_biased_scores(isa, experts, data, seed):
    top_k = data.draw(st.integers(1, experts))
    layer, x = exact_router(seed, experts, top_k, tokens=4)
    scores, selected, _ = router_topk(layer, x, isa=isa)
    expected = np.argsort(-(scores + layer.expert_bias), axis=1, kind="stable")[:, :top_k]
    np.testing.assert_array_equal(selected, expected)


@pytest.mark.parametrize("isa", ISAS)
def test_equal_experts_go_by_index(isa):
    layer = router_only(np.zeros((9, 32), np.float32), np.zeros(9, np.float32), top_k=4)
    _, selected, weights = router_topk(layer, np.ones((1, 32), np.float32), isa=isa)
    assert selected.tolist() == [[0, 1, 2, 3]]
    np.testing.assert_array_equal(weights, 0.25)


@pytest.mark.parametrize("isa", ISAS)
def test_the_bias_selects_but_does_not_weigh(isa):
    bias = np.array([0, 9, 0, -9, 5], np.float32)
    layer = router_only(
        np.zeros((5, 32), np.float32), bias, top_k=3, norm_topk_prob=False, routed_scaling_factor=2.5
    )
    _, selected, weights = router_topk(layer, np.ones((1, 32), np.float32), isa=isa)
    assert selected.tolist() == [[1, 4, 0]]
    np.testing.assert_array_equal(weights, 0.5 * 2.5)


@pytest.mark.parametrize("isa", ISAS)
def test_extreme_logits_saturate(isa):
    weight = np.zeros((4, 32), np.float32)
    weight[:, 0] = [1000, -1000, 88, -88]
    layer = router_only(weight, np.zeros(4, np.float32), top_k=4)
    x = np.zeros((1, 32), np.float32)
    x[0, 0] = 1
    scores, selected, weights = router_topk(layer, x, isa=isa)
    np.testing.assert_allclose(scores[0], [1, 0, 1, 6e-39], atol=1e-37)
    assert selected.tolist() == [[0, 2, 3, 1]]
    assert np.isfinite(weights).all()


def test_nan_scores_still_select_distinct_experts():
    layer = router_only(np.full((6, 32), np.nan, np.float32), np.zeros(6, np.float32), top_k=3)
    for isa in ISAS:
        _, selected, _ = router_topk(layer, np.ones((1, 32), np.float32), isa=isa)
        assert selected.tolist() == [[0, 1, 2]]


def test_instruction_sets_agree_to_the_bit():
    rng = np.random.default_rng(3)
    layer = router_only(
        rng.normal(size=(61, 96)).astype(np.float32), rng.normal(size=61).astype(np.float32) / 8, top_k=7
    )
    x = rng.normal(size=(50, 96)).astype(np.float32)
    first = router_topk(layer, x, isa=ISAS[0])
    for isa in ISAS[1:]:
        for a, b in zip(first, router_topk(layer, x, isa=isa), strict=True):
            np.testing.assert_array_equal(a, b)
