"""The parts of the comparison with llama.cpp that need no llama.cpp."""

import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.llama_cpp.family_model import write_family_gguf
from benchmarks.llama_cpp.model import gguf_tensors, random_blocks
from mmoe.checkpoints.gguf.families import config_json
from mmoe.checkpoints.gguf.gguf_file import GgufFile
from mmoe.checkpoints.inventory import expected_tensors
from mmoe.export.synthesize.public_sizes import PUBLIC_SIZES
from mmoe.export.synthesize.sizes import ModelSize, released_config
from mmoe.models.architectures.registry import parse_config


@pytest.mark.parametrize("size", ModelSize)
def test_the_gguf_has_the_bytes_and_the_multiply_adds_of_the_model(size: ModelSize) -> None:
    config = parse_config(released_config(size), where=size)
    shapes = dict(gguf_tensors(config))
    quantized = sum(math.prod(shape) // 32 * 18 for shape, packed in shapes.values() if packed)
    packed = sum(spec.num_bytes for spec in expected_tensors(config).values() if spec.dtype in ("U8", "F16"))
    assert quantized == packed
    parameters = sum(math.prod(shape) for shape, packed in shapes.values() if packed)
    assert parameters == sum(
        2 * spec.num_bytes for spec in expected_tensors(config).values() if spec.dtype == "U8"
    )


def test_blocks_are_q4_0_and_keep_the_size_of_outputs() -> None:
    blocks = random_blocks((64, 256), np.random.default_rng(0)).reshape(-1, 18)
    scales = blocks[:, :2].copy().view("<f2").astype(np.float64)
    low, high = (blocks[:, 2:] & 15).astype(int) - 8, (blocks[:, 2:] >> 4).astype(int) - 8
    weights = (np.concatenate([low, high], axis=1) * scales).reshape(64, 256)
    outputs = weights @ np.random.default_rng(1).standard_normal((256, 100))
    assert outputs.std() == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize("name", PUBLIC_SIZES)
def test_the_gguf_of_a_family_is_read_back_as_its_config(name: str, tmp_path: Path) -> None:
    small = {"num_hidden_layers": 3, "hidden_size": 128, "intermediate_size": 64, "vocab_size": 320}
    small |= {"num_attention_heads": 4, "num_key_value_heads": 4, "bos_token_id": 1, "eos_token_id": 2}
    settings = PUBLIC_SIZES[name] | small
    for key, value in (("moe_intermediate_size", 32), ("layer_types", ["conv", "conv", "full_attention"])):
        if key in settings:
            settings[key] = value
    write_family_gguf(tmp_path / "model.gguf", settings)
    file = GgufFile(tmp_path / "model.gguf")
    read, meant = (parse_config(data, where="x") for data in (config_json(file), settings))
    assert [read.layer(index) for index in range(3)] == [meant.layer(index) for index in range(3)]
    assert (read.hidden_size, read.vocab_size) == (128, 320)
    stored = sum(math.prod(tensor.shape) for tensor in file.tensors.values())
    assert stored == sum(math.prod(spec.shape) for spec in expected_tensors(meant).values())
