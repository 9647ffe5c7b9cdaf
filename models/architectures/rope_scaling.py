"""The `rope_scaling` block of `config.json`."""

from __future__ import annotations

from dataclasses import dataclass

from mmoe.models.architectures.config_reader import ConfigReader


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
        type_key = "type" if reader.is_null("rope_type") and not reader.is_null("type") else "rope_type"
        reader.require_keys([type_key])
        rope_type = reader.text(type_key)
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
