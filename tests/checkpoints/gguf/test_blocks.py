"""Blocks of GGUF against the `gguf` package's own reading of them, whatever bits they hold."""

from __future__ import annotations

import gguf
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.checkpoints.gguf.blocks import floats, int4_parts
from mmoe.quant.int4 import unpack_nibbles

Q4_0, Q8_0 = gguf.GGMLQuantizationType.Q4_0, gguf.GGMLQuantizationType.Q8_0


def random_blocks(rng: np.random.Generator, rows: int, blocks: int, block_bytes: int) -> np.ndarray:
    """Rows of blocks of random bytes whose float16 scales, negative ones and zero among them, are finite."""
    data = rng.integers(0, 256, (rows, blocks, block_bytes), dtype=np.uint8)
    scale = rng.normal(size=(rows, blocks, 1)).astype(np.float16)
    scale[rng.random(scale.shape) < 0.1] = 0
    data[..., :2] = scale.view(np.uint8)
    return data.reshape(rows, -1)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(rows=st.integers(1, 5), blocks=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
def test_int4_blocks_hold_what_the_package_finds(rows: int, blocks: int, seed: int) -> None:
    data = random_blocks(np.random.default_rng(seed), rows, blocks, 18)
    qweight, scale = int4_parts(data)
    found = unpack_nibbles(qweight).float() * scale.float().repeat_interleave(32, dim=-1)
    np.testing.assert_array_equal(found.numpy(), gguf.dequantize(data, Q4_0))


@settings(derandomize=True, deadline=None, max_examples=50)
@given(rows=st.integers(1, 5), blocks=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
def test_int8_blocks_become_exactly_their_floats(rows: int, blocks: int, seed: int) -> None:
    data = random_blocks(np.random.default_rng(seed), rows, blocks, 34)
    found = floats("Q8_0", data)
    assert found.dtype == torch.float32
    values = data.reshape(rows, blocks, 34)
    exact = values[..., 2:].view(np.int8).astype(np.float64) * values[..., :2].copy().view(np.float16)
    np.testing.assert_array_equal(found.double().numpy(), exact.reshape(rows, -1))
    np.testing.assert_array_equal(found.numpy(), gguf.dequantize(data, Q8_0))


@pytest.mark.parametrize(
    ("name", "dtype"), [("F32", torch.float32), ("F16", torch.float16), ("BF16", torch.bfloat16)]
)
def test_floats_keep_their_type(name: str, dtype: torch.dtype) -> None:
    values = np.random.default_rng(0).normal(size=(3, 64)).astype(np.float32)
    stored = gguf.quantize(values, gguf.GGMLQuantizationType[name])
    found = floats(name, stored)
    assert found.dtype == dtype
    np.testing.assert_array_equal(
        found.float().numpy(), gguf.dequantize(stored, gguf.GGMLQuantizationType[name])
    )
