"""What the routed families of `transformers` share: RoPE of halves, gated experts, and keys that are refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from mmoe.models.architectures.config import COMMON_KEYS, DecoderConfig, read_common
from mmoe.models.architectures.config_reader import ConfigReader
from mmoe.models.architectures.description import Attention, Pairing, QkNorm, Rope
from mmoe.models.architectures.quantization_config import QuantizationConfig
from mmoe.models.architectures.tensor_names import TensorNames, named, one_per_expert, stacked
from mmoe.quant.int4_format import GROUP_SIZE

FAMILY_KEYS: tuple[str | tuple[str, ...], ...] = (*COMMON_KEYS, "rope_theta", "num_experts_per_tok")

# What changes the forward pass and is computed nowhere here, whichever family's config says it.
_UNSUPPORTED = {
    "clip_qkv": "clamped projections",
    "kv_lora_rank": "latent attention",
    "q_lora_rank": "latent attention",
    "n_group": "routing by groups of experts",
    "topk_group": "routing by groups of experts",
    "attention_sinks": "an attention sink",
    "add_full_attention_sink_bias": "an attention sink",
    "add_swa_attention_sink_bias": "an attention sink",
    "attn_output_gate": "gated attention",
    "use_gated_attention": "gated attention",
    "swiglu_limit": "clamped SwiGLU",
    "swiglu_limits": "clamped SwiGLU",
    "mamba_d_state": "Mamba layers",
    "mamba_n_heads": "Mamba layers",
    "mamba_num_heads": "Mamba layers",
    "ssm_state_size": "Mamba layers",
}
# Said by configs that do without; one group of experts is all of them.
_WITHOUT: tuple[object, ...] = (False, 0, [])
_ONE_GROUP = ("n_group", "topk_group")

MLP_NAMES: TensorNames = {
    "feed_forward.router.weight": named("mlp.gate.weight"),
    "feed_forward.experts.gate_up_proj": (
        one_per_expert("mlp.experts.{e}.gate_proj.weight", "mlp.experts.{e}.up_proj.weight"),
        stacked("mlp.experts.gate_up_proj", out_first=True),
    ),
    "feed_forward.experts.down_proj": (
        one_per_expert("mlp.experts.{e}.down_proj.weight"),
        stacked("mlp.experts.down_proj", out_first=True),
    ),
    "feed_forward.gate_proj.weight": named("mlp.gate_proj.weight"),
    "feed_forward.up_proj.weight": named("mlp.up_proj.weight"),
    "feed_forward.down_proj.weight": named("mlp.down_proj.weight"),
}
"""Blocks named `mlp`, their experts one by one or, since transformers 5, stacked."""


@dataclass(frozen=True, kw_only=True)
class RoutedConfig(DecoderConfig):
    """A decoder whose blocks route every token to ``num_experts_per_tok`` experts."""

    PACKED: ClassVar[QuantizationConfig] = QuantizationConfig(
        format="mmoe-int4-g32", expert_group_axis="out (last dim of [E, in, out])"
    )

    num_experts: int
    num_experts_per_tok: int
    attention_bias: bool

    def attention(
        self,
        qk_norm: QkNorm,
        *,
        window: int | None = None,
        scale: float | None = None,
        pairing: Pairing = Pairing.HALVES,
    ) -> Attention:
        """The mixer of a layer."""
        rope = Rope(theta=self.rope_theta, scaling=self.rope_scaling, pairing=pairing)
        return Attention(rope=rope, qk_norm=qk_norm, window=window, scale=scale, bias=self.attention_bias)


def read_routed(
    kind: type[RoutedConfig],
    reader: ConfigReader,
    *,
    experts: str,
    top_k: str = "num_experts_per_tok",
    norm_eps: str = "rms_norm_eps",
    tied: bool = False,
) -> dict[str, Any]:
    """Validates what these families share.

    Args:
        kind: The family.
        reader: The file.
        experts: What the family calls the number of experts.
        top_k: The same of those that a token is sent to.
        norm_eps: See `read_common`.
        tied: See `read_common`.

    Returns:
        The fields of `RoutedConfig` by name.

    Raises:
        ConfigError: on the first key that is of the wrong kind or unsupported.
    """
    reader.require_keys((*kind.KEYS, experts, top_k, norm_eps))
    for key, word in _UNSUPPORTED.items():
        if not reader.says(key, None, *_WITHOUT, *((1,) if key in _ONE_GROUP else ())):
            reader.refuse(key, f"null; it asks for {word}, which is not computed here")
    alike = "layer_types" not in kind.KEYS
    if alike and not reader.is_null("layer_types") and {"full_attention"} != {*reader.strings("layer_types")}:
        reader.refuse("layer_types", 'null, or "full_attention" for every layer')
    common = read_common(kind, reader, norm_eps=norm_eps, tied=tied)
    num_experts = reader.integer(experts)
    chosen = reader.integer(top_k)
    if chosen > num_experts:
        reader.refuse(top_k, f"at most {experts} = {num_experts}")
    return {
        **common,
        "num_experts": num_experts,
        "num_experts_per_tok": chosen,
        "attention_bias": not reader.is_null("attention_bias") and reader.boolean("attention_bias"),
    }


def expert_width(reader: ConfigReader, key: str) -> int:
    """The width of one expert; gate and up together are whole groups."""
    return reader.integer(key, multiple_of=GROUP_SIZE // 2)
