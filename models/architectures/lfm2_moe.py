"""LFM2-MoE (arXiv 2511.23404): short convolutions in most layers, attention in some, the first layers' blocks dense."""

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
    ShortConv,
)
from mmoe.models.architectures.routed_family import FAMILY_KEYS, RoutedConfig, expert_width, read_routed
from mmoe.models.architectures.tensor_names import TensorNames, named, one_per_expert, stacked
from mmoe.quant.int4_format import GROUP_SIZE

_CONVOLUTION = {
    f"short_conv.{name}.{part}": named(f"conv.{name}.{part}")
    for name in ("in_proj", "out_proj", "conv")
    for part in ("weight", "bias")
}
_DENSE = {
    f"feed_forward.{ours}_proj.weight": named(f"feed_forward.{theirs}.weight")
    for ours, theirs in (("gate", "w1"), ("up", "w3"), ("down", "w2"))
}


@dataclass(frozen=True, kw_only=True)
class LFM2MoEConfig(RoutedConfig):
    """Fields are named as the keys of `config.json`; ``intermediate_size`` is the width of the dense blocks."""

    ARCHITECTURE: ClassVar[str] = "Lfm2MoeForCausalLM"
    KEYS: ClassVar[tuple[str | tuple[str, ...], ...]] = (
        *FAMILY_KEYS,
        "intermediate_size",
        "moe_intermediate_size",
        "num_dense_layers",
        "layer_types",
        "conv_L_cache",
        "conv_bias",
        "norm_topk_prob",
        "use_expert_bias",
        "routed_scaling_factor",
    )
    TENSOR_NAMES: ClassVar[TensorNames] = {
        "norm.weight": named("embedding_norm.weight"),
        "input_layernorm.weight": named("operator_norm.weight"),
        "post_attention_layernorm.weight": named("ffn_norm.weight"),
        "self_attn.o_proj.weight": named("self_attn.out_proj.weight"),
        "self_attn.q_norm.weight": named("self_attn.q_layernorm.weight"),
        "self_attn.k_norm.weight": named("self_attn.k_layernorm.weight"),
        "feed_forward.router.weight": named("feed_forward.gate.weight"),
        "feed_forward.experts.gate_up_proj": (
            one_per_expert("feed_forward.experts.{e}.w1.weight", "feed_forward.experts.{e}.w3.weight"),
            stacked("feed_forward.experts.gate_up_proj", out_first=True),
        ),
        "feed_forward.experts.down_proj": (
            one_per_expert("feed_forward.experts.{e}.w2.weight"),
            stacked("feed_forward.experts.down_proj", out_first=True),
        ),
        **_CONVOLUTION,
        **_DENSE,
    }

    intermediate_size: int
    moe_intermediate_size: int
    num_dense_layers: int
    layer_types: tuple[str, ...]
    conv_L_cache: int
    conv_bias: bool
    norm_topk_prob: bool
    use_expert_bias: bool
    routed_scaling_factor: float

    def layer(self, index: int) -> LayerDescription:
        """See `DecoderConfig.layer`."""
        routing = Routing(
            top_k=self.num_experts_per_tok,
            norm_topk_prob=self.norm_topk_prob,
            routed_scaling_factor=self.routed_scaling_factor,
            selection_bias=self.use_expert_bias,
            sum_eps=1e-6,
        )
        experts = ExpertBlock(num_experts=self.num_experts, width=self.moe_intermediate_size, routing=routing)
        convolves = self.layer_types[index] == "conv"
        return LayerDescription(
            mixer=ShortConv(taps=self.conv_L_cache, bias=self.conv_bias)
            if convolves
            else self.attention(QkNorm.PER_HEAD),
            feed_forward=GatedBlock(width=self.intermediate_size)
            if index < self.num_dense_layers
            else experts,
        )

    @classmethod
    def read(cls, reader: ConfigReader) -> LFM2MoEConfig:
        """See `DecoderConfig.read`; released configs say `tie_embedding`."""
        fields = read_routed(cls, reader, experts="num_experts", norm_eps="norm_eps", tied=True)
        if not reader.is_null("tie_embedding"):
            fields["tie_word_embeddings"] = reader.boolean("tie_embedding")
        types, layers = reader.strings("layer_types"), fields["num_hidden_layers"]
        if len(types) != layers or not {"conv", "full_attention"}.issuperset(types):
            reader.refuse("layer_types", f'a list of {layers}, each "conv" or "full_attention"')
        return cls(
            **fields,
            intermediate_size=reader.integer("intermediate_size", multiple_of=GROUP_SIZE),
            moe_intermediate_size=expert_width(reader, "moe_intermediate_size"),
            num_dense_layers=reader.integer("num_dense_layers", minimum=0),
            layer_types=types,
            conv_L_cache=reader.integer("conv_L_cache", minimum=2),
            conv_bias=reader.boolean("conv_bias"),
            norm_topk_prob=reader.boolean("norm_topk_prob"),
            use_expert_bias=reader.boolean("use_expert_bias"),
            routed_scaling_factor=reader.number("routed_scaling_factor"),
        )
