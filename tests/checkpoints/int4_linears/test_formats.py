"""compressed-tensors and GPTQ: the weights of our model are those of the formats' own reading, bit for bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from compressed_tensors.quantization import QuantizationArgs

from mmoe.checkpoints.assembly import adjacent_pairs
from mmoe.checkpoints.checkpoint import Checkpoint
from mmoe.checkpoints.opening import open_source
from mmoe.models.decoder import build_decoder
from mmoe.models.reference import REFERENCE
from mmoe.quant.grouped_layout import GroupedExperts
from mmoe.quant.int4 import dequantize
from tests.support.int4_folders import (
    write_compressed_tensors,
    write_gptq,
    write_stacked_experts,
)

HEAD_DIM = 32


def experts(checkpoint: Checkpoint, layer: int, name: str) -> GroupedExperts:
    prefix = f"model.layers.{layer}.feed_forward.experts.{name}"
    assert checkpoint.config.quantization is not None
    zero = None if checkpoint.config.quantization.symmetric else checkpoint.tensor(f"{prefix}_zero")
    return GroupedExperts(checkpoint.tensor(f"{prefix}_qweight"), checkpoint.tensor(f"{prefix}_scale"), zero)


def dense(checkpoint: Checkpoint, module: str) -> torch.Tensor:
    if f"{module}.weight" in checkpoint.specs:
        return checkpoint.tensor(f"{module}.weight").float()
    return dequantize(checkpoint.tensor(f"{module}.qweight"), checkpoint.tensor(f"{module}.weight_scale"))


def assert_same_weights(folder: Path, expected: dict[str, torch.Tensor]) -> Checkpoint:
    checkpoint = open_source(folder)
    checkpoint.check_values()
    for layer in range(checkpoint.config.num_hidden_layers):
        gate_up, down = (experts(checkpoint, layer, name) for name in ("gate_up", "down"))
        for expert in range(4):
            theirs = f"model.layers.{layer}.mlp.experts.{expert}."
            both = torch.cat([expected[f"{theirs}{name}_proj.weight"] for name in ("gate", "up")])
            assert torch.equal(gate_up.dense(expert), both)
            assert torch.equal(down.dense(expert), expected[f"{theirs}down_proj.weight"])
        for name in "qkvo":
            module = f"model.layers.{layer}.self_attn.{name}_proj"
            weight = expected[f"{module}.weight"]
            if name in "qk":
                weight = weight[adjacent_pairs(len(weight), HEAD_DIM)]
            assert torch.equal(dense(checkpoint, module), weight)
    decoder = build_decoder(checkpoint, REFERENCE, max_context_len=16)
    logits = decoder.all_logits(torch.arange(5).unsqueeze(0), torch.zeros(1, dtype=torch.int64))
    assert bool(logits.isfinite().all())
    return checkpoint


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("group", [32, 64, 128])
def test_compressed_tensors_are_what_the_library_unpacks(tmp_path: Path, group: int, symmetric: bool) -> None:
    expected = write_compressed_tensors(tmp_path, group=group, symmetric=symmetric)
    checkpoint = assert_same_weights(tmp_path, expected)
    quantization = checkpoint.config.quantization
    assert quantization is not None
    # bfloat16 scales of this size are float16 numbers, so that symmetric linears stay in int4.
    assert (quantization.group_size, quantization.scale_dtype) == (group, "float16")
    assert quantization.is_packed("model.layers.0.self_attn.v_proj") is symmetric
    assert not quantization.is_packed("lm_head")


@pytest.mark.parametrize(
    "said",
    [
        {"actorder": "weight"},
        {"actorder": "static", "observer": "minmax"},
        {"actorder": False},
        {"strategy": None},
        {"symmetric": None},
    ],
    ids=str,
)
def test_words_of_compressed_tensors_that_change_no_value(tmp_path: Path, said: dict[str, Any]) -> None:
    """The library itself says what of a scheme they stand for: groups of consecutive inputs, without zero points."""
    expected = write_compressed_tensors(tmp_path, group=32)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    weights = config["quantization_config"]["config_groups"]["group_0"]["weights"]
    weights |= said
    config["quantization_config"]["transform_config"] = {
        "config_groups": {"R1": {"apply": [{"location": "weight_output"}, {"location": "weight_input"}]}}
    }
    path.write_text(json.dumps(config))
    understood = QuantizationArgs(**{key: value for key, value in weights.items() if value is not None})
    assert (understood.strategy, understood.symmetric) == ("group", True)
    assert_same_weights(tmp_path, expected)


@pytest.mark.parametrize("symmetric", [True, False])
def test_stacked_experts_are_packed_slice_by_slice(tmp_path: Path, symmetric: bool) -> None:
    expected = write_stacked_experts(tmp_path, group=32, symmetric=symmetric)
    checkpoint = open_source(tmp_path)
    checkpoint.check_values()
    for layer in range(checkpoint.config.num_hidden_layers):
        for name, theirs in (("gate_up", "input_linear"), ("down", "output_linear")):
            ours = experts(checkpoint, layer, name)
            weights = expected[f"model.layers.{layer}.block_sparse_moe.{theirs}.weight"]
            for expert in range(4):
                assert torch.equal(ours.dense(expert), weights[expert])


@pytest.mark.parametrize("symmetric", [True, False])
def test_scales_that_float16_would_round_stay_in_float32(tmp_path: Path, symmetric: bool) -> None:
    expected = write_compressed_tensors(
        tmp_path, group=32, symmetric=symmetric, scale_dtype=torch.float32, experts_only=True
    )
    checkpoint = assert_same_weights(tmp_path, expected)
    assert checkpoint.config.quantization is not None
    assert checkpoint.config.quantization.scale_dtype == "float32"


def test_bfloat16_scales_below_the_range_of_float16_stay_in_float32(tmp_path: Path) -> None:
    # That small, float16 numbers are subnormal: they have fewer bits than the eight of bfloat16.
    expected = write_compressed_tensors(tmp_path, group=32, scale_factor=2.0**-20, experts_only=True)
    checkpoint = assert_same_weights(tmp_path, expected)
    assert checkpoint.config.quantization is not None
    assert checkpoint.config.quantization.scale_dtype == "float32"


@pytest.mark.parametrize("version", ["gptq", "gptq_v2"])
@pytest.mark.parametrize(
    ("group", "symmetric"), [(group, symmetric) for group in (32, 64, 128) for symmetric in (True, False)]
)
def test_gptq_is_what_its_layout_says(tmp_path: Path, group: int, symmetric: bool, version: str) -> None:
    assert_same_weights(tmp_path, write_gptq(tmp_path, group=group, symmetric=symmetric, version=version))


def test_the_version_of_gptq_may_be_called_format(tmp_path: Path) -> None:
    """Read as the first version, every zero point would be one off."""
    weights = write_gptq(tmp_path, group=32, symmetric=False, version="gptq_v2", key="format")
    assert_same_weights(tmp_path, weights)
