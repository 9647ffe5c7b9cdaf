"""Writes small random checkpoints in the released format, for every test that needs one.

    folder = write_checkpoint(tmp_path / "checkpoint", {"num_local_experts": 5}, shards=3, seed=1)
    checkpoint = open_checkpoint(folder)

The default model has 2 layers, H = 64, 4 query heads on 2 KV heads of 16, 8 experts (top 2) of width 32, a
shared expert of width 64 and 320 vocabulary rows: about 0.1 MB, written in a few milliseconds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file

from mmoe.checkpoints.inventory import expected_tensors
from mmoe.checkpoints.tensor_spec import TensorSpec
from mmoe.models.architectures.config import DecoderConfig
from mmoe.models.architectures.mobilellm_pro import MobileLLMProConfig
from mmoe.models.architectures.registry import parse_config
from tests.support.tokenizers import BOS_ID, END_OF_TEXT_ID, EOT_ID, write_tokenizer

QUANTIZATION: dict[str, object] = {
    "format": "mobilemoe-int4-g32",
    "group_size": 32,
    "embedding_group_size": 32,
    "qmin": -8,
    "qmax": 7,
    "symmetric": True,
    "packed": True,
    "scale_dtype": "float16",
    "linear_group_axis": "in (last dim of [out, in])",
    "expert_group_axis": "out (last dim of [E, in, out])",
}

# Uniform int4 values have a standard deviation of sqrt((16**2 - 1) / 12).
_INT4_STD = 4.61


def checkpoint_config(overrides: Mapping[str, object] | None = None) -> dict[str, object]:
    """The `config.json` of a small model; ``overrides`` replace or add keys.

    `no_rope_layers` and `layer_types` follow `num_hidden_layers` unless they are given.
    """
    config: dict[str, object] = {
        "architectures": ["MobileMoEForCausalLM"],
        "model_type": "mobilemoe",
        "vocab_size": 320,
        "hidden_size": 64,
        "intermediate_size": 32,
        "intermediate_size_mlp": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "hidden_act": "silu",
        "max_position_embeddings": 256,
        "rms_norm_eps": 1e-5,
        "rope_theta": 500000.0,
        "rope_scaling": {
            "rope_type": "llama3",
            "factor": 16.0,
            "original_max_position_embeddings": 256,
            "low_freq_factor": 1.0,
            "high_freq_factor": 1.0,
        },
        "num_local_experts": 8,
        "num_experts_per_tok": 2,
        "interleave_moe_layer_step": 1,
        "use_qk_norm": True,
        "attn_temperature_tuning": False,
        "attention_bias": False,
        "tie_word_embeddings": True,
        "norm_topk_prob": True,
        "routed_scaling_factor": 2.5,
        "bos_token_id": BOS_ID,
        "eos_token_id": [END_OF_TEXT_ID, EOT_ID],
        "quantization": dict(QUANTIZATION),
    }
    config.update(overrides or {})
    layers = config["num_hidden_layers"]
    if isinstance(layers, int):
        config.setdefault("no_rope_layers", [1] * layers)
        config.setdefault("layer_types", ["full_attention"] * layers)
    return config


def dense_overrides(**overrides: object) -> dict[str, object]:
    """What makes `write_checkpoint` write a small MobileLLM-Pro: 4 layers, of which 2 see a window of 100 keys."""
    return {
        "architectures": ["MobileLLMP1ForCausalLM"],
        "model_type": "mobilellm",
        "num_hidden_layers": 4,
        "layer_types": ["full_attention", "sliding_attention", "sliding_attention", "full_attention"],
        "sliding_window": 100,
        "max_position_embeddings": 1024,
        "quantization": MobileLLMProConfig.PACKED.to_block(),
        **overrides,
    }


def random_tensors(config: DecoderConfig, *, seed: int = 0) -> dict[str, torch.Tensor]:
    """Seeded random tensors of the packed format that keep activations near one through the layers."""
    generator = torch.Generator().manual_seed(seed)
    return {name: _random_tensor(name, spec, generator) for name, spec in expected_tensors(config).items()}


def write_checkpoint(
    folder: Path,
    config_overrides: Mapping[str, object] | None = None,
    *,
    shards: int = 1,
    seed: int = 0,
    tokenizer: bool = True,
) -> Path:
    """Writes a random checkpoint into ``folder``, which is made if need be, and returns the folder.

    Args:
        folder: where to write.
        config_overrides: keys of `config.json` that differ from `checkpoint_config`.
        shards: 1 writes `model.safetensors`; more write that many shards and their index.
        seed: of the weights.
        tokenizer: whether to write a tokenizer (288 tokens at most) and a chat template too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = checkpoint_config(config_overrides)
    write_config(folder, config)
    tensors = random_tensors(parse_config(config, where="the test's config"), seed=seed)
    write_tensors(folder, tensors, shards=shards)
    if tokenizer:
        write_tokenizer(folder)
    return folder


def write_config(folder: Path, config: Mapping[str, object]) -> None:
    """Writes ``config`` as `config.json`, whatever it says."""
    (folder / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")


def write_tensors(folder: Path, tensors: Mapping[str, torch.Tensor], *, shards: int = 1) -> None:
    """Writes ``tensors``, whatever they are, as `model.safetensors` or as shards with an index."""
    if shards == 1:
        save_file(dict(tensors), folder / "model.safetensors", metadata={"format": "pt"})
        return
    names = list(tensors)
    weight_map: dict[str, str] = {}
    for shard in range(shards):
        file_name = f"model-{shard + 1:05d}-of-{shards:05d}.safetensors"
        part = {name: tensors[name] for name in names[shard::shards]}
        save_file(part, folder / file_name, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(part, file_name)
    total = sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")


def _random_tensor(name: str, spec: TensorSpec, generator: torch.Generator) -> torch.Tensor:
    if spec.dtype == "U8":
        return torch.randint(0, 256, spec.shape, dtype=torch.uint8, generator=generator)
    if spec.dtype == "F16":
        spread = torch.rand(spec.shape, generator=generator) + 0.5
        return (spread * _weight_std(name, spec) / _INT4_STD).to(torch.float16)
    noise = torch.randn(spec.shape, generator=generator)
    if name.endswith("router.weight"):
        return noise / math.sqrt(spec.shape[1])
    return (0.05 * noise + (0.0 if name.endswith("expert_bias") else 1.0)).to(torch.bfloat16)


def _weight_std(name: str, scale: TensorSpec) -> float:
    """1 / sqrt(inputs) for matrices, and a small embedding, so that the tied head's logits stay moderate."""
    if "embed_tokens" in name:
        return 0.2
    inputs = scale.shape[1] if ".experts." in name else scale.shape[-1] * 32
    return float(inputs**-0.5)
