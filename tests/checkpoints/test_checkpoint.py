"""Opening a checkpoint: what is read is what was written, nothing is read too early, bad values are named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mmoe.checkpoints.checkpoint import Checkpoint, open_checkpoint
from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.inventory import TensorClass
from mmoe.models.architectures.registry import load_config
from mmoe.models.errors import ConfigError
from tests.support.checkpoints import (
    checkpoint_config,
    random_tensors,
    write_checkpoint,
    write_config,
    write_tensors,
)
from tests.support.released import write_sparse_checkpoint

DOWN_SCALE = "model.layers.1.feed_forward.experts.down_scale"

MEASURE_PEAK_RSS = """
import resource, sys
import torch  # which the first tensor would load
from mmoe.checkpoints.checkpoint import open_checkpoint
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
checkpoint = open_checkpoint(sys.argv[1])
checkpoint.tensor("model.norm.weight").sum()
unit = 1 if sys.platform == "darwin" else 1024
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit, checkpoint.total_bytes)
"""


def with_tensors(folder: Path, changes: dict[str, torch.Tensor]) -> Checkpoint:
    """The default checkpoint with some tensors replaced."""
    write_checkpoint(folder)
    config = load_config(folder)
    write_tensors(folder, random_tensors(config) | changes)
    return open_checkpoint(folder)


@pytest.mark.parametrize("shards", [1, 2, 5])
def test_tensors_are_those_written(tmp_path: Path, shards: int) -> None:
    checkpoint = open_checkpoint(write_checkpoint(tmp_path, shards=shards, seed=3))
    written = random_tensors(checkpoint.config, seed=3)
    assert set(checkpoint.specs) == set(written)
    for name, tensor in written.items():
        assert checkpoint.tensor(name).dtype == tensor.dtype
        assert torch.equal(checkpoint.tensor(name), tensor)


@pytest.mark.parametrize(
    "overrides",
    [
        {"num_local_experts": 5, "num_experts_per_tok": 5},
        {"intermediate_size": 48, "intermediate_size_mlp": 96, "hidden_size": 96},
        {"num_hidden_layers": 3, "interleave_moe_layer_step": 2, "no_rope_layers": [1, 1, 0]},
    ],
)
def test_variations_open(tmp_path: Path, overrides: dict[str, object]) -> None:
    checkpoint = open_checkpoint(write_checkpoint(tmp_path, overrides))
    checkpoint.check_values()


def test_the_path_may_be_text_and_is_not_recorded(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(str(write_checkpoint(tmp_path / "tiny")))
    assert checkpoint.folder == tmp_path / "tiny"
    assert (checkpoint.source.id, checkpoint.source.revision) == ("tiny", None)


def test_sizes(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(write_checkpoint(tmp_path))
    written = random_tensors(checkpoint.config)
    sizes = checkpoint.bytes_by_class()
    assert checkpoint.total_bytes == sum(tensor.nbytes for tensor in written.values())
    assert sum(sizes.values()) == checkpoint.total_bytes
    assert TensorClass.DENSE not in sizes
    assert sizes[TensorClass.EXPERTS] == sum(
        tensor.nbytes for name, tensor in written.items() if ".experts." in name
    )


def test_unknown_tensor_name(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(write_checkpoint(tmp_path))
    with pytest.raises(CheckpointError, match="no tensor named lm_head"):
        checkpoint.tensor("lm_head")


def test_changing_a_tensor_leaves_the_file_alone(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(write_checkpoint(tmp_path))
    before = (tmp_path / "model.safetensors").read_bytes()
    checkpoint.tensor("model.norm.weight").zero_()
    del checkpoint
    assert (tmp_path / "model.safetensors").read_bytes() == before


@pytest.mark.slow
def test_untouched_tensors_are_never_read(tmp_path: Path) -> None:
    """A file of the size of MobileMoE-L, 3 GB of holes, costs less than 64 MB of memory to open."""
    write_sparse_checkpoint(tmp_path, "L")
    command = [sys.executable, "-c", MEASURE_PEAK_RSS, str(tmp_path)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    growth, total_bytes = map(int, output.split())
    assert total_bytes == 3_004_279_040
    assert growth < 64 << 20


def test_sound_values_pass_and_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    checkpoint = with_tensors(tmp_path, {"model.embed_tokens.weight_scale": torch.zeros(320, 2).half()})
    checkpoint.check_values(lambda done, total: told.append((done, total)))
    packed = sum(spec.dtype == "U8" for spec in checkpoint.specs.values())
    total = len(checkpoint.specs) - packed
    assert told == [(done, total) for done in range(1, total + 1)]


@pytest.mark.parametrize(
    ("value", "told"), [(float("nan"), "nan"), (float("inf"), "inf"), (-0.5, "-0.5")], ids=str
)
def test_bad_scale_is_named_with_its_index(tmp_path: Path, value: float, told: str) -> None:
    scale = torch.full((8, 32, 2), 0.01, dtype=torch.float16)
    scale[3, 30, 1] = value
    scale[7, 0, 0] = value
    checkpoint = with_tensors(tmp_path, {DOWN_SCALE: scale})
    with pytest.raises(CheckpointError) as caught:
        checkpoint.check_values()
    assert f"{DOWN_SCALE}[3, 30, 1]: a scale is {told}" in str(caught.value)


def test_every_bad_tensor_is_named(tmp_path: Path) -> None:
    norm = torch.ones(64, dtype=torch.bfloat16)
    norm[5] = float("nan")
    router = torch.zeros(8, 64)
    router[2, 63] = float("-inf")
    bias = torch.full((8,), float("inf"), dtype=torch.bfloat16)
    prefix = "model.layers.0.feed_forward."
    changes = {"model.norm.weight": norm, f"{prefix}router.weight": router, f"{prefix}expert_bias": bias}
    checkpoint = with_tensors(tmp_path, changes)
    with pytest.raises(CheckpointError) as caught:
        checkpoint.check_values()
    message = str(caught.value)
    assert "model.norm.weight[5]: a value is nan" in message
    assert f"{prefix}router.weight[2, 63]: a value is -inf" in message
    assert f"{prefix}expert_bias[0]: a value is inf" in message


def test_negative_values_are_only_wrong_in_scales(tmp_path: Path) -> None:
    with_tensors(
        tmp_path, {"model.norm.weight": torch.full((64,), -1.0, dtype=torch.bfloat16)}
    ).check_values()


def test_swapped_shapes_and_wrong_types_are_refused_on_opening(tmp_path: Path) -> None:
    scale = torch.ones(8, 64, 1, dtype=torch.float32)
    with pytest.raises(CheckpointError, match=rf"wrong type: {DOWN_SCALE} is F32 \[8, 64, 1\]"):
        with_tensors(tmp_path, {DOWN_SCALE: scale})
    with pytest.raises(CheckpointError, match=rf"wrong shape: {DOWN_SCALE} is F16 \[8, 64, 1\]"):
        with_tensors(tmp_path, {DOWN_SCALE: scale.half()})


def test_a_config_error_comes_first(tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    write_config(tmp_path, checkpoint_config({"quantization": {"format": "int4"}}))
    with pytest.raises(ConfigError, match="quantization"):
        open_checkpoint(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is empty; a checkpoint has config\.json"):
        open_checkpoint(tmp_path)
