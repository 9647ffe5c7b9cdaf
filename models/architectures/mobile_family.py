"""What MobileMoE and MobileLLM-Pro share: which layers turn and normalise their queries and keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from mmoe.models.architectures.config import COMMON_KEYS, DecoderConfig, read_common
from mmoe.models.architectures.config_reader import ConfigReader
from mmoe.models.architectures.description import Attention, QkNorm, Rope
from mmoe.models.architectures.tensor_names import EXPERTS_BY_NAME, TensorNames

MOBILE_KEYS: tuple[str | tuple[str, ...], ...] = (
    *COMMON_KEYS,
    "head_dim",
    "hidden_act",
    "rms_norm_eps",
    "rope_theta",
    ("rope_scaling", "rope_parameters"),
    "no_rope_layers",
    "layer_types",
    "use_qk_norm",
    "attention_bias",
    "tie_word_embeddings",
)


@dataclass(frozen=True, kw_only=True)
class MobileConfig(DecoderConfig):
    """A 1 in `no_rope_layers` says that a layer turns its queries and keys; those that do not never normalise them."""

    TENSOR_NAMES: ClassVar[TensorNames] = EXPERTS_BY_NAME

    no_rope_layers: tuple[int, ...]
    use_qk_norm: bool

    def uses_rope(self, layer: int) -> bool:
        """Whether layer ``layer`` rotates its queries and keys."""
        return self.no_rope_layers[layer] == 1

    def uses_qk_norm(self, layer: int) -> bool:
        """Whether layer ``layer`` normalises its queries and keys."""
        return self.use_qk_norm and self.uses_rope(layer)

    def attention(self, layer: int, *, window: int | None = None) -> Attention:
        """The mixer of layer ``layer``."""
        return Attention(
            rope=Rope(theta=self.rope_theta, scaling=self.rope_scaling) if self.uses_rope(layer) else None,
            qk_norm=QkNorm.PER_HEAD_AFTER_ROPE if self.uses_qk_norm(layer) else QkNorm.NONE,
            window=window,
        )


def read_mobile(kind: type[MobileConfig], reader: ConfigReader) -> dict[str, Any]:
    """Validates what both models share.

    Returns:
        The fields of `MobileConfig` by name.

    Raises:
        ConfigError: on the first key that is of the wrong kind or unsupported.
    """
    reader.fixed("attention_bias", False)
    reader.fixed("tie_word_embeddings", True)
    common = read_common(kind, reader)
    layers = common["num_hidden_layers"]
    return {
        **common,
        "no_rope_layers": reader.integers("no_rope_layers", length=layers, allowed=(0, 1)),
        "use_qk_norm": reader.boolean("use_qk_norm"),
    }
