"""Spilled buffers keep their values and leave no file."""

import gc
from pathlib import Path

import pytest
import torch
from torch import nn

from mmoe.export.convert.spill import Spill


def module_with_buffers() -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    inner, outer = nn.Module(), nn.Module()
    outer.add_module("inner", inner)
    inner.register_buffer(
        "weight", torch.randint(0, 256, (40, 70, 64), dtype=torch.uint8, generator=generator)
    )
    inner.register_buffer("scale", torch.randn(5, 33000, generator=generator).half())
    outer.register_buffer("small", torch.ones(8, dtype=torch.uint8))
    outer.register_buffer("cache", torch.zeros(1, 2, 4096, 16))
    return outer


def test_values_survive_and_small_or_float_buffers_stay(tmp_path: Path) -> None:
    module = module_with_buffers()
    before = {name: buffer.clone() for name, buffer in module.named_buffers()}
    addresses = {name: buffer.data_ptr() for name, buffer in module.named_buffers()}
    with Spill(tmp_path) as spill:
        spill.absorb(module)
    gc.collect()
    for name, buffer in module.named_buffers():
        assert buffer.dtype == before[name].dtype
        assert torch.equal(buffer.view(torch.uint8), before[name].view(torch.uint8)), name
        moved = buffer.data_ptr() != addresses[name]
        assert moved == name.startswith("inner."), name
        assert buffer.untyped_storage().nbytes() == buffer.nbytes
        assert not moved or buffer.data_ptr() % 64 == 0
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_after_a_failure(tmp_path: Path) -> None:
    def stopped() -> None:
        with Spill(tmp_path) as spill:
            spill.absorb(module_with_buffers())
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        stopped()
    assert list(tmp_path.iterdir()) == []
