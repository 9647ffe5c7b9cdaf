"""The families and their configs at the size of a stand-in: what the released ones say, at a sixteenth of the width."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
import transformers
from torch import Tensor, nn

_COMMON: dict[str, Any] = {
    "hidden_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "initializer_range": 0.05,
    "pad_token_id": None,  # a family's default would be a row of the table that is never trained
    "use_cache": False,
}


@dataclass(frozen=True, kw_only=True)
class StandIn:
    """One family's model.

    Attributes:
        family: As in the name of its class, ``OlmoeForCausalLM``.
        group_size: Inputs of a matrix that share a scale.
        options: What its config says beside what all have in common.
    """

    family: str
    group_size: int
    options: dict[str, Any] = field(default_factory=dict)

    def build(self, *, vocab_size: int, bos_id: int, eos_ids: list[int], seed: int) -> nn.Module:
        """An untrained model, as `transformers` initialises it."""
        config = getattr(transformers, f"{self.family}Config")(
            **_COMMON
            | {"vocab_size": vocab_size, "bos_token_id": bos_id, "eos_token_id": eos_ids}
            | self.options
        )
        torch.manual_seed(seed)
        model: nn.Module = getattr(transformers, f"{self.family}ForCausalLM")(config)
        return model.float()


@torch.no_grad()
def begin_with_table(model: nn.Module, table: Tensor) -> None:
    """Puts a trained table's principal directions in the place of a model's table and head.

    Which tokens are alike is what takes a small model longest to learn.

    Args:
        model: Untrained.
        table: Of the same tokens, float32 ``[V, N]``, N at least the model's width.
    """
    width = model.config.hidden_size
    directions = torch.linalg.svd(table, full_matrices=False).Vh[:width]
    narrow = table @ directions.T
    narrow *= model.config.initializer_range / narrow.std()
    for module in (model.get_input_embeddings(), model.get_output_embeddings()):
        module.weight.copy_(narrow)


STAND_INS: dict[str, StandIn] = {
    "olmoe": StandIn(
        family="Olmoe",
        group_size=32,
        options={
            "intermediate_size": 64,
            "num_key_value_heads": 4,
            "num_experts": 16,
            "num_experts_per_tok": 4,
            "norm_topk_prob": False,
            "tie_word_embeddings": False,
        },
    ),
    "qwen3_moe": StandIn(
        family="Qwen3Moe",
        group_size=64,
        options={
            "intermediate_size": 192,
            "moe_intermediate_size": 64,
            "head_dim": 64,  # queries wider than the model, as in the released ones
            "num_experts": 16,
            "num_experts_per_tok": 4,
            "norm_topk_prob": True,
            "tie_word_embeddings": False,
        },
    ),
    "granitemoeshared": StandIn(
        family="GraniteMoeShared",
        group_size=128,
        options={
            "intermediate_size": 128,
            "num_local_experts": 8,
            "num_experts_per_tok": 2,
            "shared_intermediate_size": 128,
            "embedding_multiplier": 12.0,
            "residual_multiplier": 0.22,
            "attention_multiplier": 1 / 32,
            "logits_scaling": 6.0,
            "tie_word_embeddings": True,
        },
    ),
    "lfm2_moe": StandIn(
        family="Lfm2Moe",
        group_size=32,
        options={
            "num_hidden_layers": 5,
            "layer_types": ["conv", "conv", "full_attention", "conv", "full_attention"],
            "num_dense_layers": 1,
            "intermediate_size": 256,
            "moe_intermediate_size": 64,
            "num_experts": 16,
            "num_experts_per_tok": 4,
            "norm_topk_prob": True,
            "use_expert_bias": True,
            "tie_word_embeddings": True,
        },
    ),
}
"""By the name of the family's folder."""
