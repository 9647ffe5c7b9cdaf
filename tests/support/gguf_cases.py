"""One model of `transformers` for every architecture of GGUF that is read, and the metadata that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from tests.support.gguf_models import write_gguf
from tests.support.transformers_models import make_model

VOCAB = 288
_COMMON = {
    "block_count": 2,
    "embedding_length": 64,
    "context_length": 64,
    "attention.head_count": 4,
    "attention.head_count_kv": 2,
    "attention.layer_norm_rms_epsilon": 1e-5,
    "rope.freq_base": 10000.0,
    "expert_count": 8,
    "expert_used_count": 3,
}


@dataclass(frozen=True)
class GgufCase:
    """A family of `transformers`, its options, and the metadata by key of the architecture."""

    family: str
    options: dict[str, Any]
    architecture: str
    metadata: dict[str, Any]

    def write(self, path: Path, **how: Any) -> transformers.PreTrainedModel:
        """Writes the file; returns the model with the weights that the `gguf` package finds in it."""
        model = make_model(self.family, **{"vocab_size": VOCAB, "rope_theta": 10000.0} | self.options)
        found = write_gguf(path, model, self.architecture, _COMMON | self.metadata, **how)
        model.load_state_dict(
            {name: torch.from_numpy(values) for name, values in found.items()}, strict=False
        )
        return model


_GRANITE = {
    "intermediate_size": 32,
    "num_local_experts": 8,
    "embedding_multiplier": 12.0,
    "residual_multiplier": 0.25,
    "attention_multiplier": 0.125,
    "logits_scaling": 6.0,
    "rms_norm_eps": 1e-5,
}
_GRANITE_METADATA = {
    "feed_forward_length": 32,
    "embedding_scale": 12.0,
    "residual_scale": 0.25,
    "attention.scale": 0.125,
    "logit_scale": 6.0,
}
CASES = {
    "olmoe": GgufCase(
        "Olmoe",
        {"intermediate_size": 32, "num_experts": 8, "rms_norm_eps": 1e-5},
        "olmoe",
        {"feed_forward_length": 32},
    ),
    "olmoe, tied": GgufCase(
        "Olmoe",
        {"intermediate_size": 32, "num_experts": 8, "rms_norm_eps": 1e-5, "tie_word_embeddings": True},
        "olmoe",
        {"feed_forward_length": 32},
    ),
    "qwen3moe": GgufCase(
        "Qwen3Moe",
        {
            "intermediate_size": 96,
            "moe_intermediate_size": 64,
            "num_experts": 8,
            "head_dim": 32,
            "norm_topk_prob": True,
            "mlp_only_layers": [0],
            "rms_norm_eps": 1e-5,
        },
        "qwen3moe",
        {"feed_forward_length": 96, "expert_feed_forward_length": 64, "attention.key_length": 32},
    ),
    "granitemoe": GgufCase("GraniteMoe", _GRANITE, "granitemoe", _GRANITE_METADATA),
    "granitemoe, shared": GgufCase(
        "GraniteMoeShared",
        _GRANITE | {"shared_intermediate_size": 64},
        "granitemoe",
        _GRANITE_METADATA | {"expert_shared_feed_forward_length": 64},
    ),
    "lfm2moe": GgufCase(
        "Lfm2Moe",
        {
            "intermediate_size": 96,
            "moe_intermediate_size": 32,
            "num_experts": 8,
            "num_dense_layers": 1,
            "num_hidden_layers": 3,
            "layer_types": ["conv", "full_attention", "conv"],
            "norm_eps": 1e-5,
        },
        "lfm2moe",
        {
            "block_count": 3,
            "attention.head_count_kv": [0, 2, 0],
            "feed_forward_length": 96,
            "expert_feed_forward_length": 32,
            "leading_dense_block_count": 1,
            "shortconv.l_cache": 3,
        },
    ),
}
