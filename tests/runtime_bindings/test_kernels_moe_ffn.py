"""The whole layer of routed experts: against float64 within a proven bound, against its own stages to the bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.moe_oracle import emulate_matmul, exact_with_bound, random_layer, route
from tests.support.native_kernels import KernelError, available_isas, moe_ffn, router_topk, swiglu

ISAS = available_isas()
FASTEST = ISAS[-1]


@st.composite
def layers(draw, max_tokens=300):
    """Random sizes; widths that are multiples of 16 only let a panel hold the gate/up boundary."""
    experts = draw(st.integers(1, 12))
    top_k = draw(st.integers(1, experts))
    hidden, width = 32 * draw(st.integers(1, 5)), 16 * draw(st.integers(1, 7))
    tokens = draw(st.one_of(st.integers(0, 9), st.integers(0, max_tokens)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    oracle = random_layer(rng, experts=experts, top_k=top_k, hidden=hidden, width=width)
    return oracle, rng.normal(size=(tokens, hidden)).astype(np.float32)


def assert_same_bits(a, b):
    np.testing.assert_array_equal(a.view(np.int32), b.view(np.int32))


def assert_within_bound(oracle, x, found):
    _, selected, weights = router_topk(oracle.layer, x, isa=FASTEST)
    _, biased = route(oracle.layer, x)
    # The kernel's selection is one that float64 accepts, up to what float32 cannot tell apart.
    top_k = oracle.layer.top_k
    chosen = np.take_along_axis(biased, selected.astype(np.int64), axis=1)
    best = -np.sort(-biased, axis=1)[:, :top_k]
    np.testing.assert_allclose(chosen, best, atol=1e-6)
    expected, bound = exact_with_bound(oracle, x, (selected, weights))
    assert (np.abs(found - expected) <= bound).all()


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=40)
@given(case=layers())
def test_error_stays_within_the_bound_of_int8_activations(case):
    oracle, x = case
    assert_within_bound(oracle, x[:40], moe_ffn(oracle.layer, x, isa=FASTEST)[:40])


@settings(derandomize=True, deadline=None, max_examples=15)
@given(case=layers(max_tokens=6))
def test_equals_its_stages_to_the_bit(case):
    oracle, x = case
    layer = oracle.layer
    _, selected, weights = router_topk(layer, x)
    expected = np.zeros_like(x)
    for t in range(x.shape[0]):
        for k, (expert, weight) in enumerate(zip(selected[t], weights[t], strict=True)):
            hidden = swiglu(emulate_matmul(x[t], oracle.gate_up, expert))
            down = weight * emulate_matmul(hidden, oracle.down, expert)
            expected[t] = down if k == 0 else expected[t] + down
    np.testing.assert_array_equal(moe_ffn(layer, x, isa=FASTEST), expected)


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=40)
@given(case=layers(), data=st.data())
def test_bits_do_not_depend_on_isa_threads_or_calls(case, data):
    oracle, x = case
    layer = oracle.layer
    reference = moe_ffn(layer, x)
    for isa in ISAS:
        for threads in (1, 2, 3, 4):
            assert_same_bits(moe_ffn(layer, x, isa=isa, threads=threads), reference)
    cuts = sorted(data.draw(st.lists(st.integers(0, x.shape[0]), max_size=4)))
    parts = [moe_ffn(layer, part, isa=FASTEST) for part in np.split(x, cuts)]
    assert_same_bits(np.concatenate(parts), reference)


def test_snr_of_a_realistic_layer():
    rng = np.random.default_rng(0)
    oracle = random_layer(rng, experts=12, top_k=4, hidden=256, width=128)
    x = rng.normal(size=(30, 256)).astype(np.float32)
    _, selected, weights = router_topk(oracle.layer, x, isa=FASTEST)
    expected, _ = exact_with_bound(oracle, x, (selected, weights))
    noise = moe_ffn(oracle.layer, x, isa=FASTEST) - expected
    assert 10 * np.log10((expected**2).sum() / (noise**2).sum()) > 32


@pytest.mark.parametrize("isa", ISAS)
def test_one_expert_takes_all_tokens_and_others_none(isa):
    rng = np.random.default_rng(1)
    oracle = random_layer(rng, experts=6, top_k=2, hidden=64, width=32)
    oracle.layer.expert_bias[:] = [0, -50, 50, -50, 50, -50]
    x = rng.normal(size=(300, 64)).astype(np.float32)
    found = moe_ffn(oracle.layer, x, isa=isa, threads=2)
    assert set(router_topk(oracle.layer, x[:50])[1].ravel()) == {2, 4}
    assert_within_bound(oracle, x[:50], found[:50])
    assert_same_bits(found[250:], moe_ffn(oracle.layer, x[250:], isa=isa))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(("experts", "top_k"), [(1, 1), (5, 5), (300, 300)])
def test_extreme_expert_counts(isa, experts, top_k):
    rng = np.random.default_rng(2)
    oracle = random_layer(rng, experts=experts, top_k=top_k, hidden=32, width=16)
    x = rng.normal(size=(20, 32)).astype(np.float32)
    assert_within_bound(oracle, x[:3], moe_ffn(oracle.layer, x, isa=isa)[:3])


@pytest.mark.parametrize("isa", ISAS)
def test_weights_may_stand_at_any_address(isa):
    rng = np.random.default_rng(3)
    oracle = random_layer(rng, experts=3, top_k=2, hidden=64, width=32)
    x = rng.normal(size=(7, 64)).astype(np.float32)
    expected = moe_ffn(oracle.layer, x, isa=isa)
    for name in ("gate_up_weight", "down_weight"):
        weight = getattr(oracle.layer, name)
        shifted = np.empty(weight.size + 1, np.uint8)[1:].reshape(weight.shape)
        shifted[...] = weight
        object.__setattr__(oracle.layer, name, shifted)
    assert_same_bits(moe_ffn(oracle.layer, x, isa=isa), expected)


def test_a_nan_token_leaves_the_others_alone():
    rng = np.random.default_rng(4)
    layer = random_layer(rng, experts=4, top_k=2, hidden=32, width=16).layer
    x = rng.normal(size=(9, 32)).astype(np.float32)
    expected = moe_ffn(layer, x)
    x[4, 3] = np.nan
    for isa in ISAS:
        found = moe_ffn(layer, x, isa=isa)
        assert np.isnan(found[4]).all()
        assert_same_bits(np.delete(found, 4, axis=0), np.delete(expected, 4, axis=0))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"top_k": 0}, "top_k must be in 1..num_experts"),
        ({"top_k": 5}, "top_k must be in 1..num_experts"),
        ({"router_weight": np.zeros((4, 48), np.float32)}, "hidden_size must be a positive multiple of 32"),
        ({"router_weight": np.zeros((0, 32), np.float32)}, "num_experts must be at least 1"),
        (
            {"down_scale": np.zeros((4, 1, 24), np.float16)},
            "intermediate_size must be a positive multiple of 16",
        ),
        (
            {"down_scale": np.zeros((4, 1, 0), np.float16)},
            "intermediate_size must be a positive multiple of 16",
        ),
    ],
)
def test_hostile_sizes_are_refused(changes, message):
    layer = random_layer(np.random.default_rng(5), experts=4, top_k=2, hidden=32, width=16).layer
    for name, value in changes.items():
        object.__setattr__(layer, name, value)
    with pytest.raises(KernelError, match=message):
        moe_ffn(layer, np.zeros((1, layer.hidden_size), np.float32))


def test_a_thread_count_below_one_is_refused():
    layer = random_layer(np.random.default_rng(6), experts=4, top_k=2, hidden=32, width=16).layer
    with pytest.raises(KernelError, match="threads must be in 1"):
        moe_ffn(layer, np.zeros((1, 32), np.float32), threads=0)
