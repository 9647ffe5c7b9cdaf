"""What `convert` finds out about scales that lie far apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.export.artifact.manifest import ExpertScalesRecord
from mmoe.export.convert.convert import convert
from mmoe.export.convert.scale_spread import expert_scales
from mmoe.models.architectures.registry import parse_config
from tests.support.checkpoints import (
    checkpoint_config,
    dense_overrides,
    random_tensors,
    write_checkpoint,
    write_config,
    write_tensors,
)
from tests.support.native_kernels import PORTABLE, project_panel
from tests.support.tokenizers import write_tokenizer

EXPERTS = "model.layers.1.feed_forward.experts."


def write_wide_checkpoint(folder: Path) -> Path:
    """One panel with a large scale, one with a small one, one with a zero, one of zeros alone."""
    config = checkpoint_config()
    tensors = random_tensors(parse_config(config, where="the test's config"), seed=1)
    tensors[EXPERTS + "gate_up_scale"][2, 5, 0] = 1000
    tensors[EXPERTS + "gate_up_scale"][7, 9, 1] = 2.0**-24
    tensors[EXPERTS + "down_scale"][0, 3, 1] = 0
    tensors[EXPERTS + "down_scale"][4, :, 0] = 0
    folder.mkdir()
    write_config(folder, config)
    write_tensors(folder, tensors)
    write_tokenizer(folder)
    return folder


def count_by_loops(folder: Path) -> ExpertScalesRecord:
    ratios = []
    for name, scales in load_file(folder / "model.safetensors").items():
        if ".experts." not in name or not name.endswith("_scale"):
            continue
        for expert in scales.double().numpy():
            for panel in expert.T:
                present = panel[panel > 0]
                ratios.append(present.max() / present.min() if len(present) else 1.0)
    wide = sum(ratio > 16 for ratio in ratios)
    return ExpertScalesRecord(panels=len(ratios), largest_ratio=max(ratios), wide_panels=wide)


def test_panels_with_scales_far_apart_are_counted(tmp_path: Path) -> None:
    folder = write_wide_checkpoint(tmp_path / "checkpoint")
    found, expected = expert_scales(open_checkpoint(folder)), count_by_loops(folder)
    assert found is not None
    assert (found.panels, found.wide_panels) == (expected.panels, expected.wide_panels) == (2 * 8 * 4, 2)
    assert found.largest_ratio == pytest.approx(expected.largest_ratio)


def test_a_dense_model_has_none(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint", dense_overrides())
    assert expert_scales(open_checkpoint(folder)) is None


@pytest.mark.slow
def test_convert_says_so_and_records_it(tmp_path: Path) -> None:
    notes: list[str] = []
    artifact = convert(
        write_wide_checkpoint(tmp_path / "checkpoint"), tmp_path / "artifact", tell=notes.append
    )
    assert [note for note in notes if note.startswith("In 2 of 64 panels of the experts' weights")] == notes
    assert artifact.manifest.expert_scales is not None
    assert artifact.manifest.expert_scales.wide_panels == 2


def test_up_to_the_ratio_that_counts_int16_is_never_too_coarse() -> None:
    """The worst that a panel of ratio 16 allows: all products are zero but that of the largest value."""
    x, scale = torch.zeros(1, 32), torch.full((32,), 1 / 3)
    x[0, 4], scale[4] = 0.7, 1 / 48
    panel, half = np.full((8, 64), 0x99, np.uint8), scale.half()
    assert half[0] / half[4] == 16
    found = project_panel(x.numpy(), panel, half.numpy(), isa=PORTABLE)
    # The scale of int8 that int16's largest product, 2,048 levels, gives; from floats it would be x * scale / 127.
    level = np.float32(0.7) / 32767 * (half[0].float().item() / 32767) * 2**15
    factor = (127 << 15) // 2048
    assert found.scales[0] == pytest.approx(level * 2**15 / factor, rel=1e-6)
    assert found.scales[0] != pytest.approx(0.7 * half[4].float().item() / 127, rel=1e-6)
