"""Powers of two that move from a norm into the scales of 32 channels leave the model as it is, and its accuracy too."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from torch import Tensor

from mmoe.backends.registry import load_backend
from mmoe.checkpoints.checkpoint import Checkpoint, open_checkpoint
from mmoe.export.convert.convert import convert
from mmoe.models.architectures.registry import parse_config
from mmoe.models.components import Components
from mmoe.models.decoder import build_decoder
from mmoe.models.reference import REFERENCE
from mmoe.runtime_bindings.python.runner import ModelRunner
from tests.support.checkpoints import checkpoint_config, random_tensors, write_config, write_tensors
from tests.support.tokenizers import write_tokenizer

CONFIG = checkpoint_config({"hidden_size": 128, "intermediate_size": 64})
IDS = torch.randint(0, 320, (1, 48), generator=torch.Generator().manual_seed(9))
# A group of the shared expert's matrices, and of the experts' inputs any 32.
CHANNELS = slice(32, 64)
POWERS = range(14)


def write_spread_checkpoint(folder: Path, power: int) -> Path:
    """A small random model whose second norms are 2^power smaller in 32 channels, which all readers make up for."""
    tensors = random_tensors(parse_config(CONFIG, where="the test's config"), seed=3)
    factor = 2.0**power
    for name, tensor in tensors.items():
        if name.endswith("post_attention_layernorm.weight"):
            tensor[CHANNELS] /= factor
        elif name.endswith(("experts.gate_up_scale", "router.weight")):
            tensor[:, CHANNELS] *= factor
        elif name.endswith(("shared_expert.gate_proj.weight_scale", "shared_expert.up_proj.weight_scale")):
            tensor[:, 1] *= factor
    folder.mkdir()
    write_config(folder, CONFIG)
    write_tensors(folder, tensors)
    write_tokenizer(folder)
    return folder


def all_logits(checkpoint: Checkpoint, components: Components) -> Tensor:
    decoder = build_decoder(checkpoint, components, max_context_len=64)
    with torch.no_grad():
        return decoder.all_logits(IDS, torch.zeros(1, dtype=torch.int64))[0]


def twin_logits(checkpoint: Checkpoint) -> Tensor:
    return all_logits(checkpoint, load_backend("xnnpack").components)


def sqnr(actual: Tensor, expected: Tensor) -> float:
    noise = (actual - expected).double().square().sum() / expected.double().square().sum()
    return float(-10 * torch.log10(noise))


@cache
def unmoved_sqnr() -> float:
    """Of the eager twins on the model as it was."""
    with TemporaryDirectory() as folder:
        checkpoint = open_checkpoint(write_spread_checkpoint(Path(folder) / "checkpoint", 0))
        return sqnr(twin_logits(checkpoint), all_logits(checkpoint, REFERENCE))


@pytest.mark.parametrize("power", POWERS)
def test_twins_are_as_accurate_as_of_scales_close_together(tmp_path: Path, power: int) -> None:
    checkpoint = open_checkpoint(write_spread_checkpoint(tmp_path / "checkpoint", power))
    found = sqnr(twin_logits(checkpoint), all_logits(checkpoint, REFERENCE))
    assert found == pytest.approx(unmoved_sqnr(), abs=1)


@pytest.mark.slow
@pytest.mark.parametrize("power", [0, 5, 9, 13])
def test_artifacts_are_as_accurate_as_of_scales_close_together(tmp_path: Path, power: int) -> None:
    folder = write_spread_checkpoint(tmp_path / "checkpoint", power)
    artifact = convert(folder, tmp_path / "artifact")
    runner = ModelRunner(artifact.model_path)
    found = torch.stack([torch.from_numpy(runner.decode(token)) for token in IDS[0].tolist()])
    expected = all_logits(open_checkpoint(folder), REFERENCE)
    assert sqnr(found, expected) == pytest.approx(unmoved_sqnr(), abs=1)


def test_moved_powers_of_two_leave_the_model_as_it_is(tmp_path: Path) -> None:
    """What makes the comparisons above fair: float32 gives the same bits."""
    first, last = (
        all_logits(open_checkpoint(write_spread_checkpoint(tmp_path / str(power), power)), REFERENCE)
        for power in (0, 13)
    )
    assert torch.equal(first, last)
