"""How `config.json` spells RoPE: `rope_scaling` and `rope_theta`, or `rope_parameters` since transformers 5."""

from __future__ import annotations

from dataclasses import dataclass

from mmoe.models.architectures.config_reader import ConfigReader

ROPE_KEYS = ("rope_theta", "partial_rotary_factor", "original_max_position_embeddings")
"""Keys that stand beside the block in one spelling and inside it in the other."""

_LAYER_TYPES = ("full_attention", "sliding_attention")


@dataclass(frozen=True, kw_only=True)
class RopeScaling:
    """RoPE scaling of the kind `llama3`: long wavelengths are stretched by ``factor``, short ones kept.

    With ``low_freq_factor == high_freq_factor`` there is no smoothing band between the two.
    """

    factor: float
    original_max_position_embeddings: int
    low_freq_factor: float
    high_freq_factor: float

    @classmethod
    def read(cls, reader: ConfigReader) -> RopeScaling | None:
        """The scaling, or None for RoPE as it is ("default", "none").

        Raises:
            ConfigError: on a missing key or another kind of scaling.
        """
        if not reader.is_null("partial_rotary_factor") and reader.number("partial_rotary_factor") != 1:
            reader.refuse("partial_rotary_factor", "1, which rotates every channel of a head")
        if all(map(reader.is_null, ("rope_type", "type", "factor"))):
            return None
        type_key = "type" if reader.is_null("rope_type") and not reader.is_null("type") else "rope_type"
        reader.require_keys([type_key])
        rope_type = reader.text(type_key)
        if not reader.is_null("type") and reader.text("type") != rope_type:
            reader.refuse(
                "type", f"what its newer spelling 'rope_type' says, {rope_type!r}; remove one of the two"
            )
        if rope_type in ("default", "none"):
            return None
        if rope_type != "llama3":
            reader.refuse(type_key, '"llama3", "default", "none"')
        reader.require_keys(
            ["factor", "original_max_position_embeddings", "low_freq_factor", "high_freq_factor"]
        )
        scaling = cls(
            factor=reader.number("factor"),
            original_max_position_embeddings=reader.integer("original_max_position_embeddings"),
            low_freq_factor=reader.number("low_freq_factor"),
            high_freq_factor=reader.number("high_freq_factor"),
        )
        if scaling.high_freq_factor < scaling.low_freq_factor:
            reader.refuse("high_freq_factor", f"at least low_freq_factor = {scaling.low_freq_factor}")
        return scaling


def rope_block(reader: ConfigReader) -> ConfigReader:
    """The block that describes RoPE in either spelling, or in both; empty if there is none.

    A block may hold one for each type of layer: all of them must say the same, because the decoder has one RoPE.

    Raises:
        ConfigError: when two of them disagree.
    """
    block = reader.child("rope_parameters", "rope_scaling")
    by_type = [key for key in _LAYER_TYPES if not block.is_null(key)]
    return (block.child(*by_type) if by_type else block).beside(reader, ROPE_KEYS)
