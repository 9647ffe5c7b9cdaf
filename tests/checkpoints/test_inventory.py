"""The inventory: sizes of the released models, and one error for everything that differs."""

from __future__ import annotations

import pytest

from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.inventory import (
    TensorClass,
    check_inventory,
    expected_tensors,
    tensor_class,
)
from mmoe.checkpoints.tensor_spec import TensorSpec
from mmoe.models.architectures.mobilemoe import MobileMoEConfig
from mmoe.models.architectures.registry import parse_config
from tests.support.checkpoints import checkpoint_config
from tests.support.released import RELEASED_MODELS

LAYER = "model.layers.0."
EXPERTS = f"{LAYER}feed_forward.experts."


def config_with(overrides: dict[str, object] | None = None) -> MobileMoEConfig:
    return parse_config(checkpoint_config(overrides), where="config.json")


def refusal(config: MobileMoEConfig, found: dict[str, TensorSpec]) -> str:
    with pytest.raises(CheckpointError) as caught:
        check_inventory(config, found, where="folder")
    return str(caught.value)


@pytest.mark.parametrize(
    ("model", "total_bytes"), [("S", 713_863_008), ("M", 1_590_916_144), ("L", 3_004_279_040)]
)
def test_released_models_have_their_published_size(model: str, total_bytes: int) -> None:
    config = config_with(RELEASED_MODELS[model])
    tensors = expected_tensors(config)
    assert len(tensors) == 3 + 22 * config.num_hidden_layers
    assert sum(spec.num_bytes for spec in tensors.values()) == total_bytes


def test_shapes_and_types_of_one_layer() -> None:
    tensors = expected_tensors(config_with({"num_hidden_layers": 1}))
    assert tensors[f"{EXPERTS}gate_up_qweight"] == TensorSpec("U8", (8, 64, 32))
    assert tensors[f"{EXPERTS}gate_up_scale"] == TensorSpec("F16", (8, 64, 2))
    assert tensors[f"{EXPERTS}down_qweight"] == TensorSpec("U8", (8, 32, 32))
    assert tensors[f"{EXPERTS}down_scale"] == TensorSpec("F16", (8, 32, 2))
    assert tensors[f"{LAYER}self_attn.k_proj.qweight"] == TensorSpec("U8", (32, 32))
    assert tensors[f"{LAYER}self_attn.k_proj.weight_scale"] == TensorSpec("F16", (32, 2))
    assert tensors[f"{LAYER}feed_forward.router.weight"] == TensorSpec("F32", (8, 64))
    assert tensors[f"{LAYER}feed_forward.expert_bias"] == TensorSpec("BF16", (8,))
    assert tensors["model.embed_tokens.qweight"] == TensorSpec("U8", (320, 32))


def test_dense_layers_have_one_swiglu_and_no_router() -> None:
    tensors = expected_tensors(config_with({"interleave_moe_layer_step": 2}))
    first = {name for name in tensors if name.startswith(LAYER)}
    assert len(first) == 16
    assert tensors[f"{LAYER}feed_forward.down_proj.qweight"] == TensorSpec("U8", (64, 32))
    assert "model.layers.1.feed_forward.router.weight" in tensors


def test_classes() -> None:
    tensors = expected_tensors(config_with({"interleave_moe_layer_step": 2}))
    classes = {name: tensor_class(name) for name in tensors}
    assert set(classes.values()) == set(TensorClass) - {TensorClass.CONVOLUTION, TensorClass.HEAD}
    assert classes["model.norm.weight"] is TensorClass.NORMS
    assert classes["model.layers.0.feed_forward.up_proj.qweight"] is TensorClass.DENSE
    assert classes["model.layers.1.feed_forward.expert_bias"] is TensorClass.ROUTER


def test_sound_inventory_passes() -> None:
    config = config_with()
    check_inventory(config, expected_tensors(config), where="folder")


def test_everything_wrong_is_named_in_one_error() -> None:
    config = config_with()
    found = expected_tensors(config)
    del found["model.norm.weight"]
    found["model.rotary_emb.angles"] = TensorSpec("F32", (8,))
    found[f"{LAYER}input_layernorm.weight"] = TensorSpec("U8", (64,))
    # Experts stored [E, out, in] instead of [E, in, out].
    found[f"{EXPERTS}down_qweight"] = TensorSpec("U8", (8, 64, 16))
    message = refusal(config, found)
    assert message.startswith("folder: 4 tensors do not match")
    assert "missing: model.norm.weight (BF16 [64])" in message
    assert "unexpected: model.rotary_emb.angles (F32 [8])" in message
    assert f"wrong type: {LAYER}input_layernorm.weight is U8 [64], expected BF16 [64]" in message
    assert f"wrong shape: {EXPERTS}down_qweight is U8 [8, 64, 16], expected U8 [8, 32, 32]" in message


def test_a_close_name_is_suggested() -> None:
    config = config_with()
    found = expected_tensors(config)
    found[f"{EXPERTS}gate_up_qweights"] = found.pop(f"{EXPERTS}gate_up_qweight")
    message = refusal(config, found)
    assert (
        f"missing: {EXPERTS}gate_up_qweight (U8 [8, 64, 32]); did you mean {EXPERTS}gate_up_qweights?"
        in message
    )


def test_a_bf16_checkpoint_is_told_apart() -> None:
    config = checkpoint_config()
    del config["quantization"]
    found = {
        "model.embed_tokens.weight": TensorSpec("BF16", (320, 64)),
        f"{EXPERTS}gate_up_proj": TensorSpec("BF16", (8, 64, 64)),
    }
    message = refusal(parse_config(config, where="config.json"), found)
    assert "not match the format of unpacked weights (no 'quantization' block)" in message
    assert "missing: model.norm.weight (BF16 [64])" in message
    assert "embed_tokens" not in message
    assert f"{EXPERTS}gate_up_proj" not in message
