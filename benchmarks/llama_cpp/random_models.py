"""GGUF files of small random models, made by `transformers` and laid out as llama.cpp's converter does."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gguf
import torch

from tests.support.gguf_models import F32, write_gguf
from tests.support.transformers_models import make_model

# Rows of whole blocks of 256, for types such as Q6_K; the vocabulary is that of the tests' tokenizer.
_SIZES: dict[str, Any] = {
    "vocab_size": 288,
    "hidden_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "num_experts_per_tok": 4,
    "rope_theta": 10000.0,
}
_METADATA: dict[str, Any] = {
    "block_count": 4,
    "embedding_length": 256,
    "context_length": 512,
    "attention.head_count": 4,
    "attention.head_count_kv": 2,
    "attention.layer_norm_rms_epsilon": 1e-5,
    "rope.freq_base": 10000.0,
    "expert_count": 16,
    "expert_used_count": 4,
}
# Of the rows that make logits. Routers of random models are often undecided, and an expert that another engine does not
# take changes the logits; the less these spread, the better 2,000 tokens tell one perplexity from another.
_ROWS = ("lm_head.weight", "model.embed_tokens.weight")


@dataclass(frozen=True)
class RandomModel:
    """A family of `transformers`, its options, and the metadata by key of the architecture.

    Attributes:
        spread: What the rows that make logits are multiplied by.
    """

    family: str
    options: dict[str, Any]
    metadata: dict[str, Any]
    spread: float = 0.2
    sizes: dict[str, Any] = field(default_factory=lambda: _SIZES)

    def write(self, path: Path, architecture: str, *, only_floats: bool = False) -> None:
        """Writes the file: matrices in Q4_0 by the `gguf` package, or everything in float32."""
        model = make_model(self.family, **self.sizes | self.options)
        with torch.no_grad():
            for name, tensor in model.named_parameters():
                if name in _ROWS:
                    tensor.mul_(self.spread)
        metadata = _METADATA | self.metadata
        write_gguf(path, model, architecture, metadata)
        if only_floats:
            names = [tensor.name for tensor in gguf.GGUFReader(path).tensors]
            write_gguf(path, model, architecture, metadata, types=dict.fromkeys(names, F32))


def quantize_by_llama_cpp(program: Path, source: Path, target: Path) -> None:
    """Writes a file of floats anew as `llama-quantize` does for Q4_0: a Q6_K head, or table where they are tied."""
    subprocess.run([str(part) for part in (program, source, "quantize", target)], check=True)


_EPS = {"rms_norm_eps": 1e-5}
_GRANITE = {
    "intermediate_size": 128,
    "num_local_experts": 16,
    "embedding_multiplier": 12.0,
    "residual_multiplier": 0.22,
    "attention_multiplier": 0.015625,
    "logits_scaling": 3.0,
    **_EPS,
}
_GRANITE_METADATA = {
    "feed_forward_length": 128,
    "embedding_scale": 12.0,
    "residual_scale": 0.22,
    "attention.scale": 0.015625,
    "logit_scale": 3.0,
}
RANDOM_MODELS: Mapping[str, tuple[str, RandomModel]] = {
    # llama.cpp takes as many key as query heads, as the released models have.
    "olmoe": (
        "olmoe",
        RandomModel(
            "Olmoe",
            {"num_key_value_heads": 4, "intermediate_size": 128, "num_experts": 16, **_EPS},
            {"attention.head_count_kv": 4, "feed_forward_length": 128},
        ),
    ),
    "qwen3moe": (
        "qwen3moe",
        RandomModel(
            "Qwen3Moe",
            {
                "intermediate_size": 256,
                "moe_intermediate_size": 128,
                "num_experts": 16,
                "head_dim": 128,
                "norm_topk_prob": True,
                **_EPS,
            },
            {
                "feed_forward_length": 256,
                "expert_feed_forward_length": 128,
                "attention.key_length": 128,
                "attention.value_length": 128,
            },
        ),
    ),
    "granitemoe": ("granitemoe", RandomModel("GraniteMoe", _GRANITE, _GRANITE_METADATA, spread=0.5)),
    "granitemoe-shared": (
        "granitemoe",
        RandomModel(
            "GraniteMoeShared",
            {**_GRANITE, "shared_intermediate_size": 256},
            {**_GRANITE_METADATA, "expert_shared_feed_forward_length": 256},
            spread=0.5,
        ),
    ),
    "lfm2moe": (
        "lfm2moe",
        RandomModel(
            "Lfm2Moe",
            {
                "intermediate_size": 256,
                "moe_intermediate_size": 128,
                "num_experts": 16,
                "num_dense_layers": 1,
                "layer_types": ["conv", "full_attention", "conv", "full_attention"],
                "norm_eps": 1e-5,
            },
            {
                "attention.head_count_kv": [0, 2, 0, 2],
                "feed_forward_length": 256,
                "expert_feed_forward_length": 128,
                "expert_gating_func": 2,
                "leading_dense_block_count": 1,
                "shortconv.l_cache": 3,
            },
        ),
    ),
}
"""By name: the architecture of GGUF, and the model."""
