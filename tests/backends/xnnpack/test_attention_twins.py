"""The eager twins of attention against the kernels, which share no code with them, over every kind of cache."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.backends.xnnpack import ops
from tests.support import native_kernels
from tests.support.native_kernels import AttentionInputs, AttentionOptions, CacheType, KvCache


@settings(derandomize=True, deadline=None, max_examples=25)
@given(
    cache_type=st.sampled_from(CacheType),
    tokens=st.one_of(st.integers(1, 4), st.integers(1, 300)),
    start=st.sampled_from([0, 1, 255, 300]),
    group=st.integers(1, 3),
    head_dim=st.sampled_from([2, 18, 64]),
    options=st.tuples(st.booleans(), st.booleans()),
    window=st.sampled_from([0, 0, 1, 200, 256]),
    seed=st.integers(0, 1000),
)
def test_twin_agrees_with_the_kernel(
    cache_type: CacheType,
    tokens: int,
    start: int,
    group: int,
    head_dim: int,
    options: tuple[bool, bool],
    window: int,
    seed: int,
) -> None:
    """The kernel's exponential and order of sums differ, so integers may differ where a value is near a tie."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    kv_heads, total = 2, start + tokens
    use_rope, use_qk_norm = options
    inputs = AttentionInputs(
        query=normal(total, group * kv_heads, head_dim),
        key=normal(total, kv_heads, head_dim),
        value=normal(total, kv_heads, head_dim),
        rope_cos=normal(total, head_dim // 2),
        rope_sin=normal(total, head_dim // 2),
    )
    # A ring of the rows that the longer call needs, or of everything.
    rows = -(-(window + max(start, tokens) - 1) // 256) * 256 if window else total + 3
    native = KvCache.filled(cache_type, (kv_heads, rows, head_dim), 0.0)
    eager = [torch.from_numpy(array.copy())[None] for array in (native.keys, native.values)]
    if cache_type is CacheType.INT8:
        eager += [torch.from_numpy(scales.copy())[None] for scales in (native.key_steps, native.value_steps)]
    for begin, end in ((0, start), (start, total)):
        if begin == end:
            continue
        part = inputs.rows(begin, end)
        expected = native_kernels.attention(
            part,
            AttentionOptions(
                use_rope=use_rope,
                use_qk_norm=use_qk_norm,
                qk_norm_eps=1e-5,
                scale=head_dim**-0.5,
                window=window,
            ),
            position=begin,
            cache=native,
        )
        tensors = [
            torch.from_numpy(x.reshape(1, end - begin, -1)) for x in (part.query, part.key, part.value)
        ] + [torch.from_numpy(x) for x in (part.rope_cos, part.rope_sin)]
        tensors.append(torch.tensor([begin]))
        settings_of = (use_rope, use_qk_norm, 1e-5, head_dim**-0.5)
        name = f"attention{'_window' * (window > 0)}{'_int8' * (cache_type is CacheType.INT8)}"
        limits = (window, total) if window else ()
        found = getattr(torch.ops.mmoe, name)(*tensors, *eager, *settings_of, *limits)[0].numpy()
        # An integer of the cache that falls the other way moves a result by up to one of 127 levels.
        atol = {CacheType.FLOAT32: 2e-5, CacheType.FLOAT16: 2e-3, CacheType.INT8: 3e-2}[cache_type]
        np.testing.assert_allclose(found, expected.reshape(end - begin, -1), atol=atol, rtol=0)
        if cache_type is CacheType.INT8:
            assert np.abs(found - expected.reshape(found.shape)).mean() < 1e-4
    twin = KvCache(
        cache_type, native.shape, *(x[0].numpy() for x in eager[:2]), native.key_steps, native.value_steps
    )
    for found_rows, expected_rows, scales in zip(
        twin.rows(), native.rows(), (native.key_steps, native.value_steps), strict=True
    ):
        difference = np.abs(found_rows - expected_rows)[:, :total]
        if cache_type is CacheType.INT8:
            assert (difference <= scales[:, :total, None] * 1.001).all()
            assert (difference > 0).sum() <= 2 + 1e-3 * difference.size
        else:
            assert difference.max() <= {CacheType.FLOAT32: 1e-5, CacheType.FLOAT16: 4e-3}[cache_type]


def test_int8_twin_refuses_positions_outside_the_cache() -> None:
    keys, values, scales = ops.int8_cache_shapes(num_kv_heads=1, max_context_len=4, head_dim=16)
    caches = (
        torch.zeros(keys, dtype=torch.int8),
        torch.zeros(values, dtype=torch.int8),
        *torch.zeros(2, *scales),
    )
    x, angles = torch.zeros(1, 3, 16), torch.zeros(3, 8)
    for position in (-1, 2):
        with pytest.raises(ValueError, match="do not fit a context of 4 tokens"):
            ops.attention_int8(
                x, x, x, angles, angles, torch.tensor([position]), caches=caches, use_rope=True,
                use_qk_norm=True, qk_norm_eps=1e-5, scale=0.25,
            )  # fmt: skip
