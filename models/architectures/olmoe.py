"""OLMoE (arXiv 2409.02060): 64 small experts in every layer, none shared, and QK-norm over whole projections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mmoe.models.architectures.config_reader import ConfigReader
from mmoe.models.architectures.description import ExpertBlock, LayerDescription, QkNorm, Routing, Score
from mmoe.models.architectures.routed_family import (
    FAMILY_KEYS,
    MLP_NAMES,
    RoutedConfig,
    expert_width,
    read_routed,
)
from mmoe.models.architectures.tensor_names import TensorNames


@dataclass(frozen=True, kw_only=True)
class OlmoeConfig(RoutedConfig):
    """Fields are named as the keys of `config.json`; ``intermediate_size`` is the width of one expert."""

    ARCHITECTURE: ClassVar[str] = "OlmoeForCausalLM"
    KEYS: ClassVar[tuple[str | tuple[str, ...], ...]] = (*FAMILY_KEYS, "intermediate_size", "norm_topk_prob")
    TENSOR_NAMES: ClassVar[TensorNames] = MLP_NAMES

    intermediate_size: int
    norm_topk_prob: bool

    def layer(self, index: int) -> LayerDescription:
        """See `DecoderConfig.layer`; all layers are alike."""
        routing = Routing(
            top_k=self.num_experts_per_tok,
            norm_topk_prob=self.norm_topk_prob,
            score=Score.SOFTMAX,
            selection_bias=False,
            sum_eps=0.0,
        )
        return LayerDescription(
            mixer=self.attention(QkNorm.WHOLE),
            feed_forward=ExpertBlock(
                num_experts=self.num_experts, width=self.intermediate_size, routing=routing
            ),
        )

    @classmethod
    def read(cls, reader: ConfigReader) -> OlmoeConfig:
        """See `DecoderConfig.read`."""
        return cls(
            **read_routed(cls, reader, experts="num_experts"),
            intermediate_size=expert_width(reader, "intermediate_size"),
            norm_topk_prob=reader.boolean("norm_topk_prob"),
        )
