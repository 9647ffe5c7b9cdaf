"""Experts grouped along the input: to the bit by their definition, and float64 within the bound of int8 activations."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.grouped_oracle import random_layer, route
from tests.support.native_kernels import KernelError, available_isas, moe_ffn_in

ISAS = available_isas()
FASTEST = ISAS[-1]


@st.composite
def layers(draw, max_tokens):
    group = draw(st.sampled_from([32, 64, 128]))
    experts = draw(st.integers(1, 20))
    oracle = random_layer(
        rng := np.random.default_rng(draw(st.integers(0, 2**32 - 1))),
        experts=experts,
        top_k=draw(st.integers(1, min(experts, 5))),
        hidden=group * draw(st.integers(1, 3)),
        width=group * draw(st.integers(1, 2)),
        group=group,
        zeros=draw(st.booleans()),
        dtype=draw(st.sampled_from([np.float16, np.float32])),
        softmax=draw(st.booleans()),
        norm_topk_prob=draw(st.booleans()),
    )
    hidden = oracle.layer.router_weight.shape[1]
    return oracle, rng.normal(size=(draw(st.integers(0, max_tokens)), hidden)).astype(np.float32)


def assert_same_bits(a, b):
    np.testing.assert_array_equal(a.view(np.int32), b.view(np.int32))


@settings(derandomize=True, deadline=None, max_examples=40)
@given(case=layers(max_tokens=4))
def test_follows_its_definition(case):
    oracle, x = case
    selected, weights = route(oracle.layer, x)
    found = moe_ffn_in(oracle.layer, x, isa=FASTEST)
    # The integer sums are the kernels' own; the weights come from another exponential.
    np.testing.assert_allclose(found, oracle.emulate(x, selected, weights), rtol=2e-5, atol=2e-6)
    expected, bound = oracle.exact_with_bound(x, selected, weights)
    assert (np.abs(found - expected) <= bound + 1e-5 * np.abs(expected)).all()


@settings(derandomize=True, deadline=None, max_examples=30)
@given(case=layers(max_tokens=3))
def test_one_expert_equals_its_emulation_to_the_bit(case):
    oracle, x = case
    # With a single expert that is not normalised, softmax gives a weight of exactly one.
    sizes = {"experts": 1, "top_k": 1, "softmax": True, "norm_topk_prob": False}
    layer = oracle.layer
    single = random_layer(
        np.random.default_rng(1),
        hidden=layer.router_weight.shape[1],
        width=4 * layer.down_weight.shape[2],
        group=layer.group_size,
        zeros=layer.down_zero is not None,
        dtype=layer.down_scale.dtype.type,
        **sizes,
    )
    weights = np.full((len(x), 1), single.layer.routed_scaling_factor, np.float32)
    expected = single.emulate(x, np.zeros((len(x), 1), np.int32), weights)
    for isa in ISAS:
        np.testing.assert_array_equal(moe_ffn_in(single.layer, x, isa=isa), expected)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(case=layers(max_tokens=150), data=st.data())
def test_bits_do_not_depend_on_isa_threads_or_calls(case, data):
    oracle, x = case
    reference = moe_ffn_in(oracle.layer, x)
    for isa in ISAS:
        for threads in (1, 3):
            assert_same_bits(moe_ffn_in(oracle.layer, x, isa=isa, threads=threads), reference)
    cuts = sorted(data.draw(st.lists(st.integers(0, x.shape[0]), max_size=4)))
    parts = [moe_ffn_in(oracle.layer, part, isa=FASTEST) for part in np.split(x, cuts)]
    assert_same_bits(np.concatenate(parts), reference)


@pytest.mark.parametrize("isa", ISAS)
def test_extreme_integers_of_the_widest_group_are_exact(isa):
    rng = np.random.default_rng(2)
    oracle = random_layer(
        rng, experts=1, top_k=1, hidden=128, width=128, group=128, zeros=True, norm_topk_prob=False
    )
    for matrix, weight, zero in (
        (oracle.gate_up, oracle.layer.gate_up_weight, oracle.layer.gate_up_zero),
        (oracle.down, oracle.layer.down_weight, oracle.layer.down_zero),
    ):
        matrix.nibbles[:], weight[:] = 15, 0xFF
        matrix.zero[:], zero[:] = 0, 0
    x = np.full((1, 128), -3, np.float32)
    weights = np.full((1, 1), 1.5, np.float32)
    np.testing.assert_array_equal(
        moe_ffn_in(oracle.layer, x, isa=isa), oracle.emulate(x, np.zeros((1, 1), np.int32), weights)
    )


@pytest.mark.parametrize("group", [32, 64, 128])
def test_a_nan_token_leaves_the_others_alone(group):
    layer = random_layer(
        np.random.default_rng(3), experts=4, top_k=2, hidden=128, width=128, group=group
    ).layer
    x = np.random.default_rng(4).normal(size=(9, 128)).astype(np.float32)
    expected = moe_ffn_in(layer, x)
    x[4, 3] = np.nan
    for isa in ISAS:
        found = moe_ffn_in(layer, x, isa=isa)
        assert np.isnan(found[4]).all()
        assert_same_bits(np.delete(found, 4, axis=0), np.delete(expected, 4, axis=0))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"group_size": 16}, "group_size must be 32, 64 or 128"),
        ({"group_size": 128}, "hidden_size must be a multiple of group_size"),
        ({"down_weight": np.zeros((4, 2, 8, 64), np.uint8)}, "intermediate_size must be a multiple"),
        ({"top_k": 5}, "top_k must be in 1..num_experts"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(changes, message):
    layer = random_layer(np.random.default_rng(5), experts=4, top_k=2, hidden=64, width=64, group=64).layer
    with pytest.raises(KernelError, match=message):
        moe_ffn_in(dataclasses.replace(layer, **changes), np.zeros((1, 64), np.float32))
