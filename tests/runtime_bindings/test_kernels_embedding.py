"""Embedding rows from packed nibbles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.native_kernels import KernelError, embedding


def table(rng, vocab_size, hidden_size):
    """Values ``[V, H]`` and scales ``[V, H / 32]``, with the bytes as a checkpoint packs them."""
    values = rng.integers(-8, 8, (vocab_size, hidden_size))
    scale = rng.uniform(-0.1, 0.1, (vocab_size, hidden_size // 32)).astype(np.float16)
    packed = (values[:, 0::2] & 15) | ((values[:, 1::2] & 15) << 4)
    return values, scale, packed.astype(np.uint8)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(
    vocab_size=st.integers(1, 40),
    groups=st.integers(1, 6),
    tokens=st.integers(0, 100),
    threads=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_rows_are_exact(vocab_size, groups, tokens, threads, seed):
    rng = np.random.default_rng(seed)
    values, scale, packed = table(rng, vocab_size, 32 * groups)
    ids = rng.integers(0, vocab_size, tokens)
    expected = values.astype(np.float32) * np.repeat(scale.astype(np.float32), 32, axis=1)
    np.testing.assert_array_equal(embedding(packed, scale, ids, threads=threads), expected[ids])


@pytest.mark.parametrize("bad", [-1, 7, 2**40])
def test_ids_outside_the_table_are_refused(bad):
    _, scale, packed = table(np.random.default_rng(0), 7, 32)
    with pytest.raises(KernelError, match="token id is outside"):
        embedding(packed, scale, np.array([0, bad], np.int64))
