"""Blocks of GGUF against the `gguf` package's own reading of them, whatever bits they hold."""

from __future__ import annotations

import gguf
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.checkpoints.gguf.blocks import floats, int4_parts, int8_parts
from mmoe.quant.int4 import unpack_nibbles
from mmoe.quant.int8_planes import dequantize_int8

Q4_0, Q6_K, Q8_0 = (getattr(gguf.GGMLQuantizationType, name) for name in ("Q4_0", "Q6_K", "Q8_0"))


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
    parts = int8_parts("Q8_0", data)
    assert [part.dtype for part in parts] == [torch.int8, torch.float16]
    found = dequantize_int8(*parts)
    values = data.reshape(rows, blocks, 34)
    exact = values[..., 2:].view(np.int8).astype(np.float64) * values[..., :2].copy().view(np.float16)
    np.testing.assert_array_equal(found.double().numpy(), exact.reshape(rows, -1))
    np.testing.assert_array_equal(found.numpy(), gguf.dequantize(data, Q8_0))


@settings(derandomize=True, deadline=None, max_examples=50)
@given(rows=st.integers(1, 3), blocks=st.integers(1, 3), seed=st.integers(0, 2**32 - 1))
def test_five_bits_become_exactly_their_floats(rows: int, blocks: int, seed: int) -> None:
    data = random_blocks(np.random.default_rng(seed), rows, blocks, 22)
    exact = [value for block in data.reshape(-1, 22) for value in five_bits(block)]
    found = dequantize_int8(*int8_parts("Q5_0", data))
    assert found.shape == (rows, 32 * blocks)
    np.testing.assert_array_equal(found.double().numpy().ravel(), exact)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(rows=st.integers(1, 3), blocks=st.integers(1, 3), seed=st.integers(0, 2**32 - 1))
def test_six_bits_with_two_scales_become_exactly_their_floats(rows: int, blocks: int, seed: int) -> None:
    data = np.roll(random_blocks(np.random.default_rng(seed), rows * blocks, 1, 210), -2, axis=1)
    exact = [value for block in data for value in six_bits(block)]
    values, scale = int8_parts("Q6_K", data.reshape(rows, -1))
    assert scale.shape == (rows, 16 * blocks)
    found = dequantize_int8(values, scale)
    np.testing.assert_array_equal(found.numpy(), gguf.dequantize(data.reshape(rows, -1), Q6_K))
    assert found.shape == (rows, 256 * blocks)
    np.testing.assert_array_equal(found.double().numpy().ravel(), exact)


def five_bits(block: np.ndarray) -> list[float]:
    """A block of Q5_0 in float64: the scale, 32 highest bits, 16 bytes with the lower four of inputs j and j + 16."""
    scale = float(block[:2].copy().view(np.float16)[0])
    high = int(block[2:6].copy().view(np.uint32)[0])
    nibbles = [int(byte) >> shift & 15 for shift in (0, 4) for byte in block[6:]]
    return [scale * ((nibble | (high >> j & 1) << 4) - 16) for j, nibble in enumerate(nibbles)]


def six_bits(block: np.ndarray) -> list[float]:
    """A block of Q6_K in float64: 128 bytes of lower bits, 64 of upper ones, 16 int8 scales, and their scale."""
    scales = block[192:208].view(np.int8)
    scale = float(block[208:].copy().view(np.float16)[0])
    values = []
    for j in range(256):
        half, quarter, place = j // 128, j % 128 // 32, j % 32
        low = int(block[64 * half + 32 * (quarter % 2) + place]) >> 4 * (quarter // 2) & 15
        high = int(block[128 + 32 * half + place]) >> 2 * quarter & 3
        values.append(scale * int(scales[j // 16]) * ((low | high << 4) - 32))
    return values


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


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("kind", "place", "size"), [("Q6_K", 208, 210), ("Q5_1", 0, 24), ("Q4_K", 0, 144)])
def test_an_infinite_scale_is_read_without_a_warning(kind: str, place: int, size: int) -> None:
    block = np.zeros((1, size), np.uint8)
    block[0, place : place + 2] = np.array([np.inf], np.float16).view(np.uint8)
    values = int8_parts(kind, block)[1] if kind == "Q6_K" else floats(kind, block)
    assert not torch.isfinite(values).any()
