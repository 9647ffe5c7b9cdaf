"""The int4 codec against a plain Python loop over bits."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.quant.int4 import GROUP_SIZE, dequantize, pack_nibbles, quantize, unpack_nibbles

LEADING_SHAPES = st.lists(st.integers(1, 4), max_size=3)


def _signed(nibble: int) -> int:
    return nibble - 16 if nibble >= 8 else nibble


@settings(derandomize=True, deadline=None)
@given(leading=LEADING_SHAPES, pairs=st.integers(0, 40), seed=st.integers(0, 2**31))
def test_nibbles_round_trip_and_match_a_loop(leading: list[int], pairs: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(-8, 8, (*leading, 2 * pairs), dtype=np.int8)
    packed = pack_nibbles(torch.from_numpy(values))
    assert packed.dtype == torch.uint8
    assert list(packed.shape) == [*leading, pairs]
    loop = [_signed(half) for byte in packed.flatten().tolist() for half in (byte & 15, byte >> 4)]
    assert loop == values.flatten().tolist()
    assert torch.equal(unpack_nibbles(packed), torch.from_numpy(values))


def test_every_byte_survives_unpacking_and_packing() -> None:
    every = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(pack_nibbles(unpack_nibbles(every)), every)


@settings(derandomize=True, deadline=None)
@given(leading=LEADING_SHAPES, groups=st.integers(1, 5), seed=st.integers(0, 2**31))
def test_dequantize_matches_numpy_float64(leading: list[int], groups: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(-8, 8, (*leading, groups * GROUP_SIZE), dtype=np.int8)
    scale = rng.uniform(0, 0.1, (*leading, groups)).astype(np.float16)
    expected = values.astype(np.float64) * np.repeat(scale.astype(np.float64), GROUP_SIZE, axis=-1)
    result = dequantize(pack_nibbles(torch.from_numpy(values)), torch.from_numpy(scale))
    assert result.dtype == torch.float32
    assert np.array_equal(result.numpy().astype(np.float64), expected)


@settings(derandomize=True, deadline=None)
@given(leading=LEADING_SHAPES, groups=st.integers(1, 5), seed=st.integers(0, 2**31))
def test_quantize_matches_numpy_and_recovers_grid_points(leading: list[int], groups: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scale = rng.uniform(1e-3, 0.1, (*leading, groups)).astype(np.float16)
    values = rng.normal(0, 0.2, (*leading, groups * GROUP_SIZE)).astype(np.float32)
    quotient = values / np.repeat(scale.astype(np.float32), GROUP_SIZE, axis=-1)
    packed = quantize(torch.from_numpy(values), torch.from_numpy(scale))
    assert np.array_equal(unpack_nibbles(packed).numpy(), np.clip(np.rint(quotient), -8, 7))
    grid = dequantize(packed, torch.from_numpy(scale))
    assert torch.equal(quantize(grid, torch.from_numpy(scale)), packed)


def test_quantize_rounds_ties_to_even_and_clamps() -> None:
    values = torch.zeros(GROUP_SIZE)
    values[:6] = torch.tensor([0.5, 1.5, 2.5, -0.5, 100.0, -100.0])
    grid = unpack_nibbles(quantize(values, torch.ones(1, dtype=torch.float16)))
    assert grid[:6].tolist() == [0, 2, 2, 0, 7, -8]


def test_zero_scale_gives_zeros() -> None:
    packed = quantize(torch.ones(GROUP_SIZE), torch.zeros(1, dtype=torch.float16))
    assert not packed.any()


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (torch.zeros(3, dtype=torch.int8), "even"),
        (torch.zeros(4, dtype=torch.int32), "int8"),
        (torch.full((2,), 8, dtype=torch.int8), "outside"),
        (torch.full((2,), -9, dtype=torch.int8), "outside"),
    ],
)
def test_pack_refuses_what_does_not_fit(values: torch.Tensor, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        pack_nibbles(values)


@pytest.mark.parametrize(
    ("qweight", "scale"),
    [
        (torch.zeros(2, 15, dtype=torch.uint8), torch.zeros(2, 1, dtype=torch.float16)),
        (torch.zeros(2, 32, dtype=torch.uint8), torch.zeros(2, 1, dtype=torch.float16)),
        (torch.zeros(2, 16, dtype=torch.uint8), torch.zeros(2, 1, dtype=torch.float32)),
        (torch.zeros(2, 16, dtype=torch.int8), torch.zeros(2, 1, dtype=torch.float16)),
    ],
)
def test_dequantize_refuses_mismatched_tensors(qweight: torch.Tensor, scale: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"expected uint8|needs float16 scales"):
        dequantize(qweight, scale)
