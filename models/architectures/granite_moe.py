"""GraniteMoE 3.0 and 3.1, and GraniteMoeShared, which adds an expert that every token takes.

Constants scale the embedding, the residual stream, the attention's dot products and the logits (a power scheduler's
maximal update parametrisation), and the router's softmax runs over the selected experts only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mmoe.models.architectures.config_reader import ConfigReader
from mmoe.models.architectures.description import (
    ExpertBlock,
    GatedBlock,
    LayerDescription,
    Multipliers,
    QkNorm,
    Routing,
    Score,
)
from mmoe.models.architectures.routed_family import FAMILY_KEYS, RoutedConfig, expert_width, read_routed
from mmoe.models.architectures.tensor_names import StoredForm, TensorNames, half, named, stacked
from mmoe.quant.int4_format import GROUP_SIZE

_MULTIPLIERS = ("embedding_multiplier", "residual_multiplier", "attention_multiplier", "logits_scaling")


@dataclass(frozen=True, kw_only=True)
class GraniteMoEConfig(RoutedConfig):
    """Fields are named as the keys of `config.json`; ``intermediate_size`` is the width of one expert."""

    ARCHITECTURE: ClassVar[str] = "GraniteMoeForCausalLM"
    KEYS: ClassVar[tuple[str | tuple[str, ...], ...]] = (*FAMILY_KEYS, "intermediate_size", *_MULTIPLIERS)
    TENSOR_NAMES: ClassVar[TensorNames] = {
        "feed_forward.router.weight": (
            StoredForm(names=("block_sparse_moe.router.layer.weight",)),
            StoredForm(names=("block_sparse_moe.router.weight",)),
        ),
        "feed_forward.experts.gate_up_proj": (
            stacked("block_sparse_moe.input_linear.weight", out_first=True),
            stacked("block_sparse_moe.experts.gate_up_proj", out_first=True),
        ),
        "feed_forward.experts.down_proj": (
            stacked("block_sparse_moe.output_linear.weight", out_first=True),
            stacked("block_sparse_moe.experts.down_proj", out_first=True),
        ),
        "feed_forward.shared_expert.gate_proj.weight": (half(0, "shared_mlp.input_linear.weight"),),
        "feed_forward.shared_expert.up_proj.weight": (half(1, "shared_mlp.input_linear.weight"),),
        "feed_forward.shared_expert.down_proj.weight": named("shared_mlp.output_linear.weight"),
    }

    intermediate_size: int
    embedding_multiplier: float
    residual_multiplier: float
    attention_multiplier: float
    logits_scaling: float
    shared_intermediate_size: int = 0

    @property
    def multipliers(self) -> Multipliers:
        """See `DecoderConfig.multipliers`."""
        return Multipliers(
            embedding=self.embedding_multiplier,
            residual=self.residual_multiplier,
            logits=1 / self.logits_scaling,
        )

    def layer(self, index: int) -> LayerDescription:
        """See `DecoderConfig.layer`; all layers are alike."""
        routing = Routing(
            top_k=self.num_experts_per_tok,
            norm_topk_prob=True,
            score=Score.SOFTMAX_OF_SELECTED,
            selection_bias=False,
            sum_eps=0.0,
        )
        width = self.shared_intermediate_size
        return LayerDescription(
            mixer=self.attention(QkNorm.NONE, scale=self.attention_multiplier),
            feed_forward=ExpertBlock(
                num_experts=self.num_experts,
                width=self.intermediate_size,
                routing=routing,
                shared=GatedBlock(width=width) if width else None,
            ),
        )

    @classmethod
    def read(cls, reader: ConfigReader) -> GraniteMoEConfig:
        """See `DecoderConfig.read`."""
        return cls(
            **read_routed(cls, reader, experts="num_local_experts"),
            embedding_multiplier=reader.number("embedding_multiplier"),
            residual_multiplier=reader.number("residual_multiplier"),
            attention_multiplier=reader.number("attention_multiplier"),
            logits_scaling=reader.number("logits_scaling"),
            intermediate_size=expert_width(reader, "intermediate_size"),
            shared_intermediate_size=cls._shared_width(reader),
        )

    @classmethod
    def _shared_width(cls, reader: ConfigReader) -> int:
        return 0


@dataclass(frozen=True, kw_only=True)
class GraniteMoESharedConfig(GraniteMoEConfig):
    """As `GraniteMoEConfig`; a ``shared_intermediate_size`` of 0 means that nothing is shared."""

    ARCHITECTURE: ClassVar[str] = "GraniteMoeSharedForCausalLM"
    KEYS: ClassVar[tuple[str | tuple[str, ...], ...]] = (*GraniteMoEConfig.KEYS, "shared_intermediate_size")

    @classmethod
    def _shared_width(cls, reader: ConfigReader) -> int:
        return reader.integer("shared_intermediate_size", minimum=0, multiple_of=GROUP_SIZE)
