"""Writes a GGUF with the shapes of a public family's artifact: its own architecture, random Q4_0 weights.

Names and shapes come from the model that `transformers` makes of the same `config.json`, without its weights. Unlike
the artifact's, whose weights are drawn by `mmoe-export synthesize`, every router is random: the work is the same.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
import transformers

from benchmarks.llama_cpp.model import write_random_tensors
from tests.support.gguf_models import add_metadata, is_matrix, pieces

ARCHITECTURES = {
    "OlmoeForCausalLM": "olmoe",
    "Qwen3MoeForCausalLM": "qwen3moe",
    "GraniteMoeForCausalLM": "granitemoe",
    "GraniteMoeSharedForCausalLM": "granitemoe",
    "Lfm2MoeForCausalLM": "lfm2moe",
}
"""By the class of `transformers`, what GGUF calls the family."""


def write_family_gguf(path: Path, settings: Mapping[str, Any], *, seed: int = 0) -> None:
    """Writes the model, tensor by tensor.

    Args:
        path: The file; it is replaced.
        settings: The `config.json` of a checkpoint.
        seed: Of the random weights.
    """
    (name,) = settings["architectures"]
    family = getattr(transformers, name)
    config = family.config_class(**settings)
    with torch.device("meta"):
        model = family(config)
    writer = gguf.GGUFWriter(path, ARCHITECTURES[name])
    writer.add_name(f"synthetic, shapes of {name}")
    add_metadata(writer, ARCHITECTURES[name], metadata_of(config))
    writer.add_tokenizer_model("none")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    shapes = {}
    for tensor_name, tensor in model.state_dict().items():
        if tensor_name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        nothing = np.broadcast_to(np.float32(0), tuple(tensor.shape))
        for gguf_name, part in pieces(tensor_name, nothing):
            shapes[gguf_name] = part.shape, is_matrix(gguf_name, part)
    write_random_tensors(writer, shapes, seed)


def metadata_of(config: Any) -> dict[str, Any]:
    """What llama.cpp asks of the architecture, by key without its name.

    Args:
        config: Of `transformers`.
    """
    keys, kinds = config.num_key_value_heads, getattr(config, "layer_types", None)
    mixers = kinds if kinds and "conv" in kinds else None
    metadata: dict[str, Any] = {
        "context_length": config.max_position_embeddings,
        "embedding_length": config.hidden_size,
        "block_count": config.num_hidden_layers,
        "feed_forward_length": config.intermediate_size,
        "attention.head_count": config.num_attention_heads,
        "attention.head_count_kv": [keys if kind == "full_attention" else 0 for kind in mixers]
        if mixers
        else keys,
        "rope.freq_base": float(config.rope_parameters["rope_theta"]),
        "attention.layer_norm_rms_epsilon": getattr(config, "rms_norm_eps", None) or config.norm_eps,
        "expert_count": getattr(config, "num_experts", None) or config.num_local_experts,
        "expert_used_count": config.num_experts_per_tok,
        "vocab_size": config.vocab_size,
    }
    optional = {
        "expert_feed_forward_length": getattr(config, "moe_intermediate_size", None),
        "attention.key_length": getattr(config, "head_dim", None),
        "attention.value_length": getattr(config, "head_dim", None),
        "expert_shared_feed_forward_length": getattr(config, "shared_intermediate_size", None),
    }
    metadata |= {key: value for key, value in optional.items() if value}
    if hasattr(config, "embedding_multiplier"):
        metadata |= {
            "embedding_scale": config.embedding_multiplier,
            "residual_scale": config.residual_multiplier,
            "attention.scale": config.attention_multiplier,
            "logit_scale": config.logits_scaling,
        }
    if mixers:
        metadata |= {
            "shortconv.l_cache": config.conv_L_cache,
            "leading_dense_block_count": config.num_dense_layers,
            "expert_gating_func": int(gguf.ExpertGatingFuncType.SIGMOID),
        }
    return metadata
