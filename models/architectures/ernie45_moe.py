"""ERNIE 4.5 MoE (the language models): dense layers first, then experts chosen with a bias, beside shared ones.

Its attention turns adjacent pairs, as is done here. Weights are divided by their sum, of which ``moe_norm_min`` is the
least: 1e-12 in releases, which scores of a softmax over the experts add up to more than.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mmoe.models.architectures.config import COMMON_KEYS
from mmoe.models.architectures.config_reader import ConfigReader
from mmoe.models.architectures.description import (
    ExpertBlock,
    GatedBlock,
    LayerDescription,
    Pairing,
    QkNorm,
    Routing,
    Score,
)
from mmoe.models.architectures.routed_family import MLP_NAMES, RoutedConfig, expert_width, read_routed
from mmoe.models.architectures.tensor_names import StoredForm, TensorNames, named
from mmoe.quant.int4_format import GROUP_SIZE

# A sum of scores below it would need every expert that is taken to be less likely than one in a million.
_LARGEST_NORM_MIN = 1e-6


@dataclass(frozen=True, kw_only=True)
class Ernie45MoEConfig(RoutedConfig):
    """Fields are named as the keys of `config.json`; ``intermediate_size`` is the width of the dense layers."""

    ARCHITECTURE: ClassVar[str] = "Ernie4_5_MoeForCausalLM"
    KEYS: ClassVar[tuple[str | tuple[str, ...], ...]] = (
        *COMMON_KEYS,
        "rope_theta",
        "intermediate_size",
        "moe_intermediate_size",
        "moe_num_shared_experts",
        "moe_layer_start_index",
    )
    TENSOR_NAMES: ClassVar[TensorNames] = {
        **MLP_NAMES,
        "feed_forward.expert_bias": (
            StoredForm(names=("mlp.moe_statics.e_score_correction_bias",), as_row=True),
            StoredForm(names=("mlp.gate.moe_statics.e_score_correction_bias",), as_row=True),
        ),
        **{
            f"feed_forward.shared_expert.{name}_proj.weight": named(f"mlp.shared_experts.{name}_proj.weight")
            for name in ("gate", "up", "down")
        },
    }

    intermediate_size: int
    moe_intermediate_size: int
    moe_num_shared_experts: int
    moe_layer_start_index: int
    moe_layer_end_index: int
    moe_layer_interval: int

    def is_moe_layer(self, index: int) -> bool:
        """Whether layer ``index`` has experts; an end of -1 is the last layer."""
        last = self.moe_layer_end_index if self.moe_layer_end_index >= 0 else self.num_hidden_layers - 1
        return self.moe_layer_start_index <= index <= last and (index + 1) % self.moe_layer_interval == 0

    def layer(self, index: int) -> LayerDescription:
        """See `DecoderConfig.layer`."""
        routing = Routing(
            top_k=self.num_experts_per_tok,
            norm_topk_prob=True,
            score=Score.SOFTMAX,
            selection_bias=True,
            sum_eps=0.0,
        )
        width = self.moe_num_shared_experts * self.moe_intermediate_size
        experts = ExpertBlock(
            num_experts=self.num_experts,
            width=self.moe_intermediate_size,
            routing=routing,
            shared=GatedBlock(width=width) if width else None,
        )
        return LayerDescription(
            mixer=self.attention(QkNorm.NONE, pairing=Pairing.ADJACENT),
            feed_forward=experts if self.is_moe_layer(index) else GatedBlock(width=self.intermediate_size),
        )

    @classmethod
    def read(cls, reader: ConfigReader) -> Ernie45MoEConfig:
        """See `DecoderConfig.read`; its biases, which no released model has, are also in the blocks and the head."""
        if not reader.is_null("use_bias"):
            reader.fixed("use_bias", False)
        least = "moe_norm_min"
        if not reader.is_null(least) and reader.number(least, minimum=0) > _LARGEST_NORM_MIN:
            reader.refuse(
                least, f"at most {_LARGEST_NORM_MIN}, as releases have it; no sum of weights is clamped here"
            )
        end, interval = "moe_layer_end_index", "moe_layer_interval"
        return cls(
            **read_routed(cls, reader, experts="moe_num_experts", top_k="moe_k", tied=True),
            intermediate_size=reader.integer("intermediate_size", multiple_of=GROUP_SIZE),
            moe_intermediate_size=expert_width(reader, "moe_intermediate_size"),
            moe_num_shared_experts=reader.integer("moe_num_shared_experts", minimum=0),
            moe_layer_start_index=reader.integer("moe_layer_start_index", minimum=0),
            moe_layer_end_index=-1 if reader.is_null(end) else reader.integer(end, minimum=-1),
            moe_layer_interval=1 if reader.is_null(interval) else reader.integer(interval),
        )
