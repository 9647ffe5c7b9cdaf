"""Which recipe float weights look like, told of models whose recipe is known."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.checkpoints.recipes import fitting_groups
from tests.support.gguf_cases import CASES
from tests.support.transformers_models import make_model, save_model

OPTIONS = CASES["olmoe"].options


def test_weights_that_came_from_q4_0_are_on_its_grid(tmp_path: Path) -> None:
    model = CASES["olmoe"].write(tmp_path / "model.gguf")
    shares = fitting_groups(open_checkpoint(save_model(model, tmp_path / "floats"), unpacked=True))
    assert shares["q4_0"] == 1
    assert shares["int4-g32"] < 1  # its experts are grouped the other way


@pytest.mark.parametrize(("recipe", "axis"), [("int4-g32", "out"), ("int4-g32-in", "in")])
def test_weights_rounded_to_a_grid_along_an_axis_are_told(tmp_path: Path, recipe: str, axis: str) -> None:
    model = make_model("Olmoe", **OPTIONS)
    with torch.no_grad():
        for tensor in model.parameters():
            if tensor.dim() < 2:
                continue
            # Stacks of experts are [out, in] in memory.
            turned = tensor.dim() == 3 and axis == "out"
            by_group = tensor.mT if turned else tensor
            groups = by_group.unflatten(-1, (-1, 32))
            scale = (groups.abs().amax(-1, keepdim=True) / 7).half().float()
            rounded = ((groups / scale).round() * scale).flatten(-2)
            tensor.copy_(rounded.mT if turned else rounded)
    shares = fitting_groups(open_checkpoint(save_model(model, tmp_path), unpacked=True))
    assert shares[recipe] > 0.99
    assert {name for name, share in shares.items() if share > 0.9} == {recipe}
    assert shares["q4_0"] < 0.5


@pytest.mark.parametrize("seed", [0, 1])
def test_latent_weights_are_on_none(tmp_path: Path, seed: int) -> None:
    model = make_model("Olmoe", seed=seed, **OPTIONS)
    shares = fitting_groups(open_checkpoint(save_model(model, tmp_path), unpacked=True))
    assert max(shares.values()) < 0.01
