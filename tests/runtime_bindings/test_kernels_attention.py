"""Attention over the KV cache against a float64 softmax."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.native_kernels import (
    AttentionInputs,
    AttentionOptions,
    CacheType,
    KernelError,
    KvCache,
    attention,
    available_isas,
)

ISAS = available_isas()
FASTEST = ISAS[-1]

# Keys whose softmax is computed together (kernels/attention/attention_kernels.h).
PARTITION = 256


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


def attended(query, keys, values, options, *, position):
    """query ``[T, Hq, D]`` from `position` on over keys and values ``[Hkv, C, D]``, in float64."""
    out = np.empty(query.shape)
    group = query.shape[1] // keys.shape[0]
    for t, head in np.ndindex(*query.shape[:2]):
        end = position + t + 1
        visible = slice(max(0, end - options.window) if options.window else 0, end)
        scores = keys[head // group, visible] @ query[t, head] * options.scale
        weights = np.exp(scores - scores.max())
        out[t, head] = weights @ values[head // group, visible] / weights.sum()
    return out


def oracle(inputs, options):
    """All tokens from position 0, float64 ``[T, Hq, D]``."""
    keys, values = prepared(inputs.key, inputs, options), inputs.value.astype(np.float64)
    return attended(
        prepared(inputs.query, inputs, options),
        keys.transpose(1, 0, 2),
        values.transpose(1, 0, 2),
        options,
        position=0,
    )


def in_calls(inputs, options, cuts, cache, **target):
    edges = [0, *cuts, inputs.query.shape[0]]
    parts = [
        attention(inputs.rows(begin, end), options, position=begin, cache=cache, **target)
        for begin, end in itertools.pairwise(edges)
    ]
    return np.concatenate(parts)


def empty_cache(type, inputs, context_len):
    """NaN in every float: whatever is read before it is written shows."""
    _, kv_heads, head_dim = inputs.key.shape
    return KvCache.filled(type, (kv_heads, context_len, head_dim))


@st.composite
def cases(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    inputs = random_inputs(
        rng,
        tokens=draw(st.one_of(st.integers(1, 5), st.integers(1, 600))),
        group=draw(st.integers(1, 5)),
        kv_heads=draw(st.integers(1, 3)),
        head_dim=draw(st.sampled_from([2, 16, 18, 40, 64, 80, 128, 130])),
    )
    options = AttentionOptions(
        use_rope=draw(st.booleans()),
        use_qk_norm=draw(st.booleans()),
        qk_norm_eps=1e-5,
        scale=inputs.key.shape[2] ** -0.5,
    )
    return inputs, options


def bound(inputs, options, cache):
    """How far each result may be from exact attention over the rows in the cache, float64 ``[T, Hq, 1]``.

    Float32 arithmetic: scores are off by 2e-6 of the sum of their products' magnitudes. With an int8 cache the query
    has 14 bits: its elements are off by half of 1/8191 of the largest, each score by that times sum |k|. A score
    that is off by s changes a weight by at most a factor e^2s. The weights too have 14 bits: in a partition of n keys,
    each is off by half of 1/16383 of the largest, so the output by n / 2 / 16383 of the largest value.
    """
    keys, values = (np.nan_to_num(rows) for rows in cache.rows())
    query = prepared(inputs.query, inputs, options)
    group = query.shape[1] // keys.shape[0]
    sum_keys = np.abs(keys).sum(axis=-1).max(axis=1).repeat(group)
    largest_key = np.abs(keys).max(axis=(1, 2)).repeat(group)
    largest_value = np.abs(values).max(axis=(1, 2)).repeat(group)
    scores = 2e-6 * np.abs(query).sum(axis=-1) * largest_key
    weights = 2e-6
    if cache.type is CacheType.INT8:
        scores += np.abs(query).max(axis=-1) / 8191 / 2 * sum_keys
        weights += min(query.shape[0], PARTITION) / 2 / 16383
    return ((np.expm1(2 * scores * options.scale) + weights) * largest_value)[..., None]


def assert_rows(found, exact, cache_type, scales):
    """Rows in the cache against the exact ones: rounded to nearest in their format, no more."""
    floats = 2e-5 if cache_type is not CacheType.FLOAT32 else 1e-5
    rounding = {
        CacheType.FLOAT32: 0,
        CacheType.FLOAT16: np.abs(exact) * 2**-11 + 2**-25,
        CacheType.INT8: scales[..., None].astype(np.float64) / 2,
    }[cache_type]
    assert (np.abs(found - exact) <= rounding + floats * (1 + np.abs(exact))).all()


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=60)
@given(case=cases(), cache_type=st.sampled_from(CacheType), data=st.data())
def test_against_float64_in_any_split(case, cache_type, data):
    inputs, options = case
    tokens = inputs.query.shape[0]
    cache = empty_cache(cache_type, inputs, tokens + 3)
    whole = in_calls(inputs, options, [], cache, isa=FASTEST)
    keys, values = cache.rows()
    filled = slice(0, tokens)
    for rows, scales, exact in (
        (keys, cache.key_steps, prepared(inputs.key, inputs, options)),
        (values, cache.value_steps, inputs.value.astype(np.float64)),
    ):
        assert_rows(rows[:, filled], exact.swapaxes(0, 1), cache_type, scales[:, filled])
    assert np.isnan(keys[:, tokens:]).all()
    assert np.isnan(values[:, tokens:]).all()
    expected = attended(prepared(inputs.query, inputs, options), keys, values, options, position=0)
    assert (np.abs(whole - expected) <= bound(inputs, options, cache)).all()

    cuts = sorted(data.draw(st.lists(st.integers(0, tokens), max_size=6)))
    for isa in ISAS:
        split = empty_cache(cache_type, inputs, tokens + 3)
        parts = in_calls(inputs, options, cuts, split, isa=isa, threads=data.draw(st.integers(1, 4)))
        np.testing.assert_array_equal(parts, whole)
        np.testing.assert_array_equal(split.keys, cache.keys)
        np.testing.assert_array_equal(split.values, cache.values)


@pytest.mark.parametrize("cache_type", CacheType)
def test_one_token_at_a_time_equals_all_at_once(cache_type):
    """Decode splits the cache over the threads where prefill splits the tokens; partitions make them agree."""
    inputs = random_inputs(
        np.random.default_rng(0), tokens=2 * PARTITION + 70, group=3, kv_heads=2, head_dim=64
    )
    tokens = inputs.query.shape[0]
    options = AttentionOptions(use_rope=True, use_qk_norm=True, qk_norm_eps=1e-5, scale=0.125)
    whole = in_calls(inputs, options, [], empty_cache(cache_type, inputs, tokens), isa=FASTEST)
    for threads in (1, 2, 5):
        cache = empty_cache(cache_type, inputs, tokens)
        single = in_calls(inputs, options, range(1, tokens), cache, isa=FASTEST, threads=threads)
        np.testing.assert_array_equal(single, whole)


@pytest.mark.parametrize("cache_type", CacheType)
def test_what_lies_beyond_the_position_is_not_read(cache_type):
    """A cache is reset by going back to position 0: rows of an earlier text must not leak."""
    inputs = random_inputs(np.random.default_rng(1), tokens=20, group=2, kv_heads=2, head_dim=16)
    options = AttentionOptions(use_rope=True, use_qk_norm=False, qk_norm_eps=1e-5, scale=0.25)
    fresh = in_calls(inputs, options, [7], empty_cache(cache_type, inputs, 64))
    used = KvCache.filled(cache_type, (2, 64, 16), np.inf)
    used.keys[...], used.values[...] = 100, 127
    np.testing.assert_array_equal(attention(inputs, options, position=0, cache=used), fresh)


def test_a_deep_cache_is_merged_in_rounds():
    """More partitions than wait for their merge at a time, with one that holds almost all of the weight."""
    rng = np.random.default_rng(4)
    depth = 70 * PARTITION + 5
    inputs = random_inputs(rng, tokens=1, group=2, kv_heads=1, head_dim=16)
    options = AttentionOptions(use_rope=False, use_qk_norm=True, qk_norm_eps=1e-5, scale=2.0)
    cache = KvCache.filled(CacheType.INT8, (1, depth + 1, 16), 0.01)
    cache.keys[...] = rng.integers(-127, 128, cache.keys.shape)
    cache.values[...] = rng.integers(-127, 128, cache.values.shape)
    results = [
        attention(inputs, options, position=depth, cache=cache, isa=isa, threads=threads)
        for isa, threads in itertools.product(ISAS, (1, 3))
    ]
    expected = attended(prepared(inputs.query, inputs, options), *cache.rows(), options, position=depth)
    np.testing.assert_allclose(
        results[0], expected, atol=bound(inputs, options, cache).max() + 256 / 2 / 16383 * 1.27
    )
    for result in results:
        np.testing.assert_array_equal(result, results[0])


def test_large_scores_do_not_overflow():
    inputs = random_inputs(np.random.default_rng(2), tokens=70, group=1, kv_heads=1, head_dim=32)
    options = AttentionOptions(use_rope=False, use_qk_norm=False, qk_norm_eps=1e-5, scale=100.0)
    found = in_calls(inputs, options, [], empty_cache(CacheType.FLOAT32, inputs, 70), isa=FASTEST)
    np.testing.assert_allclose(found, oracle(inputs, options), atol=1e-2)


@pytest.mark.parametrize("cache_type", CacheType)
@pytest.mark.parametrize("place", ["query", "key", "value"])
def test_what_is_not_finite_reaches_the_result(cache_type, place):
    inputs = random_inputs(np.random.default_rng(5), tokens=3, group=1, kv_heads=1, head_dim=16)
    getattr(inputs, place)[1, 0, 3] = np.nan
    options = AttentionOptions(use_rope=False, use_qk_norm=False, qk_norm_eps=1e-5, scale=0.25)
    for isa in ISAS:
        found = in_calls(inputs, options, [], empty_cache(cache_type, inputs, 3), isa=isa)
        assert np.isfinite(found[0]).all()
        assert np.isnan(found[1]).any()
        assert np.isnan(found[2]).any() == (place != "query")


@pytest.mark.parametrize("cache_type", CacheType)
def test_zeros_stay_zeros(cache_type):
    inputs = random_inputs(np.random.default_rng(6), tokens=5, group=2, kv_heads=1, head_dim=16)
    for x in (inputs.query, inputs.key, inputs.value):
        x[...] = 0
    options = AttentionOptions(use_rope=True, use_qk_norm=True, qk_norm_eps=1e-5, scale=0.25)
    found = in_calls(inputs, options, [], empty_cache(cache_type, inputs, 5), isa=FASTEST)
    np.testing.assert_array_equal(found, 0)


@pytest.mark.parametrize("cache_type", CacheType)
@pytest.mark.parametrize("position", [-1, 6, 2**40])
def test_positions_outside_the_cache_are_refused_and_nothing_is_written(cache_type, position):
    inputs = random_inputs(np.random.default_rng(3), tokens=5, group=1, kv_heads=1, head_dim=8)
    options = AttentionOptions(use_rope=False, use_qk_norm=False, qk_norm_eps=1e-5, scale=1.0)
    cache = empty_cache(cache_type, inputs, 10)
    with pytest.raises(KernelError, match="input_pos"):
        attention(inputs, options, position=position, cache=cache)
    for rows in cache.rows():
        assert np.isnan(rows).all()


def test_odd_head_dims_and_uneven_groups_are_refused():
    options = AttentionOptions(use_rope=False, use_qk_norm=False, qk_norm_eps=1e-5, scale=1.0)
    angles = np.zeros((1, 2), np.float32)
    for shape, kv_shape, message in (
        ((1, 1, 5), (1, 1, 5), "head_dim must be even"),
        ((1, 1, 4096), (1, 1, 4096), "head_dim must be at most 2048"),
        ((1, 3, 4), (1, 2, 4), "multiple of the number of kv heads"),
    ):
        query, key = np.zeros(shape, np.float32), np.zeros(kv_shape, np.float32)
        inputs = AttentionInputs(query=query, key=key, value=key, rope_cos=angles, rope_sin=angles)
        with pytest.raises(KernelError, match=message):
            attention(inputs, options, position=0, cache=empty_cache(CacheType.FLOAT32, inputs, 1))


@st.composite
def windows(draw):
    """A case whose texts are several times longer than its ring, and calls no longer than the ring allows."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    window = draw(st.sampled_from([1, 2, 16, 33, 100, 255, 256, 300, 512]))
    rows = PARTITION * draw(st.integers(-(-window // PARTITION), 4))
    tokens = draw(st.integers(1, 1500))
    inputs = random_inputs(
        rng,
        tokens=tokens,
        group=draw(st.integers(1, 5)),
        kv_heads=draw(st.integers(1, 2)),
        head_dim=draw(st.sampled_from([2, 18, 64])),
    )
    cuts, at = [], 0
    while at < tokens:
        at += draw(st.integers(1, min(rows - window + 1, 400)))
        cuts.append(at)
    options = AttentionOptions(
        use_rope=draw(st.booleans()),
        use_qk_norm=draw(st.booleans()),
        qk_norm_eps=1e-5,
        scale=inputs.key.shape[2] ** -0.5,
        window=window,
    )
    return inputs, options, rows, cuts[:-1]


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=40)
@given(case=windows(), cache_type=st.sampled_from(CacheType), data=st.data())
def test_a_window_in_a_ring_against_float64(case, cache_type, data):
    """The oracle has every row; the ring has lost most of them."""
    inputs, options, rows, cuts = case
    tokens = inputs.query.shape[0]
    everything = -(-tokens // PARTITION) * PARTITION
    whole = empty_cache(cache_type, inputs, everything)
    expected = in_calls(inputs, options, [], whole, isa=FASTEST)
    exact = attended(prepared(inputs.query, inputs, options), *whole.rows(), options, position=0)
    assert (np.abs(expected - exact) <= bound(inputs, options, whole)).all()
    for isa in ISAS:
        ring = empty_cache(cache_type, inputs, rows)
        found = in_calls(inputs, options, cuts, ring, isa=isa, threads=data.draw(st.integers(1, 4)))
        np.testing.assert_array_equal(found, expected)
    kept = np.arange(max(0, tokens - rows), tokens)
    for in_ring, in_all in zip(ring.rows(), whole.rows(), strict=True):
        np.testing.assert_array_equal(in_ring[:, kept % rows], in_all[:, kept])


def test_a_ring_that_is_too_small_is_refused_and_nothing_is_written():
    inputs = random_inputs(np.random.default_rng(3), tokens=100, group=1, kv_heads=1, head_dim=8)
    for rows, window, position, message in (
        (256, 158, 200, "too few rows"),
        (300, 10, 0, "multiple of 256"),
        (256, -1, 0, "must not be negative"),
        (256, 2**63 - 1, 200, r"window must be below 2\^31"),
    ):
        options = AttentionOptions(
            use_rope=False, use_qk_norm=False, qk_norm_eps=1e-5, scale=1.0, window=window
        )
        cache = empty_cache(CacheType.FLOAT32, inputs, rows)
        with pytest.raises(KernelError, match=message):
            attention(inputs, options, position=position, cache=cache)
        assert np.isnan(cache.keys).all()
