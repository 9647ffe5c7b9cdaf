"""How many multiply-adds a prefill needs: with a machine's int8 peak, the lower bound of its time."""

from __future__ import annotations

import math

from mmoe.checkpoints.inventory import TensorClass, matrices, tensor_class
from mmoe.models.architectures.config import DecoderConfig

# What every token goes through in the last layer as well.
_BEFORE_ATTENTION = (".self_attn.q_proj.", ".self_attn.k_proj.", ".self_attn.v_proj.")


def prefill_multiply_adds(config: DecoderConfig, tokens: int, *, max_seq_len: int) -> int:
    """Multiply-adds with int8 operands of a prompt at position 0.

    Linears, shared and routed experts, and attention's two products with the keys that a token sees. Behind the last
    layer's attention, and in the head, only the last token of a call counts. The routers, which are float32, do not.

    Args:
        config: The model's.
        tokens: T, of the prompt.
        max_seq_len: Most tokens of one call.
    """
    every, last = 0, config.vocab_size * config.hidden_size  # of every token, and of a call's last one
    for matrix in matrices(config):
        kind = tensor_class(matrix.weight)
        if kind is TensorClass.EMBEDDING:
            continue
        active = config.active_experts if kind is TensorClass.EXPERTS else 1
        count = int(math.prod(matrix.shape) * active)
        behind = f".layers.{config.num_hidden_layers - 1}." in matrix.weight
        if behind and not any(name in matrix.weight for name in _BEFORE_ATTENTION):
            last += count
        else:
            every += count
    calls = -(-tokens // max_seq_len)
    width = config.num_attention_heads * config.head_dim
    seen = sum(_seen(tokens, layer.window) for layer in config.layers)
    return tokens * every + calls * last + 2 * width * seen


def _seen(tokens: int, window: int | None) -> int:
    """Keys that a prompt's tokens see, each its own included, all together."""
    full = tokens if window is None else min(tokens, window)
    return full * (full + 1) // 2 + (tokens - full) * full
