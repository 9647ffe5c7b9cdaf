"""bfloat16 checkpoints through the whole pipeline: recovered where they are on a grid, quantised where not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.inventory import matrices
from mmoe.checkpoints.summary import describe_checkpoint
from mmoe.export.artifact.artifact import Artifact
from mmoe.export.convert.convert import ConvertOptions, convert, dry_run
from mmoe.export.convert.post_training import quantize_checkpoint
from mmoe.export.convert.quantize_option import Quantize
from mmoe.export.demo.bundled import bundled_checkpoint
from mmoe.export.verify.ladder import VerifyOptions, verify
from mmoe.export.verify.text import bundled_text
from mmoe.quant.int4 import dequantize
from mmoe.runtime_bindings.python.errors import OptionError
from tests.support.checkpoints import checkpoint_config, dense_overrides, write_checkpoint, write_config
from tests.support.unpacked import unpacked_tensors, write_unpacked

INT4 = ConvertOptions(quantize=Quantize.INT4_G32)


@pytest.mark.slow
def test_the_bundled_model_comes_back_from_bfloat16(tmp_path: Path) -> None:
    """Every one of its 200,448 groups: the integers are the same, the scales reproduce every bfloat16 value."""
    packed = open_checkpoint(bundled_checkpoint())
    released = open_checkpoint(write_unpacked(tmp_path / "released", packed), unpacked=True)
    (tmp_path / "again").mkdir()
    again = quantize_checkpoint(released, tmp_path / "again")
    names = matrices(packed.config)
    for matrix in names:
        assert torch.equal(again.tensor(matrix.qweight), packed.tensor(matrix.qweight)), matrix
        values = dequantize(again.tensor(matrix.qweight), again.tensor(matrix.scale))
        assert torch.equal(values.bfloat16(), released.tensor(matrix.weight)), matrix
    for name in set(packed.specs) - {part for matrix in names for part in (matrix.qweight, matrix.scale)}:
        assert torch.equal(again.tensor(name), packed.tensor(name).bfloat16().to(again.tensor(name).dtype)), (
            name
        )
    block = json.loads((tmp_path / "again" / "config.json").read_text())["quantization"]
    groups = sum(packed.tensor(matrix.scale).numel() for matrix in names)
    assert block["post_training"] == {
        "from": "bfloat16", "scales": "least squared error", "groups": groups, "recovered_groups": groups,
    }  # fmt: skip


def test_least_squares_beats_the_largest_magnitude_on_trained_weights() -> None:
    packed = open_checkpoint(bundled_checkpoint())
    weights = unpacked_tensors(packed, noise=0.5)["model.layers.2.feed_forward.experts.gate_up_proj"]
    from mmoe.quant.post_training import quantize_weights

    found = quantize_weights(weights)
    groups = weights.double().view(-1, 32).numpy()
    kept = dequantize(found.qweight, found.scale).double().view(-1, 32).numpy()
    scales = (np.abs(groups).max(axis=1, keepdims=True) / 7).astype(np.float16).astype(np.float64)
    absmax = np.clip(np.rint(groups / scales), -8, 7) * scales
    gain = 10 * np.log10(((groups - absmax) ** 2).sum() / ((groups - kept) ** 2).sum())
    assert gain > 0.5
    assert found.recovered < 0.001 * len(groups)


@pytest.mark.slow
def test_a_converted_artifact_says_what_happened_and_verifies(tmp_path: Path) -> None:
    packed = open_checkpoint(write_checkpoint(tmp_path / "packed", dense_overrides(), seed=3))
    source = write_unpacked(tmp_path / "noisy", packed, noise=0.3)
    artifact = convert(source, tmp_path / "artifact", options=INT4)
    outcome = artifact.manifest.quantization["post_training"]
    assert isinstance(outcome, dict)
    assert outcome["recovered_groups"] < outcome["groups"]
    assert artifact.config == packed.config
    card = (artifact.folder / "README.md").read_text(encoding="utf-8")
    assert "bfloat16 weights were quantised to int4 on conversion" in card
    assert "nothing was re-quantised" not in card
    report = verify(
        Artifact.open(artifact.folder), source, bundled_text(), options=VerifyOptions(max_tokens=40)
    )
    last = report.stages[-1]
    assert (last.name, last.gates) == ("(before quantisation)", ())
    # Int4 costs about 20 dB of the weights; equal logits would mean that nothing had been quantised.
    assert 5 < last.metrics.sqnr_db < 40
    assert not list(tmp_path.glob(".quantised-*"))


@pytest.mark.slow
def test_the_same_checkpoint_gives_the_same_program(tmp_path: Path, tiny_checkpoint: Path) -> None:
    source = write_unpacked(tmp_path / "released", open_checkpoint(tiny_checkpoint), noise=0.4)
    programs = [convert(source, tmp_path / name, options=INT4).model_path.read_bytes() for name in "ab"]
    assert programs[0] == programs[1]


def test_bfloat16_without_the_option_names_it(tmp_path: Path, tiny_checkpoint: Path) -> None:
    source = write_unpacked(tmp_path / "released", open_checkpoint(tiny_checkpoint))
    with pytest.raises(CheckpointError, match=r"not packed\. Convert it with --quantize int4-g32"):
        convert(source, tmp_path / "artifact")
    assert not (tmp_path / "artifact").exists()


def test_a_packed_checkpoint_is_not_quantised_again(tmp_path: Path, tiny_checkpoint: Path) -> None:
    for run in (convert, dry_run):
        with pytest.raises(OptionError, match=r"packed already.*leave --quantize int4-g32 out"):
            run(tiny_checkpoint, tmp_path / "artifact", options=INT4)
    assert not (tmp_path / "artifact").exists()


def test_missing_and_unexpected_tensors_are_named(tmp_path: Path, tiny_checkpoint: Path) -> None:
    from safetensors.torch import load_file, save_file

    source = write_unpacked(tmp_path / "released", open_checkpoint(tiny_checkpoint))
    tensors = load_file(source / "model.safetensors")
    tensors["lm_head.bias"] = tensors["model.norm.weight"].clone()
    name = "model.layers.1.feed_forward.experts.down_proj"
    tensors[f"{name}.weight"] = tensors.pop(name)
    save_file(tensors, source / "model.safetensors")
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(source, unpacked=True)
    message = str(caught.value)
    assert f"missing: {name} (BF16 [8, 32, 64]); did you mean {name}.weight?" in message
    assert "unexpected: lm_head.bias" in message


def test_packed_tensors_without_their_block_are_told_from_bfloat16(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint")
    write_config(folder, checkpoint_config({"quantization": None}))
    with pytest.raises(CheckpointError, match=r"no 'quantization' block, but .* tensors are packed"):
        open_checkpoint(folder, unpacked=True)


def test_a_float32_router_is_kept(tmp_path: Path, tiny_checkpoint: Path) -> None:
    from safetensors.torch import load_file, save_file

    packed = open_checkpoint(tiny_checkpoint)
    source = write_unpacked(tmp_path / "released", packed)
    name = "model.layers.0.feed_forward.router.weight"
    save_file(
        load_file(source / "model.safetensors") | {name: packed.tensor(name)}, source / "model.safetensors"
    )
    (tmp_path / "again").mkdir()
    again = quantize_checkpoint(open_checkpoint(source, unpacked=True), tmp_path / "again")
    assert torch.equal(again.tensor(name), packed.tensor(name))


def test_a_bfloat16_checkpoint_can_be_inspected_and_planned(tmp_path: Path, tiny_checkpoint: Path) -> None:
    packed = open_checkpoint(tiny_checkpoint)
    source = write_unpacked(tmp_path / "released", packed)
    summary = describe_checkpoint(open_checkpoint(source, unpacked=True))
    assert summary.quantization is None
    assert summary.total_parameters == describe_checkpoint(packed).total_parameters
    plan = dry_run(source, tmp_path / "artifact", options=INT4)
    assert plan.artifact_bytes == dry_run(tiny_checkpoint, tmp_path / "artifact").artifact_bytes
