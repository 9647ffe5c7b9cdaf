"""int8 matrices as planes of nibbles: nothing is rounded, and the way back is known."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.quant.int8_planes import (
    dequantize_int8,
    pack_int8_planes,
    quantize_int8,
    unpack_int8_planes,
)


def random_matrix(outputs: int, groups: int, *, halves: bool, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randint(-128, 128, (outputs, 32 * groups), dtype=torch.int8, generator=generator)
    scale = torch.randn(outputs, groups * (2 if halves else 1), generator=generator)
    return values, scale if halves else scale.half()


@settings(derandomize=True, deadline=None, max_examples=50)
@given(outputs=st.integers(1, 150), groups=st.integers(1, 5), halves=st.booleans(), seed=st.integers(0, 1000))
def test_round_trip_keeps_every_bit(outputs: int, groups: int, halves: bool, seed: int) -> None:
    values, scale = random_matrix(outputs, groups, halves=halves, seed=seed)
    matrix = pack_int8_planes(values, scale)
    planes = 4 if halves else 2
    assert (matrix.planes, matrix.inputs) == (planes, 32 * groups)
    assert matrix.weight.shape == (-(-outputs // 32), planes * 8 * groups, 64)
    found, found_scale = unpack_int8_planes(matrix, outputs)
    assert torch.equal(found, values)
    assert found_scale.dtype == scale.dtype
    assert torch.equal(found_scale, scale)


def test_a_table_in_several_pieces_is_the_same() -> None:
    values, scale = random_matrix(4096 + 40, 1, halves=False, seed=0)
    whole, end = pack_int8_planes(values, scale), pack_int8_planes(values[4096:], scale[4096:])
    assert torch.equal(whole.weight[128:], end.weight)
    assert torch.equal(whole.scale[128:], end.scale)


def test_scales_beyond_a_sixteenth_of_float16_are_kept_in_float32() -> None:
    values, scale = torch.full((1, 32), 3, dtype=torch.int8), torch.tensor([[5000.0]]).half()
    matrix = pack_int8_planes(values, scale)
    assert matrix.scale.dtype == torch.float32
    assert matrix.scale[0, :, 0].tolist() == [80000.0, 5000.0]


@pytest.mark.parametrize("shape", [(2, 1), (2, 3), (1, 2)])
def test_shapes_that_disagree_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="expected whole groups"):
        pack_int8_planes(torch.zeros(2, 64, dtype=torch.int8), torch.zeros(shape))


def test_rounding_to_int8_is_within_half_a_step() -> None:
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(40, 128, generator=generator) * torch.logspace(-2, 2, 40).unsqueeze(1)
    weight[3, :32] = 0
    values, scale = quantize_int8(weight)
    error = (dequantize_int8(values, scale) - weight).abs().double()
    # The float16 scale may be half of its last bit too small for the largest value.
    step = scale.double().repeat_interleave(32, dim=-1)
    assert bool((error <= step * (0.5 + 127 / 2048)).all())
    assert not values[3, :32].any()
    signal = weight.double().square().sum(dim=1) / error.square().sum(dim=1)
    assert float(10 * signal.log10().min()) > 40
