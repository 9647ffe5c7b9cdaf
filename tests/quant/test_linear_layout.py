"""The panel layout of dense matrices: lossless, placed as documented, and stackable."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.quant.int4 import unpack_nibbles
from mmoe.quant.linear_layout import (
    pack_linear_panels,
    panel_count,
    stack_linear_panels,
    unpack_linear_panels,
)


def random_matrix(outputs: int, groups: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    qweight = torch.randint(0, 256, (outputs, 16 * groups), dtype=torch.uint8, generator=generator)
    bits = torch.randint(0, 0x7C00, (outputs, groups), dtype=torch.int16, generator=generator)
    return qweight, bits.view(torch.float16)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(outputs=st.integers(1, 150), groups=st.integers(1, 6), seed=st.integers(0, 1000))
def test_round_trip_keeps_every_bit(outputs: int, groups: int, seed: int) -> None:
    qweight, scale = random_matrix(outputs, groups, seed)
    panels = pack_linear_panels(qweight, scale)
    assert panels.weight.shape == (panel_count(outputs), 8 * groups, 64)
    assert panels.scale.shape == (panel_count(outputs), groups, 32)
    found_qweight, found_scale = unpack_linear_panels(panels, outputs)
    assert torch.equal(found_qweight, qweight)
    assert torch.equal(found_scale.view(torch.int16), scale.view(torch.int16))


@settings(derandomize=True, deadline=None, max_examples=60)
@given(output=st.integers(0, 69), place=st.integers(0, 95), seed=st.integers(0, 1000))
def test_every_weight_stands_where_the_kernels_read_it(output: int, place: int, seed: int) -> None:
    qweight, scale = random_matrix(70, 3, seed)
    panels = pack_linear_panels(qweight, scale)
    panel, column = divmod(output, 32)
    byte = int(panels.weight[panel, place // 4, 4 * (column % 16) + place % 4])
    assert (byte >> (4 if column >= 16 else 0) & 15) - 8 == int(unpack_nibbles(qweight)[output, place])
    assert panels.scale[panel, place // 32, column] == scale[output, place // 32]


def test_the_last_panel_is_filled_with_zeros() -> None:
    panels = pack_linear_panels(*random_matrix(33, 2, 0))
    values = torch.stack((panels.weight[1] & 15, panels.weight[1] >> 4)).view(2, 16, 16, 4)
    assert bool((values[0, :, 1:] == 8).all())
    assert bool((values[1] == 8).all())
    assert not panels.scale[1, :, 1:].any()


def test_stacked_matrices_keep_their_panels() -> None:
    first, second = (pack_linear_panels(*random_matrix(outputs, 2, outputs)) for outputs in (40, 32))
    stacked = stack_linear_panels(first, second)
    assert torch.equal(stacked.weight[:2], first.weight)
    assert torch.equal(stacked.weight[2:], second.weight)
    assert torch.equal(stacked.scale[2:], second.scale)


@pytest.mark.parametrize("scale", [(8, 3), (7, 2)])
def test_shapes_that_disagree_are_refused(scale: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="multiple of 32 inputs"):
        pack_linear_panels(torch.zeros(8, 32, dtype=torch.uint8), torch.zeros(scale, dtype=torch.float16))
