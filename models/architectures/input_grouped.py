"""The packed format whose experts are grouped along the input, as released int4 formats have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mmoe.models.architectures.config_reader import ConfigReader
from mmoe.models.architectures.quantization_config import QuantizationConfig

REQUANTIZED_KEY = "requantized"
"""In the block of what was rounded to int8 on the way: which tensors of the source. Readers need not know it."""

_GROUP_SIZES = (32, 64, 128)
_SCALE_TYPES = ("float16", "float32")
# Values of the format that hold names of modules; of older artifacts the block may lack the last ones.
_NAMED = ("floats", "int8", "int8_g16")
_CHOSEN = ("group_size", "symmetric", "scale_dtype", *_NAMED)


@dataclass(frozen=True, kw_only=True)
class InputGroupedConfig(QuantizationConfig):
    """Experts in int4 whose groups of inputs share a scale and, unless symmetric, a zero point.

    Dense matrices are as in the other packed formats, in groups of 32 with float16 scales, or floats.

    Attributes:
        group_size: Of the experts: 32, 64 or 128 inputs.
        scale_dtype: Of the experts: float16, or float32 where float16 would round a scale.
        floats: Dense matrices that are not quantised, by the names of their modules.
        int8: The same of those in int8, of which 32 inputs share a float16 scale.
        int8_g16: The same of those in int8 of which 16 inputs share a float32 scale.
    """

    FORMAT: ClassVar[str] = "mmoe-int4-in"

    format: str = FORMAT
    expert_group_axis: str | None = "in (last dim of [E, out, in])"
    floats: tuple[str, ...] = ()
    int8: tuple[str, ...] = ()
    int8_g16: tuple[str, ...] = ()

    @property
    def experts_by_input(self) -> bool:
        """See `QuantizationConfig.experts_by_input`."""
        return True

    def is_packed(self, module: str) -> bool:
        """See `QuantizationConfig.is_packed`."""
        return all(module not in names for names in (self.floats, self.int8, self.int8_g16))

    def int8_group(self, module: str) -> int | None:
        """See `QuantizationConfig.int8_group`."""
        return 32 if module in self.int8 else 16 if module in self.int8_g16 else None

    def to_block(self) -> dict[str, object]:
        """See `QuantizationConfig.to_block`."""
        block = super().to_block() | {"floats": list(self.floats)}
        # Only where there are any: what has none is as it was before there were these.
        for name in ("int8", "int8_g16"):
            names = getattr(self, name)
            del block[name]
            if names:
                block[name] = list(names)
        return block

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
            int8=() if reader.is_null("int8") else reader.strings("int8"),
            int8_g16=() if reader.is_null("int8_g16") else reader.strings("int8_g16"),
        )
        for key, value in config.to_block().items():
            if key not in _CHOSEN:
                reader.fixed(key, value)
        return config
