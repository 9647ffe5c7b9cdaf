"""The recipe 8da4w against what torchao itself computes with the weights that it has quantised."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchao.quantization import Int8DynamicActivationIntxWeightConfig, quantize_
from torchao.quantization.granularity import PerGroup

from mmoe.quant.int4 import dequantize
from mmoe.quant.torchao_8da4w import quantize_torchao_8da4w


def weights(dtype: torch.dtype) -> torch.Tensor:
    values = torch.randn(48, 96, generator=torch.Generator().manual_seed(0)) * 0.05
    values[3, 32:64] = 0
    return values.to(dtype)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_are_those_of_a_model_that_torchao_has_quantised(dtype: torch.dtype) -> None:
    values = weights(dtype)
    model = nn.Sequential(nn.Linear(96, 48, bias=False, dtype=dtype))
    model[0].weight = nn.Parameter(values.clone())
    config = Int8DynamicActivationIntxWeightConfig(weight_dtype=torch.int4, weight_granularity=PerGroup(32))
    quantize_(model, config)
    theirs = model[0].weight
    found = quantize_torchao_8da4w(values)
    # A group of zeros has the smallest scale that bfloat16 can say, which float16 cannot.
    scale = theirs.scale.float()
    assert torch.equal(found.scale.float(), scale.masked_fill(scale < 1e-37, 0))
    expected = theirs.qdata.float() * theirs.scale.float().repeat_interleave(32, dim=-1)
    assert torch.equal(dequantize(found.qweight, found.scale), expected)


def test_the_largest_magnitude_is_seven_and_a_half_steps() -> None:
    values = weights(torch.float32)
    found = quantize_torchao_8da4w(values)
    largest = values.unflatten(-1, (-1, 32)).abs().amax(dim=-1)
    torch.testing.assert_close(found.scale.float(), largest / 7.5, rtol=2**-11, atol=1e-6)
    error = (dequantize(found.qweight, found.scale) - values).abs().unflatten(-1, (-1, 32))
    assert bool((error <= found.scale.float().unsqueeze(-1) * 0.505).all())


def test_groups_on_the_grid_are_counted() -> None:
    values = weights(torch.float32)
    first = quantize_torchao_8da4w(values)
    assert first.recovered == 1  # the group of zeros
    # A grid whose largest integer is -8 or 7 is another one, as long as the scale follows from the values.
    grid = torch.randint(-7, 8, (4, 64), generator=torch.Generator().manual_seed(1)).float()
    grid[:, ::32] = 7.5
    assert quantize_torchao_8da4w(grid).recovered == 0


@pytest.mark.parametrize(
    "values", [torch.zeros(2, 40), torch.zeros(64), torch.zeros(2, 32, dtype=torch.int8)]
)
def test_a_broken_group_is_refused(values: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"32 \* n"):
        quantize_torchao_8da4w(values)
