"""MobileMoE (arXiv 2605.27358): routed experts beside a shared one in every layer, or in every n-th."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mmoe.models.architectures.config_reader import ConfigReader
from mmoe.models.architectures.description import ExpertBlock, GatedBlock, LayerDescription, Routing
from mmoe.models.architectures.mobile_family import MOBILE_KEYS, MobileConfig, read_mobile
from mmoe.models.architectures.quantization_config import QuantizationConfig
from mmoe.quant.int4_format import GROUP_SIZE


@dataclass(frozen=True, kw_only=True)
class MobileMoEConfig(MobileConfig):
    """Fields are named as the keys of `config.json`.

    ``intermediate_size`` is the width of one routed expert, ``intermediate_size_mlp`` that of the shared
    expert and of the dense layers.
    """

    ARCHITECTURE: ClassVar[str] = "MobileMoEForCausalLM"
    PACKED: ClassVar[QuantizationConfig] = QuantizationConfig(
        format="mobilemoe-int4-g32", expert_group_axis="out (last dim of [E, in, out])"
    )
    KEYS: ClassVar[tuple[str | tuple[str, ...], ...]] = (
        *MOBILE_KEYS,
        "model_type",
        "intermediate_size",
        "intermediate_size_mlp",
        "num_local_experts",
        "num_experts_per_tok",
        "interleave_moe_layer_step",
        "attn_temperature_tuning",
        "norm_topk_prob",
        "routed_scaling_factor",
    )

    intermediate_size: int
    intermediate_size_mlp: int
    num_local_experts: int
    num_experts_per_tok: int
    interleave_moe_layer_step: int
    norm_topk_prob: bool
    routed_scaling_factor: float

    def is_moe_layer(self, layer: int) -> bool:
        """Whether layer ``layer`` (from 0) has routed experts; the others are dense SwiGLU layers."""
        return (layer + 1) % self.interleave_moe_layer_step == 0

    def layer(self, index: int) -> LayerDescription:
        """See `DecoderConfig.layer`."""
        dense = GatedBlock(width=self.intermediate_size_mlp)
        experts = ExpertBlock(
            num_experts=self.num_local_experts,
            width=self.intermediate_size,
            routing=Routing(
                top_k=self.num_experts_per_tok,
                norm_topk_prob=self.norm_topk_prob,
                routed_scaling_factor=self.routed_scaling_factor,
            ),
            shared=dense,
        )
        return LayerDescription(
            mixer=self.attention(index),
            feed_forward=experts if self.is_moe_layer(index) else dense,
        )

    @classmethod
    def read(cls, reader: ConfigReader) -> MobileMoEConfig:
        """See `DecoderConfig.read`."""
        if not reader.is_null("model_type"):
            reader.fixed("model_type", "mobilemoe")
        reader.require_keys(cls.KEYS)
        reader.fixed("attn_temperature_tuning", False)
        common = read_mobile(cls, reader)
        experts = reader.integer("num_local_experts")
        top_k = reader.integer("num_experts_per_tok")
        if top_k > experts:
            reader.refuse("num_experts_per_tok", f"at most num_local_experts = {experts}")
        layers = common["num_hidden_layers"]
        if (
            not reader.is_null("layer_types")
            and reader.strings("layer_types") != ("full_attention",) * layers
        ):
            reader.refuse("layer_types", f'a list of {layers} times "full_attention"')
        return cls(
            **common,
            intermediate_size=reader.integer("intermediate_size", multiple_of=GROUP_SIZE // 2),
            intermediate_size_mlp=reader.integer("intermediate_size_mlp", multiple_of=GROUP_SIZE),
            num_local_experts=experts,
            num_experts_per_tok=top_k,
            interleave_moe_layer_step=reader.integer("interleave_moe_layer_step"),
            norm_topk_prob=reader.boolean("norm_topk_prob"),
            routed_scaling_factor=reader.number("routed_scaling_factor"),
        )
