"""Attention over the KV cache against a float64 softmax."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.native_kernels import (
    AttentionInputs,
    AttentionOptions,
    KernelError,
    attention,
    available_isas,
)

ISAS = available_isas()
FASTEST = ISAS[-1]


def random_inputs(rng, *, tokens, group, kv_heads, head_dim):
    def heads(count):
        return (rng.normal(size=(tokens, count, head_dim)) * 2).astype(np.float32)

    angles = rng.uniform(0, 7, (tokens, head_dim // 2))
    return AttentionInputs(
        query=heads(group * kv_heads),
        key=heads(kv_heads),
        value=heads(kv_heads),
        rope_cos=np.cos(angles).astype(np.float32),
        rope_sin=np.sin(angles).astype(np.float32),
    )


def empty_caches(inputs, context_len):
    """NaN everywhere: whatever is read before it is written shows."""
    shape = (inputs.key.shape[1], context_len, inputs.key.shape[2])
    return np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)


def prepared(x, inputs, options):
    """RoPE on adjacent pairs, then the RMS norm without a weight, in float64."""
    x = x.astype(np.float64)
    if options.use_rope:
        cosine, sine = (
            inputs.rope_cos[:, None].astype(np.float64),
            inputs.rope_sin[:, None].astype(np.float64),
        )
        even, odd = x[..., 0::2], x[..., 1::2]
        x = np.stack([even * cosine - odd * sine, even * sine + odd * cosine], axis=-1).reshape(x.shape)
    if options.use_qk_norm:
        x = x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + options.qk_norm_eps)
    return x


def oracle(inputs, options):
    """All tokens from position 0, float64 ``[T, Hq, D]``."""
    tokens, heads, _ = inputs.query.shape
    group = heads // inputs.key.shape[1]
    query, key = prepared(inputs.query, inputs, options), prepared(inputs.key, inputs, options)
    out = np.empty(query.shape)
    for t in range(tokens):
        for head in range(heads):
            scores = key[: t + 1, head // group] @ query[t, head] * options.scale
            weights = np.exp(scores - scores.max())
            out[t, head] = weights @ inputs.value[: t + 1, head // group] / weights.sum()
    return out


def in_calls(inputs, options, cuts, context_len, **target):
    key_cache, value_cache = empty_caches(inputs, context_len)
    edges = [0, *cuts, inputs.query.shape[0]]
    parts = [
        attention(
            inputs.rows(begin, end),
            options,
            position=begin,
            key_cache=key_cache,
            value_cache=value_cache,
            **target,
        )
        for begin, end in itertools.pairwise(edges)
    ]
    return np.concatenate(parts), key_cache, value_cache


@st.composite
def cases(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    inputs = random_inputs(
        rng,
        tokens=draw(st.one_of(st.integers(1, 5), st.integers(1, 200))),
        group=draw(st.integers(1, 5)),
        kv_heads=draw(st.integers(1, 3)),
        head_dim=2 * draw(st.integers(1, 40)),
    )
    options = AttentionOptions(
        use_rope=draw(st.booleans()),
        use_qk_norm=draw(st.booleans()),
        qk_norm_eps=1e-5,
        scale=inputs.key.shape[2] ** -0.5,
    )
    return inputs, options


@settings(derandomize=True, deadline=None, max_examples=40)
@given(case=cases(), data=st.data())
def test_against_float64_in_any_split(case, data):
    inputs, options = case
    tokens = inputs.query.shape[0]
    expected = oracle(inputs, options)
    whole, key_cache, value_cache = in_calls(inputs, options, [], tokens + 3, isa=FASTEST)
    np.testing.assert_allclose(whole, expected, rtol=0, atol=2e-5)
    np.testing.assert_array_equal(value_cache[:, :tokens], inputs.value.transpose(1, 0, 2))
    np.testing.assert_allclose(
        key_cache[:, :tokens], prepared(inputs.key, inputs, options).transpose(1, 0, 2), rtol=1e-5, atol=1e-5
    )
    assert np.isnan(key_cache[:, tokens:]).all()
    assert np.isnan(value_cache[:, tokens:]).all()
    cuts = sorted(data.draw(st.lists(st.integers(0, tokens), max_size=6)))
    for isa in ISAS:
        parts, *_ = in_calls(inputs, options, cuts, tokens + 3, isa=isa, threads=data.draw(st.integers(1, 4)))
        np.testing.assert_array_equal(parts, whole)


def test_one_token_at_a_time_equals_all_at_once():
    inputs = random_inputs(np.random.default_rng(0), tokens=150, group=3, kv_heads=2, head_dim=64)
    options = AttentionOptions(use_rope=True, use_qk_norm=True, qk_norm_eps=1e-5, scale=0.125)
    whole, *_ = in_calls(inputs, options, [], 150, isa=FASTEST)
    single, *_ = in_calls(inputs, options, range(1, 150), 150, isa=FASTEST, threads=2)
    np.testing.assert_array_equal(single, whole)


def test_what_lies_beyond_the_position_is_not_read():
    """A cache is reset by going back to position 0: rows of an earlier text must not leak."""
    inputs = random_inputs(np.random.default_rng(1), tokens=20, group=2, kv_heads=2, head_dim=16)
    options = AttentionOptions(use_rope=True, use_qk_norm=False, qk_norm_eps=1e-5, scale=0.25)
    fresh, *_ = in_calls(inputs, options, [7], 64)
    key_cache = np.full((2, 64, 16), 1e3, np.float32)
    value_cache = np.full((2, 64, 16), np.inf, np.float32)
    reused = attention(inputs, options, position=0, key_cache=key_cache, value_cache=value_cache)
    np.testing.assert_array_equal(reused, fresh)


def test_large_scores_do_not_overflow():
    inputs = random_inputs(np.random.default_rng(2), tokens=70, group=1, kv_heads=1, head_dim=32)
    options = AttentionOptions(use_rope=False, use_qk_norm=False, qk_norm_eps=1e-5, scale=100.0)
    found, *_ = in_calls(inputs, options, [], 70, isa=FASTEST)
    np.testing.assert_allclose(found, oracle(inputs, options), atol=1e-2)


@pytest.mark.parametrize("position", [-1, 6, 2**40])
def test_positions_outside_the_cache_are_refused_and_nothing_is_written(position):
    inputs = random_inputs(np.random.default_rng(3), tokens=5, group=1, kv_heads=1, head_dim=8)
    options = AttentionOptions(use_rope=False, use_qk_norm=False, qk_norm_eps=1e-5, scale=1.0)
    key_cache, value_cache = empty_caches(inputs, 10)
    with pytest.raises(KernelError, match="input_pos"):
        attention(inputs, options, position=position, key_cache=key_cache, value_cache=value_cache)
    assert np.isnan(key_cache).all()
    assert np.isnan(value_cache).all()


def test_odd_head_dims_and_uneven_groups_are_refused():
    options = AttentionOptions(use_rope=False, use_qk_norm=False, qk_norm_eps=1e-5, scale=1.0)
    odd = np.zeros((1, 1, 5), np.float32)
    angles = np.zeros((1, 2), np.float32)
    inputs = AttentionInputs(query=odd, key=odd, value=odd, rope_cos=angles, rope_sin=angles)
    with pytest.raises(KernelError, match="head_dim must be even"):
        attention(inputs, options, position=0, key_cache=odd.copy(), value_cache=odd.copy())
    three, two = np.zeros((1, 3, 4), np.float32), np.zeros((2, 1, 4), np.float32)
    inputs = AttentionInputs(query=three, key=three, value=three, rope_cos=angles, rope_sin=angles)
    with pytest.raises(KernelError, match="multiple of the number of kv heads"):
        attention(inputs, options, position=0, key_cache=two, value_cache=two.copy())
