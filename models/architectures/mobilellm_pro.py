"""MobileLLM-Pro, the dense model that MobileMoE is measured against: three of four layers see a window of 512 keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mmoe.models.architectures.config_reader import ConfigReader
from mmoe.models.architectures.description import GatedBlock, LayerDescription
from mmoe.models.architectures.mobile_family import MOBILE_KEYS, MobileConfig, read_mobile
from mmoe.models.architectures.quantization_config import QuantizationConfig
from mmoe.quant.int4_format import GROUP_SIZE


@dataclass(frozen=True, kw_only=True)
class MobileLLMProConfig(MobileConfig):
    """Fields are named as the keys of `config.json`; ``layer_types`` says which layers see ``sliding_window`` keys."""

    ARCHITECTURE: ClassVar[str] = "MobileLLMP1ForCausalLM"
    PACKED: ClassVar[QuantizationConfig] = QuantizationConfig(format="mobilellm-int4-g32")
    KEYS: ClassVar[tuple[str | tuple[str, ...], ...]] = (
        *MOBILE_KEYS,
        "intermediate_size_mlp",
        "sliding_window",
    )

    intermediate_size_mlp: int
    sliding_window: int
    layer_types: tuple[str, ...]

    def layer(self, index: int) -> LayerDescription:
        """See `DecoderConfig.layer`."""
        windowed = self.layer_types[index] == "sliding_attention"
        return LayerDescription(
            mixer=self.attention(index, window=self.sliding_window if windowed else None),
            feed_forward=GatedBlock(width=self.intermediate_size_mlp),
        )

    @classmethod
    def read(cls, reader: ConfigReader) -> MobileLLMProConfig:
        """See `DecoderConfig.read`."""
        reader.require_keys(cls.KEYS)
        common = read_mobile(cls, reader)
        types = reader.strings("layer_types")
        layers = common["num_hidden_layers"]
        if len(types) != layers or not {"full_attention", "sliding_attention"}.issuperset(types):
            reader.refuse("layer_types", f'a list of {layers}, each "full_attention" or "sliding_attention"')
        if 0 in common["no_rope_layers"]:
            # Where there is no RoPE, this family may scale queries by position; nothing public says how it does here.
            reader.fixed("attn_temperature_tuning", False)
        return cls(
            **common,
            intermediate_size_mlp=reader.integer("intermediate_size_mlp", multiple_of=GROUP_SIZE),
            sliding_window=reader.integer("sliding_window"),
            layer_types=types,
        )
