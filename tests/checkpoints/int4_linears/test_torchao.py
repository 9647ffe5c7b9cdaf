"""torchao's tensors: the weights of our model are those that the library dequantises, bit for bit; or a refusal."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.opening import open_source
from mmoe.models.errors import ConfigError
from tests.checkpoints.int4_linears.test_formats import assert_same_weights, dense
from tests.support.int4_folders import write_torchao


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("group", [32, 64, 128])
def test_torchaos_tensors_are_what_the_library_dequantizes(
    tmp_path: Path, group: int, symmetric: bool
) -> None:
    expected = write_torchao(tmp_path, group=group, symmetric=symmetric)
    quantization = assert_same_weights(tmp_path, expected).config.quantization
    assert quantization is not None
    assert (quantization.group_size, quantization.scale_dtype) == (group, "float16")
    assert quantization.is_packed("model.layers.0.self_attn.v_proj") is symmetric


def test_a_table_in_int8_beside_torchaos_int4(tmp_path: Path) -> None:
    expected = write_torchao(tmp_path, group=32, int8_table=True)
    checkpoint = assert_same_weights(tmp_path, expected)
    assert torch.equal(dense(checkpoint, "model.embed_tokens"), expected["model.embed_tokens.weight"])


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("weight_granularity", "_data", "group_size"), 256, "group_size' is 256; supported: 32, 64 or 128"),
        (("weight_dtype", "_data"), "int3", 'weight_dtype._data\' is "int3"; supported: "int4"'),
        (("intx_packing_format", "_data"), "OPAQUE_ATEN_KLEIDIAI", "intx_packing_format._data'"),
    ],
)
def test_what_torchao_packs_otherwise_is_refused_by_its_key(
    tmp_path: Path, path: tuple[str, ...], value: object, message: str
) -> None:
    write_torchao(tmp_path, group=32)
    config = json.loads((tmp_path / "config.json").read_text())
    place = config["quantization_config"]["quant_type"]["default"]["_data"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match=re.escape(message)):
        open_source(tmp_path)


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("qdata", 8, "values that are no int4"),
        ("zero_point", 1, "says SYMMETRIC"),
        ("scale", None, "in groups of 32, which does not fit _weight_scale "),
    ],
)
def test_torchaos_tensors_that_disagree(tmp_path: Path, part: str, value: int | None, message: str) -> None:
    write_torchao(tmp_path, group=32)
    tensors = load_file(tmp_path / "model.safetensors")
    name = f"model.layers.1.mlp.experts.2.down_proj._weight_{part}"
    tensors[name] = tensors[name][:, :2].contiguous() if value is None else tensors[name].fill_(value)
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=f"{tmp_path}: .*experts.2.down_proj.*{message}"):
        open_source(tmp_path).check_values()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["model.embed_tokens", "model.layers.1.mlp.experts.2.down_proj"])
def test_an_infinite_scale_is_told_in_one_message(tmp_path: Path, name: str) -> None:
    """And NumPy, which multiplies it with a value of zero, warns of nothing beside it."""
    write_torchao(tmp_path, group=32, int8_table=True)
    tensors = load_file(tmp_path / "model.safetensors")
    tensors[f"{name}._weight_scale"][0, 0] = torch.inf
    tensors[f"{name}._weight_qdata"][0] = 0
    save_file(tensors, tmp_path / "model.safetensors")
    checkpoint = open_source(tmp_path)
    with pytest.raises(CheckpointError, match=r"a (value|scale) is (nan|inf)"):
        checkpoint.check_values()
