"""Packed folders that are refused: with the key or the tensor, and what to do about it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.opening import open_source
from mmoe.models.errors import ConfigError
from tests.support.int4_folders import write_compressed_tensors, write_gptq, write_torchao

Block = dict[str, Any]
ROTATED = [{"location": "weight_input"}, {"targets": ["re:.*down_proj$"], "location": "input"}]


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    write_compressed_tensors(tmp_path, group=32)
    return tmp_path


def test_mxfp4_is_refused_by_its_tensors(packed: Path) -> None:
    tensors = load_file(packed / "model.safetensors")
    for layer in range(2):
        stack = f"model.layers.{layer}.mlp.experts.gate_up_proj"
        tensors[f"{stack}_blocks"] = torch.zeros(8, 64, 2, 16, dtype=torch.uint8)
        tensors[f"{stack}_scales"] = torch.full((8, 64, 2), 127, dtype=torch.uint8)
    save_file(tensors, packed / "model.safetensors", metadata={"format": "pt"})
    edit_block(packed, lambda block: block.update(quant_method="mxfp4"))
    with pytest.raises(
        CheckpointError, match=r"layers\.0\.mlp\.experts\.gate_up_proj_blocks and 1 more .* in MXFP4"
    ):
        open_source(packed)


@pytest.fixture
def gptq(tmp_path: Path) -> Path:
    write_gptq(tmp_path, group=32, symmetric=True)
    return tmp_path


def edit_block(folder: Path, change: Callable[[Block], object]) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    change(config["quantization_config"])
    path.write_text(json.dumps(config))


def edit_tensors(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


def weights_of(block: Block) -> Block:
    found = block["config_groups"]["group_0"]["weights"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda block: block.update(quant_method="awq"), "quantization_config.quant_method"),
        (lambda block: block.update(format="mxfp4-pack-quantized"), "quantization_config.format"),
        (lambda block: weights_of(block).update(num_bits=8), "config_groups.group_0.weights.num_bits"),
        (lambda block: weights_of(block).update(strategy="channel"), "group_0.weights.strategy"),
        (lambda block: weights_of(block).update(group_size=16), "group_0.weights.group_size"),
        (lambda block: weights_of(block).update(actorder="group"), "group_0.weights.actorder"),
        (lambda block: weights_of(block).update(actorder=True), "group_0.weights.actorder"),
        (lambda block: block.update(config_groups={}), "quantization_config.config_groups"),
        (
            lambda block: block["config_groups"]["group_0"].update(format="marlin-24"),
            "config_groups.group_0.format",
        ),
        (
            lambda block: block.update(transform_config={"config_groups": {"R4": {"apply": ROTATED}}}),
            "transform_config.config_groups.R4.apply[1].location",
        ),
        (
            lambda block: block.update(transform_config={"config_groups": {"R4": {"apply": "input"}}}),
            "transform_config.config_groups.R4.apply",
        ),
    ],
)
def test_a_scheme_that_is_not_supported_is_named(
    packed: Path, change: Callable[[Block], object], key: str
) -> None:
    edit_block(packed, change)
    with pytest.raises(ConfigError, match="supported") as caught:
        open_source(packed)
    assert key in str(caught.value)


@pytest.mark.parametrize(("key", "value"), [("desc_act", True), ("bits", 8), ("group_size", -1)])
def test_a_gptq_setting_that_is_not_supported_is_named(gptq: Path, key: str, value: object) -> None:
    edit_block(gptq, lambda block: block.update({key: value}))
    with pytest.raises(ConfigError, match=f"quantization_config.{key}"):
        open_source(gptq)


@pytest.mark.parametrize("format_", ["gptq", "marlin"])
def test_a_gptq_version_in_two_places_is_one(gptq: Path, format_: str) -> None:
    """`checkpoint_format` says gptq_v2."""
    edit_block(gptq, lambda block: block.update(checkpoint_format="gptq_v2", format=format_))
    with pytest.raises(ConfigError, match=f'quantization_config.format\' is "{format_}"'):
        open_source(gptq)


@pytest.mark.parametrize(
    "write", [write_compressed_tensors, partial(write_gptq, symmetric=True), write_torchao]
)
def test_a_tied_head_that_says_something_else_is_refused(
    tmp_path: Path, write: Callable[..., object]
) -> None:
    write(tmp_path, group=32)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": True}))
    checkpoint_error(tmp_path, "lm_head.weight differs from model.embed_tokens.weight")
    table = "model.embed_tokens.weight"
    edit_tensors(tmp_path, lambda tensors: tensors["lm_head.weight"].copy_(tensors[table]))
    assert open_source(tmp_path).config.tie_word_embeddings


def test_a_tied_head_in_int4_is_compared_with_its_table(packed: Path) -> None:
    """As recipes for phones leave it, which quantise the head and keep the table."""
    head, projection = "lm_head", "model.layers.0.self_attn.q_proj"
    parts = ("weight_packed", "weight_scale", "weight_shape")

    def pack_head(tensors: dict[str, torch.Tensor]) -> None:
        rows = tensors.pop(f"{head}.weight").shape[0]
        for part in parts:
            of_some = tensors[f"{projection}.{part}"]
            repeated = (
                of_some.repeat(3, 1)[:rows].clone() if of_some.dim() == 2 else torch.tensor([rows, 128])
            )
            tensors[f"{head}.{part}"] = repeated

    edit_tensors(packed, pack_head)
    config = json.loads((packed / "config.json").read_text())
    (packed / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": True}))
    checkpoint_error(packed, "lm_head.weight differs from model.embed_tokens.weight")


@pytest.mark.parametrize(
    ("write", "packed_part"),
    [
        (write_compressed_tensors, "weight_packed"),
        (partial(write_gptq, symmetric=True), "qweight"),
        (write_torchao, "_weight_qdata"),
    ],
)
def test_a_matrix_that_is_there_twice_is_named(
    tmp_path: Path, write: Callable[..., object], packed_part: str
) -> None:
    write(tmp_path, group=32)
    module = "model.layers.0.self_attn.v_proj"
    edit_tensors(tmp_path, lambda tensors: tensors.update({f"{module}.weight": torch.ones(128, 128)}))
    checkpoint_error(tmp_path, f"{module}.weight is there beside {module}.{packed_part}")


@pytest.mark.parametrize(
    ("write", "part"),
    [
        (write_compressed_tensors, ".weight_packed"),
        (partial(write_gptq, symmetric=True), ".qweight"),
        (partial(write_torchao, group=32), "._weight_qdata"),
    ],
)
@pytest.mark.parametrize("shape", [(), (-1,)])
def test_values_that_are_no_matrix_are_named(
    tmp_path: Path, write: Callable[..., object], part: str, shape: tuple[int, ...]
) -> None:
    write(tmp_path, group=32)
    name = f"model.layers.0.mlp.experts.1.up_proj{part}"

    def reshape(tensors: dict[str, torch.Tensor]) -> None:
        values = tensors[name].flatten()
        tensors[name] = (values if shape else values[:1]).reshape(shape)

    edit_tensors(tmp_path, reshape)
    checkpoint_error(tmp_path, f"{name} is I", "which is no matrix")


def test_zero_points_of_symmetric_weights_are_refused(packed: Path) -> None:
    """The library that wrote the format would subtract them."""
    name = "model.layers.0.mlp.experts.1.up_proj.weight_zero_point"
    edit_tensors(packed, lambda tensors: tensors.update({name: torch.ones(16, 4, dtype=torch.int32)}))
    checkpoint_error(packed, f"{name} is there, though quantization_config says that weights are symmetric")


@pytest.mark.parametrize("cut", [(slice(8), slice(None)), (slice(None), slice(2))])
def test_zero_points_that_do_not_fit_are_named(tmp_path: Path, cut: tuple[slice, slice]) -> None:
    write_compressed_tensors(tmp_path, group=32, symmetric=False)
    module = "model.layers.0.mlp.experts.1.up_proj"
    name = f"{module}.weight_zero_point"
    edit_tensors(tmp_path, lambda tensors: tensors.update({name: tensors[name][cut].contiguous()}))
    checkpoint_error(
        tmp_path, f"{module}.weight_packed holds [128, 128] in groups of 32, ", "weight_zero_point I32 ["
    )


@pytest.mark.parametrize(
    ("write", "scale", "cut"),
    [
        (write_compressed_tensors, "weight_scale", (slice(None), slice(2))),
        (partial(write_gptq, symmetric=True), "scales", (slice(2), slice(None))),
        (write_torchao, "_weight_scale", (slice(None), slice(2))),
    ],
)
def test_scales_of_wider_groups_than_are_said_are_named(
    tmp_path: Path, write: Callable[..., object], scale: str, cut: tuple[slice, slice]
) -> None:
    """Half as many scales would do for groups of twice the width."""
    write(tmp_path, group=32)
    name = f"model.layers.0.mlp.experts.1.up_proj.{scale}"
    edit_tensors(tmp_path, lambda tensors: tensors.update({name: tensors[name][cut].contiguous()}))
    checkpoint_error(tmp_path, "experts.1.up_proj.", " in groups of 32, which does not fit ", f"{scale} ")


def test_groups_that_do_not_divide_the_inputs_are_named(tmp_path: Path) -> None:
    """160 inputs in groups of 64 would be two groups of 80, and nobody would see it."""
    write_compressed_tensors(tmp_path, group=64)
    module = "model.layers.0.self_attn.v_proj"

    def widen(tensors: dict[str, torch.Tensor]) -> None:
        tensors[f"{module}.weight_packed"] = torch.zeros(128, 20, dtype=torch.int32)
        tensors[f"{module}.weight_scale"] = torch.ones(128, 2, dtype=torch.bfloat16)
        tensors[f"{module}.weight_shape"] = torch.tensor([128, 160])

    edit_tensors(tmp_path, widen)
    checkpoint_error(
        tmp_path, f"{module}.weight_packed holds [128, 160] in groups of 64, which does not fit "
    )


def test_gptq_values_of_three_dimensions_are_named(gptq: Path) -> None:
    name = "model.layers.0.mlp.experts.1.up_proj.qweight"
    edit_tensors(gptq, lambda tensors: tensors.update({name: tensors[name][..., None].contiguous()}))
    checkpoint_error(gptq, f"{name} is I32 [16, 128, 1], which is no matrix")


def test_inputs_out_of_order_are_named(gptq: Path) -> None:
    name = "model.layers.1.mlp.experts.2.up_proj.g_idx"
    edit_tensors(gptq, lambda tensors: tensors[name].copy_(tensors[name].flip(0)))
    checkpoint_error(gptq, f"{name} puts inputs into groups out of order")


def test_inputs_of_compressed_tensors_may_be_numbered_in_order_only(packed: Path) -> None:
    name = "model.layers.0.mlp.experts.1.down_proj.weight_g_idx"
    edit_tensors(packed, lambda tensors: tensors.update({name: torch.arange(128, dtype=torch.int32) // 32}))
    open_source(packed).check_values()
    edit_tensors(packed, lambda tensors: tensors.update({name: tensors[name].flip(0).contiguous()}))
    checkpoint_error(packed, f"{name} puts inputs into groups out of order")


def test_zeros_that_contradict_the_scheme_are_named(gptq: Path) -> None:
    name = "model.layers.0.mlp.experts.0.gate_proj.qzeros"
    edit_tensors(gptq, lambda tensors: tensors[name].zero_())
    checkpoint_error(gptq, f"{name}: are not all 8")


def test_experts_in_mixed_precision_are_named(packed: Path) -> None:
    module = "model.layers.1.mlp.experts.3.down_proj"

    def unpack(tensors: dict[str, torch.Tensor]) -> None:
        for part in ("weight_packed", "weight_scale", "weight_shape"):
            del tensors[f"{module}.{part}"]
        tensors[f"{module}.weight"] = torch.zeros(128, 128)

    edit_tensors(packed, unpack)
    checkpoint_error(packed, f"{module}.weight is not in int4")


def test_a_missing_matrix_is_named(packed: Path) -> None:
    module = "model.layers.1.self_attn.q_proj"
    edit_tensors(packed, lambda tensors: tensors.pop(f"{module}.weight_packed"))
    checkpoint_error(packed, f"{module}.weight")


def test_parts_that_do_not_fit_are_named(packed: Path) -> None:
    module = "model.layers.0.mlp.experts.1.up_proj"
    edit_tensors(packed, lambda tensors: tensors[f"{module}.weight_shape"].add_(1))
    checkpoint_error(
        packed, f"{module}.weight_shape: is [129, 129], where {module}.weight_packed holds [128, 128]"
    )


@pytest.mark.parametrize(
    ("write", "part"),
    [
        *((write_compressed_tensors, part) for part in (".weight_packed", ".weight_scale", ".weight_shape")),
        *(
            (partial(write_gptq, symmetric=True), part)
            for part in (".qweight", ".qzeros", ".scales", ".g_idx")
        ),
        *((write_torchao, f"._weight_{part}") for part in ("qdata", "scale", "zero_point")),
    ],
)
def test_parts_of_a_type_that_nobody_writes_are_named(
    tmp_path: Path, write: Callable[..., object], part: str
) -> None:
    write(tmp_path, group=32)
    name = f"model.layers.1.mlp.experts.2.down_proj{part}"
    edit_tensors(tmp_path, lambda tensors: tensors.update({name: tensors[name].double()}))
    checkpoint_error(tmp_path, f"{name} is F64, where ")


def checkpoint_error(folder: Path, *texts: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        open_source(folder)
    for text in texts:
        assert text in str(caught.value)


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (
            "quantize_config.json",
            r'no \'quantization_config\', though quantize_config\.json .*"quant_method": "gptq"',
        ),
        ("quant_config.json", r'though quant_config\.json .*"quant_method": "awq"'),
        ("compression_config", r"'compression_config' is what 'quantization_config' was called; rename it"),
    ],
)
def test_what_older_tools_wrote_is_told_where_it_goes(gptq: Path, place: str, told: str) -> None:
    path = gptq / "config.json"
    config = json.loads(path.read_text())
    block = config.pop("quantization_config")
    if place.endswith(".json"):
        (gptq / place).write_text(json.dumps(block))
    else:
        config[place] = block
    path.write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"config\.json: .*" + told):
        open_source(gptq)


@pytest.mark.parametrize(
    ("write", "part"),
    [
        (partial(write_compressed_tensors, group=32), ".weight_scale"),
        (partial(write_compressed_tensors, group=32), ".weight_shape"),
        (partial(write_gptq, group=32, symmetric=True), ".qzeros"),
        (partial(write_gptq, group=32, symmetric=True), ".scales"),
        (partial(write_torchao, group=32), "._weight_scale"),
        (partial(write_torchao, group=32), "._weight_zero_point"),
    ],
)
def test_a_missing_part_is_named_at_once(tmp_path: Path, write: Callable[[Path], object], part: str) -> None:
    write(tmp_path)
    missing = "model.layers.1.self_attn.o_proj" + part
    edit_tensors(tmp_path, lambda tensors: tensors.pop(missing))
    with pytest.raises(CheckpointError, match=re.escape(f"{tmp_path}: {missing} is missing, though ")):
        open_source(tmp_path)
