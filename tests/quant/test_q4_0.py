"""Q4_0 against the `gguf` package's own quantiser, bit for bit."""

from __future__ import annotations

import gguf
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.quant.int4 import unpack_nibbles
from mmoe.quant.q4_0 import quantize_q4_0

Q4_0 = gguf.GGMLQuantizationType.Q4_0


def blocks_of(values: torch.Tensor) -> np.ndarray:
    """Our integers and scales, put into the blocks of a file."""
    found = quantize_q4_0(values)
    nibbles = (unpack_nibbles(found.qweight) + 8).numpy().astype(np.uint8).reshape(len(values), -1, 32)
    packed = nibbles[..., :16] | (nibbles[..., 16:] << 4)
    scale = found.scale.numpy().view(np.uint8).reshape(len(values), -1, 2)
    return np.concatenate((scale, packed), axis=-1).reshape(len(values), -1)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    rows=st.integers(1, 6),
    blocks=st.integers(1, 4),
    dtype=st.sampled_from([torch.float32, torch.float16, torch.bfloat16]),
    seed=st.integers(0, 2**32 - 1),
)
def test_blocks_are_those_of_the_package(rows: int, blocks: int, dtype: torch.dtype, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    values = (torch.randn(rows, 32 * blocks, generator=generator) * 0.05).to(dtype)
    values[torch.rand(values.shape, generator=generator) < 0.1] = 0
    values[0, :32] = 0
    np.testing.assert_array_equal(blocks_of(values), gguf.quantize(values.float().numpy(), Q4_0))


def test_ties_go_to_the_first_value() -> None:
    values = torch.zeros(2, 32)
    values[0, 3], values[0, 7], values[1, 3], values[1, 7] = 0.5, -0.5, -0.5, 0.5
    np.testing.assert_array_equal(blocks_of(values), gguf.quantize(values.numpy(), Q4_0))
    assert quantize_q4_0(values).scale.squeeze(-1).tolist() == [-0.0625, 0.0625]


def test_groups_on_the_grid_are_counted() -> None:
    latent = torch.randn(4, 64, generator=torch.Generator().manual_seed(0))
    assert quantize_q4_0(latent).recovered == 0
    released = torch.from_numpy(gguf.dequantize(gguf.quantize(latent.numpy(), Q4_0), Q4_0))
    assert quantize_q4_0(released).recovered == 8


def test_a_broken_group_is_refused() -> None:
    with pytest.raises(ValueError, match=r"32 \* n"):
        quantize_q4_0(torch.zeros(2, 40))
