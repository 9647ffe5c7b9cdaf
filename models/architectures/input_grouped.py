"""The packed format whose experts are grouped along the input, as released int4 formats have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mmoe.models.architectures.config_reader import ConfigReader
from mmoe.models.architectures.quantization_config import QuantizationConfig

_GROUP_SIZES = (32, 64, 128)
_SCALE_TYPES = ("float16", "float32")
_CHOSEN = ("group_size", "symmetric", "scale_dtype", "floats")


@dataclass(frozen=True, kw_only=True)
class InputGroupedConfig(QuantizationConfig):
    """Experts in int4 whose groups of inputs share a scale and, unless symmetric, a zero point.

    Dense matrices are as in the other packed formats, in groups of 32 with float16 scales, or floats.

    Attributes:
        group_size: Of the experts: 32, 64 or 128 inputs.
        scale_dtype: Of the experts: float16, or float32 where float16 would round a scale.
        floats: Dense matrices that are not quantised, by the names of their modules.
    """

    FORMAT: ClassVar[str] = "mmoe-int4-in"

    format: str = FORMAT
    expert_group_axis: str | None = "in (last dim of [E, out, in])"
    floats: tuple[str, ...] = ()

    @property
    def experts_by_input(self) -> bool:
        """See `QuantizationConfig.experts_by_input`."""
        return True

    def is_packed(self, module: str) -> bool:
        """See `QuantizationConfig.is_packed`."""
        return module not in self.floats

    def to_block(self) -> dict[str, object]:
        """See `QuantizationConfig.to_block`."""
        return super().to_block() | {"floats": list(self.floats)}

    @classmethod
    def named_in(cls, reader: ConfigReader) -> bool:
        """Whether a block says that it is of this format."""
        return not reader.is_null("format") and reader.text("format") == cls.FORMAT

    @classmethod
    def read_block(cls, reader: ConfigReader) -> InputGroupedConfig:
        """Reads a block of this format.

        Raises:
            ConfigError: when a key is missing or says what is not supported.
        """
        reader.require_keys(cls().to_block())
        group_size, scale_dtype = reader.integer("group_size"), reader.text("scale_dtype")
        if group_size not in _GROUP_SIZES:
            reader.refuse("group_size", "32, 64 or 128")
        if scale_dtype not in _SCALE_TYPES:
            reader.refuse("scale_dtype", "float16 or float32")
        config = cls(
            group_size=group_size,
            symmetric=reader.boolean("symmetric"),
            scale_dtype=scale_dtype,
            floats=reader.strings("floats"),
        )
        for key, value in config.to_block().items():
            if key not in _CHOSEN:
                reader.fixed(key, value)
        return config
