"""`config.json` of a MobileMoE checkpoint, parsed and validated into one frozen dataclass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mmoe.export.config_reader import ConfigReader, read_json_object
from mmoe.export.quantization_config import QuantizationConfig
from mmoe.export.rope_scaling import RopeScaling
from mmoe.quant.int4 import GROUP_SIZE

__all__ = ["CONFIG_FILE", "MobileMoEConfig", "RopeScaling"]

CONFIG_FILE = "config.json"

_REQUIRED_KEYS = (
    "model_type",
    "architectures",
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "intermediate_size_mlp",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "hidden_act",
    "max_position_embeddings",
    "rms_norm_eps",
    "rope_theta",
    "rope_scaling",
    "num_local_experts",
    "num_experts_per_tok",
    "interleave_moe_layer_step",
    "no_rope_layers",
    "layer_types",
    "use_qk_norm",
    "attn_temperature_tuning",
    "attention_bias",
    "tie_word_embeddings",
    "norm_topk_prob",
    "routed_scaling_factor",
    "eos_token_id",
)


@dataclass(frozen=True, kw_only=True)
class MobileMoEConfig:
    """Architecture of one checkpoint; fields are named as the keys of `config.json`.

    ``intermediate_size`` is the width of one routed expert, ``intermediate_size_mlp`` that of the shared
    expert and of the dense layers. ``quantization`` is None for a checkpoint that is not packed.
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    intermediate_size_mlp: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    max_position_embeddings: int
    rms_norm_eps: float
    rope_theta: float
    rope_scaling: RopeScaling | None
    num_local_experts: int
    num_experts_per_tok: int
    interleave_moe_layer_step: int
    no_rope_layers: tuple[int, ...]
    use_qk_norm: bool
    norm_topk_prob: bool
    routed_scaling_factor: float
    eos_token_ids: tuple[int, ...]
    bos_token_id: int | None
    quantization: QuantizationConfig | None

    def is_moe_layer(self, layer: int) -> bool:
        """Whether layer ``layer`` (from 0) has routed experts; the others are dense SwiGLU layers."""
        return (layer + 1) % self.interleave_moe_layer_step == 0

    def uses_rope(self, layer: int) -> bool:
        """Whether layer ``layer`` rotates its queries and keys: a 1 in `no_rope_layers` says that it does."""
        return self.no_rope_layers[layer] == 1

    def uses_qk_norm(self, layer: int) -> bool:
        """Whether layer ``layer`` normalises its queries and keys; layers without RoPE never do."""
        return self.use_qk_norm and self.uses_rope(layer)

    @classmethod
    def load(cls, folder: Path) -> MobileMoEConfig:
        """Reads ``folder/config.json``.

        Raises:
            ConfigError: when the file is absent, is not JSON, or describes something unsupported.
        """
        path = folder / CONFIG_FILE
        return cls.from_dict(read_json_object(path), where=str(path))

    @classmethod
    def from_dict(cls, data: Mapping[str, object], *, where: str) -> MobileMoEConfig:
        """Validates the parsed `config.json`; keys that are not known are tolerated.

        Args:
            data: the JSON object.
            where: what messages call the file.

        Raises:
            ConfigError: on the first key that is missing, of the wrong kind, or unsupported.
        """
        reader = ConfigReader(data, where=where)
        if "model_type" in data:
            reader.fixed("model_type", "mobilemoe")
        reader.require_keys(_REQUIRED_KEYS)
        _refuse_other_architectures(reader)
        layers = reader.integer("num_hidden_layers")
        vocab_size = reader.integer("vocab_size")
        heads = reader.integer("num_attention_heads")
        kv_heads = reader.integer("num_key_value_heads")
        experts = reader.integer("num_local_experts")
        top_k = reader.integer("num_experts_per_tok")
        if heads % kv_heads:
            reader.refuse("num_key_value_heads", f"a divisor of num_attention_heads = {heads}")
        if top_k > experts:
            reader.refuse("num_experts_per_tok", f"at most num_local_experts = {experts}")
        if data["layer_types"] != ["full_attention"] * layers:
            reader.refuse("layer_types", f'a list of {layers} times "full_attention"')
        quantization = None
        if not reader.is_null("quantization"):
            quantization = QuantizationConfig.read(reader.child("quantization"))
        elif not reader.is_null("quantization_config"):
            reader.refuse("quantization_config", "a block named 'quantization' that says mobilemoe-int4-g32")
        bos_token_id = None
        if not reader.is_null("bos_token_id"):
            bos_token_id = reader.integer("bos_token_id", minimum=0)
            if bos_token_id >= vocab_size:
                reader.refuse("bos_token_id", f"a token id below vocab_size = {vocab_size}")
        rope_scaling = None
        if not reader.is_null("rope_scaling"):
            rope_scaling = RopeScaling.read(reader.child("rope_scaling"))
        config = cls(
            vocab_size=vocab_size,
            hidden_size=reader.integer("hidden_size", multiple_of=GROUP_SIZE),
            intermediate_size=reader.integer("intermediate_size", multiple_of=GROUP_SIZE // 2),
            intermediate_size_mlp=reader.integer("intermediate_size_mlp", multiple_of=GROUP_SIZE),
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=kv_heads,
            head_dim=reader.integer("head_dim", multiple_of=2),
            max_position_embeddings=reader.integer("max_position_embeddings"),
            rms_norm_eps=reader.number("rms_norm_eps"),
            rope_theta=reader.number("rope_theta"),
            rope_scaling=rope_scaling,
            num_local_experts=experts,
            num_experts_per_tok=top_k,
            interleave_moe_layer_step=reader.integer("interleave_moe_layer_step"),
            no_rope_layers=reader.integers("no_rope_layers", length=layers, allowed=(0, 1)),
            use_qk_norm=reader.boolean("use_qk_norm"),
            norm_topk_prob=reader.boolean("norm_topk_prob"),
            routed_scaling_factor=reader.number("routed_scaling_factor"),
            eos_token_ids=reader.token_ids("eos_token_id", vocab_size=vocab_size),
            bos_token_id=bos_token_id,
            quantization=quantization,
        )
        if (heads * config.head_dim) % GROUP_SIZE:
            reader.refuse("head_dim", f"num_attention_heads * head_dim being a multiple of {GROUP_SIZE}")
        return config


def _refuse_other_architectures(reader: ConfigReader) -> None:
    reader.fixed("architectures", ["MobileMoEForCausalLM"])
    reader.fixed("hidden_act", "silu")
    reader.fixed("attention_bias", False)
    reader.fixed("attn_temperature_tuning", False)
    reader.fixed("tie_word_embeddings", True)
