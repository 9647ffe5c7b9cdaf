"""Qwen3-MoE (arXiv 2505.09388): 128 experts, none shared, dense layers between them if asked for, QK-norm per head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mmoe.models.architectures.config_reader import ConfigReader
from mmoe.models.architectures.description import (
    ExpertBlock,
    GatedBlock,
    LayerDescription,
    QkNorm,
    Routing,
    Score,
)
from mmoe.models.architectures.routed_family import (
    FAMILY_KEYS,
    MLP_NAMES,
    RoutedConfig,
    expert_width,
    read_routed,
)
from mmoe.models.architectures.tensor_names import TensorNames
from mmoe.quant.int4_format import GROUP_SIZE


@dataclass(frozen=True, kw_only=True)
class Qwen3MoEConfig(RoutedConfig):
    """Fields are named as the keys of `config.json`.

    Layers in ``mlp_only_layers`` are dense, ``intermediate_size`` wide, and so are those that are not the last of
    ``decoder_sparse_step``.
    """

    ARCHITECTURE: ClassVar[str] = "Qwen3MoeForCausalLM"
    KEYS: ClassVar[tuple[str | tuple[str, ...], ...]] = (
        *FAMILY_KEYS,
        "intermediate_size",
        "moe_intermediate_size",
        "norm_topk_prob",
    )
    TENSOR_NAMES: ClassVar[TensorNames] = MLP_NAMES

    intermediate_size: int
    moe_intermediate_size: int
    norm_topk_prob: bool
    decoder_sparse_step: int
    mlp_only_layers: tuple[int, ...]
    sliding_window: int | None

    def is_moe_layer(self, index: int) -> bool:
        """Whether layer ``index`` has experts."""
        return index not in self.mlp_only_layers and (index + 1) % self.decoder_sparse_step == 0

    def layer(self, index: int) -> LayerDescription:
        """See `DecoderConfig.layer`."""
        routing = Routing(
            top_k=self.num_experts_per_tok,
            norm_topk_prob=self.norm_topk_prob,
            score=Score.SOFTMAX,
            selection_bias=False,
            sum_eps=0.0,
        )
        experts = ExpertBlock(num_experts=self.num_experts, width=self.moe_intermediate_size, routing=routing)
        return LayerDescription(
            mixer=self.attention(QkNorm.PER_HEAD, window=self.sliding_window),
            feed_forward=experts if self.is_moe_layer(index) else GatedBlock(width=self.intermediate_size),
        )

    @classmethod
    def read(cls, reader: ConfigReader) -> Qwen3MoEConfig:
        """See `DecoderConfig.read`; transformers 5 writes `num_local_experts`."""
        experts = "num_local_experts" if reader.is_null("num_experts") else "num_experts"
        windowed = not reader.is_null("use_sliding_window") and reader.boolean("use_sliding_window")
        step = "decoder_sparse_step"
        return cls(
            **read_routed(cls, reader, experts=experts),
            intermediate_size=reader.integer("intermediate_size", multiple_of=GROUP_SIZE),
            moe_intermediate_size=expert_width(reader, "moe_intermediate_size"),
            norm_topk_prob=reader.boolean("norm_topk_prob"),
            decoder_sparse_step=1 if reader.is_null(step) else reader.integer(step),
            mlp_only_layers=()
            if reader.is_null("mlp_only_layers")
            else reader.layer_indices("mlp_only_layers", layers=reader.integer("num_hidden_layers")),
            sliding_window=reader.integer("sliding_window") if windowed else None,
        )
