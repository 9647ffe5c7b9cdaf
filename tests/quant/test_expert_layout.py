"""The panel layout against its definition, byte by byte, and its inverse."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.quant.expert_layout import pack_expert_panels, unpack_expert_panels, unpack_panel_values


def random_experts(
    num_experts: int, inputs: int, outputs: int, seed: int
) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    qweight = torch.randint(
        0, 256, (num_experts, inputs, outputs // 2), dtype=torch.uint8, generator=generator
    )
    return qweight, torch.rand(num_experts, inputs, outputs // 32, generator=generator).half()


def test_every_byte_is_where_the_definition_says() -> None:
    num_experts, inputs, outputs = 2, 12, 96
    qweight, scale = random_experts(num_experts, inputs, outputs, seed=0)
    panels = pack_expert_panels(qweight, scale)

    def value(expert: int, i: int, o: int) -> int:
        nibble = int(qweight[expert, i, o // 2]) >> (4 * (o % 2)) & 15
        return nibble - 16 if nibble > 7 else nibble

    for expert, panel, line, byte in np.ndindex(num_experts, outputs // 32, inputs // 4, 64):
        i, o = 4 * line + byte % 4, 32 * panel + byte // 4
        stored = int(panels.weight[expert, panel, line, byte])
        assert (stored & 15) - 8 == value(expert, i, o)
        assert (stored >> 4) - 8 == value(expert, i, o + 16)
        assert panels.scale[expert, panel, i] == scale[expert, i, panel]


@settings(derandomize=True, deadline=None, max_examples=50)
@given(
    num_experts=st.integers(1, 4),
    lines=st.integers(1, 24),
    panels=st.integers(1, 5),
    seed=st.integers(0, 2**31),
)
def test_round_trip(num_experts: int, lines: int, panels: int, seed: int) -> None:
    qweight, scale = random_experts(num_experts, 4 * lines, 32 * panels, seed)
    packed = pack_expert_panels(qweight, scale)
    assert packed.weight.numel() == qweight.numel()
    back_qweight, back_scale = unpack_expert_panels(packed)
    assert torch.equal(back_qweight, qweight)
    assert torch.equal(back_scale, scale)


def test_values_are_grouped_by_panel() -> None:
    qweight, scale = random_experts(1, 8, 64, seed=1)
    values = unpack_panel_values(pack_expert_panels(qweight, scale).weight)
    low, high = (qweight & 15).int(), (qweight >> 4).int()
    signed = torch.stack((low, high), dim=-1).flatten(-2)
    signed = torch.where(signed > 7, signed - 16, signed)
    assert torch.equal(values[0, 1].int(), signed[0, :, 32:])


@pytest.mark.parametrize(("inputs", "outputs"), [(6, 32), (8, 48)])
def test_shapes_that_do_not_tile_are_refused(inputs: int, outputs: int) -> None:
    with pytest.raises(ValueError, match="do not divide"):
        pack_expert_panels(*random_experts(1, inputs, outputs, seed=0))
