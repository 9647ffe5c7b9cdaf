"""`config.json` of released models of public families, as far as their forward pass and their files need it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_COMMON: dict[str, Any] = {
    "hidden_act": "silu",
    "attention_bias": False,
    "rope_scaling": None,
    "torch_dtype": "bfloat16",
}
_GRANITE: dict[str, Any] = _COMMON | {
    "architectures": ["GraniteMoeForCausalLM"],
    "num_key_value_heads": 8,
    "intermediate_size": 512,
    "num_experts_per_tok": 8,
    "vocab_size": 49155,
    "tie_word_embeddings": True,
    "embedding_multiplier": 12.0,
    "attention_multiplier": 0.015625,
    "residual_multiplier": 0.22,
    "logits_scaling": 6.0,
    "rms_norm_eps": 1e-6,
    "max_position_embeddings": 4096,
    "rope_theta": 10000.0,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
# Layers that attend; the others convolve.
_LFM2_ATTENTION = (2, 6, 10, 14, 18, 21)

PUBLIC_SIZES: Mapping[str, dict[str, Any]] = {
    "OLMoE-1B-7B": _COMMON
    | {
        "architectures": ["OlmoeForCausalLM"],
        "hidden_size": 2048,
        "num_hidden_layers": 16,
        "num_attention_heads": 16,
        "num_key_value_heads": 16,
        "intermediate_size": 1024,
        "num_experts": 64,
        "num_experts_per_tok": 8,
        "norm_topk_prob": False,
        "vocab_size": 50304,
        "tie_word_embeddings": False,
        "rms_norm_eps": 1e-5,
        "max_position_embeddings": 4096,
        "rope_theta": 10000.0,
        "eos_token_id": 50279,
    },
    "Granite-1B-A400M": _GRANITE
    | {
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "num_local_experts": 32,
    },
    "Granite-3B-A800M": _GRANITE
    | {
        "hidden_size": 1536,
        "num_hidden_layers": 32,
        "num_attention_heads": 24,
        "num_local_experts": 40,
    },
    "LFM2-8B-A1B": _COMMON
    | {
        "architectures": ["Lfm2MoeForCausalLM"],
        "hidden_size": 2048,
        "num_hidden_layers": 24,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "intermediate_size": 7168,
        "moe_intermediate_size": 1792,
        "num_dense_layers": 2,
        "num_experts": 32,
        "num_experts_per_tok": 4,
        "norm_topk_prob": True,
        "use_expert_bias": True,
        "routed_scaling_factor": 1.0,
        "conv_L_cache": 3,
        "conv_bias": False,
        "layer_types": ["full_attention" if layer in _LFM2_ATTENTION else "conv" for layer in range(24)],
        "vocab_size": 65536,
        "tie_word_embeddings": True,
        "norm_eps": 1e-5,
        "max_position_embeddings": 128000,
        "rope_theta": 1000000.0,
        "bos_token_id": 1,
        "eos_token_id": 7,
    },
    "Qwen3-30B-A3B": _COMMON
    | {
        "architectures": ["Qwen3MoeForCausalLM"],
        "hidden_size": 2048,
        "num_hidden_layers": 48,
        "num_attention_heads": 32,
        "num_key_value_heads": 4,
        "head_dim": 128,
        "intermediate_size": 6144,
        "moe_intermediate_size": 768,
        "num_experts": 128,
        "num_experts_per_tok": 8,
        "norm_topk_prob": True,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
        "vocab_size": 151936,
        "tie_word_embeddings": False,
        "rms_norm_eps": 1e-6,
        "max_position_embeddings": 40960,
        "rope_theta": 1000000.0,
        "use_sliding_window": False,
        "bos_token_id": 151643,
        "eos_token_id": [151645, 151643],
    },
}
"""By the name of the model."""


def public_name(size: str) -> str | None:
    """The model that a user means, whatever the case of its letters; None for any other text."""
    return next((name for name in PUBLIC_SIZES if name.lower() == size.lower()), None)
