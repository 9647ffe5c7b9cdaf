"""Stand-ins of public families: in bfloat16, in shards, under the names of the released files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.checkpoints.inventory import expected_tensors
from mmoe.checkpoints.tensor_spec import TensorSpec
from mmoe.export.files.safetensors import shards_of
from mmoe.export.synthesize import public_sizes
from mmoe.export.synthesize.public_sizes import PUBLIC_SIZES
from mmoe.export.synthesize.sizes import read_size, with_layers
from mmoe.export.synthesize.synthesize import synthesize
from mmoe.models.architectures.registry import parse_config
from mmoe.models.decoder import build_decoder
from mmoe.models.reference import REFERENCE

SMALL = {
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": 512,
    "intermediate_size": 32,
    "moe_intermediate_size": 32,
    "bos_token_id": 256,
    "eos_token_id": 257,
    "max_position_embeddings": 64,
}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The public families at a size for tests."""
    sizes = {name: config | SMALL for name, config in PUBLIC_SIZES.items()}
    monkeypatch.setattr("mmoe.export.synthesize.sizes.PUBLIC_SIZES", sizes)


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("OLMoE-1B-7B", 6.92),
        ("Granite-1B-A400M", 1.33),
        ("Granite-3B-A800M", 3.30),
        ("LFM2-8B-A1B", 8.34),
        ("Qwen3-30B-A3B", 30.5),
    ],
)
def test_sizes_are_the_published_ones(name: str, billions: float) -> None:
    config = parse_config(read_size(name.lower()), where=name)
    total = sum(spec.num_bytes for spec in expected_tensors(config).values()) / 2e9
    assert total == pytest.approx(billions, rel=0.005)


@pytest.mark.parametrize("name", public_sizes.PUBLIC_SIZES)
def test_stand_ins_run_and_are_the_same_again(name: str, small: None, tmp_path: Path) -> None:
    made = synthesize(name, tmp_path / "one", layers=3, seed=5)
    assert made.config.quantization is None
    assert json.loads((tmp_path / "one" / "config.json").read_text())["num_hidden_layers"] == 3
    assert {spec.dtype for spec in made.files.specs.values()} <= {"BF16", "F32"}
    synthesize(name, tmp_path / "two", layers=3, seed=5)
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
    decoder = build_decoder(open_checkpoint(tmp_path / "one", unpacked=True), REFERENCE, max_context_len=20)
    with torch.no_grad():
        logits = decoder.all_logits(torch.arange(256, 276).unsqueeze(0), torch.zeros(1, dtype=torch.int64))
    assert bool(torch.isfinite(logits).all())
    assert float(logits.std()) > 0.01


def test_names_and_shards_are_those_of_released_files(small: None, tmp_path: Path) -> None:
    synthesize("OLMoE-1B-7B", tmp_path / "olmoe", layers=1)
    index = json.loads((tmp_path / "olmoe" / "model.safetensors.index.json").read_text())["weight_map"]
    assert index["model.layers.0.mlp.experts.63.down_proj.weight"] == "model-00001-of-00001.safetensors"
    assert {"lm_head.weight", "model.layers.0.self_attn.q_norm.weight", "model.norm.weight"} <= index.keys()
    # 3 outside the layer; 9 in it besides 3 of each expert.
    assert len(index) == 3 + 9 + 3 * 64
    made = synthesize("OLMoE-1B-7B", tmp_path / "olmoe", layers=2, overwrite=True)
    assert made.config.num_hidden_layers == 2


def test_files_end_at_four_gigabytes() -> None:
    specs = {f"t{n}": TensorSpec("BF16", (750_000_000,)) for n in range(5)}
    assert list(shards_of(specs).values()) == [["t0", "t1"], ["t2", "t3"], ["t4"]]
    assert next(iter(shards_of(specs))) == "model-00001-of-00003.safetensors"


def test_fewer_layers_leave_other_keys_alone() -> None:
    config = read_size("OLMoE-1B-7B")
    assert with_layers(config, 2) == config | {"num_hidden_layers": 2}
    assert with_layers(read_size("LFM2-8B-A1B"), 3)["layer_types"] == ["conv", "conv", "full_attention"]
