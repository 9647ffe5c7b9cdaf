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
from tests.support.gguf_models import is_matrix, pieces

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
    _add_settings(writer, config)
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


def _add_settings(writer: gguf.GGUFWriter, config: Any) -> None:
    """The metadata that llama.cpp asks of the architecture."""
    heads = config.num_attention_heads
    experts = getattr(config, "num_experts", None) or config.num_local_experts
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(heads)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(getattr(config, "rms_norm_eps", None) or config.norm_eps)
    writer.add_expert_count(experts)
    writer.add_expert_used_count(config.num_experts_per_tok)
    writer.add_vocab_size(config.vocab_size)
    keys = config.num_key_value_heads
    kinds = getattr(config, "layer_types", None)
    mixers = kinds if kinds and "conv" in kinds else None
    writer.add_head_count_kv([keys if kind == "full_attention" else 0 for kind in mixers] if mixers else keys)
    width = getattr(config, "moe_intermediate_size", None)
    if width:
        writer.add_expert_feed_forward_length(width)
    if head_dim := getattr(config, "head_dim", None):
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    if hasattr(config, "embedding_multiplier"):
        writer.add_embedding_scale(config.embedding_multiplier)
        writer.add_residual_scale(config.residual_multiplier)
        writer.add_attention_scale(config.attention_multiplier)
        writer.add_logit_scale(config.logits_scaling)
    if shared := getattr(config, "shared_intermediate_size", 0):
        writer.add_expert_shared_feed_forward_length(shared)
    if mixers:
        writer.add_shortconv_l_cache(config.conv_L_cache)
        writer.add_leading_dense_block_count(config.num_dense_layers)
        writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
