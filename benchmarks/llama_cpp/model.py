"""Writes a GGUF with the shapes of a MobileMoE: architecture `glm4moe`, random Q4_0 weights.

`glm4moe` is the architecture of llama.cpp that comes closest: sigmoid router with a selection bias, top-k weights
normalised and scaled, shared expert beside the routed ones, grouped-query attention with QK-norm. What differs:

- Q4_0 has one float16 scale per 32 inputs everywhere, also in the experts: as many bytes, another grouping.
- QK-norm has weights and stands before RoPE; RoPE rotates halves without the llama3 frequencies: the same work.
- The shared expert's width is a multiple of an expert's: 4 x 384 = 1536 for S, 4 x 512 for M, 4 x 640 for L: equal.
- The KV cache is float16 (llama-bench's default).
- llama-bench runs random token ids and picks no next token.
"""

import importlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mmoe.models.architectures.mobilemoe import MobileMoEConfig

_BLOCK, _BLOCK_BYTES = 32, 18
_INT4_STD = 4.61  # of uniform values 0..15


def write_gguf(path: Path, config: MobileMoEConfig, *, seed: int = 0) -> None:
    """Writes the model, tensor by tensor.

    Args:
        path: The file; it is replaced.
        config: The MobileMoE to stand in for; all its layers must be MoE layers.
        seed: Of the random weights.
    """
    gguf = importlib.import_module("gguf")  # fetched at run time

    if config.intermediate_size_mlp % config.intermediate_size:
        raise ValueError("the shared expert's width must be a multiple of an expert's")
    writer = gguf.GGUFWriter(path, "glm4moe")
    writer.add_name("synthetic, shapes of MobileMoE")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size_mlp)
    writer.add_expert_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_expert_count(config.num_local_experts)
    writer.add_expert_used_count(config.num_experts_per_tok)
    writer.add_expert_shared_count(config.intermediate_size_mlp // config.intermediate_size)
    writer.add_expert_weights_scale(config.routed_scaling_factor)
    writer.add_expert_weights_norm(config.norm_topk_prob)
    writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    writer.add_leading_dense_block_count(0)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("none")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    write_random_tensors(writer, dict(gguf_tensors(config)), seed)


def write_random_tensors(writer: Any, shapes: Mapping[str, tuple[tuple[int, ...], bool]], seed: int) -> None:
    """Writes a file whose metadata the writer has, tensor by tensor, and closes it.

    Args:
        writer: Of the `gguf` package.
        shapes: By name, shape ``[..., inputs]`` and whether it is Q4_0; the others are float32.
        seed: Of the random weights.
    """
    gguf = importlib.import_module("gguf")  # fetched at run time

    for name, (shape, quantized) in shapes.items():
        if quantized:
            packed = (*shape[:-1], shape[-1] // _BLOCK * _BLOCK_BYTES)
            writer.add_tensor_info(
                name, packed, np.dtype(np.uint8), math.prod(packed), gguf.GGMLQuantizationType.Q4_0
            )
        else:
            writer.add_tensor_info(name, shape, np.dtype(np.float32), math.prod(shape) * 4)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    rng = np.random.default_rng(seed)
    for name, (shape, quantized) in shapes.items():
        writer.write_tensor_data(random_blocks(shape, rng) if quantized else _plain(name, shape, rng))
    writer.close()


def gguf_tensors(config: MobileMoEConfig) -> Iterator[tuple[str, tuple[tuple[int, ...], bool]]]:
    """Name, shape ``[..., inputs]`` and whether it is quantised, in the order of the file."""
    hidden, experts, width = config.hidden_size, config.num_local_experts, config.intermediate_size
    shared = config.intermediate_size_mlp
    query, key = (
        heads * config.head_dim for heads in (config.num_attention_heads, config.num_key_value_heads)
    )
    yield "token_embd.weight", ((config.vocab_size, hidden), True)  # also the head
    yield "output_norm.weight", ((hidden,), False)
    for layer in range(config.num_hidden_layers):
        block = f"blk.{layer}."
        yield f"{block}attn_norm.weight", ((hidden,), False)
        yield f"{block}attn_q.weight", ((query, hidden), True)
        yield f"{block}attn_k.weight", ((key, hidden), True)
        yield f"{block}attn_v.weight", ((key, hidden), True)
        yield f"{block}attn_output.weight", ((hidden, query), True)
        yield f"{block}attn_q_norm.weight", ((config.head_dim,), False)
        yield f"{block}attn_k_norm.weight", ((config.head_dim,), False)
        yield f"{block}post_attention_norm.weight", ((hidden,), False)
        yield f"{block}ffn_gate_inp.weight", ((experts, hidden), False)
        yield f"{block}exp_probs_b.bias", ((experts,), False)
        yield f"{block}ffn_gate_exps.weight", ((experts, width, hidden), True)
        yield f"{block}ffn_up_exps.weight", ((experts, width, hidden), True)
        yield f"{block}ffn_down_exps.weight", ((experts, hidden, width), True)
        yield f"{block}ffn_gate_shexp.weight", ((shared, hidden), True)
        yield f"{block}ffn_up_shexp.weight", ((shared, hidden), True)
        yield f"{block}ffn_down_shexp.weight", ((hidden, shared), True)


def random_blocks(shape: tuple[int, ...], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Q4_0: blocks of a float16 scale and 32 nibbles, of the size that keeps outputs near one."""
    count = math.prod(shape) // _BLOCK
    blocks = rng.integers(0, 256, size=(count, _BLOCK_BYTES), dtype=np.uint8)
    scales = rng.uniform(0.8, 1.2, size=(count, 1)) / (_INT4_STD * math.sqrt(shape[-1]))
    blocks[:, :2] = scales.astype("<f2").view(np.uint8)
    return blocks.reshape(*shape[:-1], -1)


def _plain(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    if name.endswith("norm.weight"):
        return np.ones(shape, np.float32)
    spread = 0.02 if name.endswith(".bias") else shape[-1] ** -0.5
    return rng.normal(0.0, spread, shape).astype(np.float32)
