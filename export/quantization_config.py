"""The `quantization` block of `config.json`: the packed format `mobilemoe-int4-g32`, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, fields

from mmoe.export.config_reader import ConfigReader
from mmoe.quant.int4 import GROUP_SIZE, QMAX, QMIN


@dataclass(frozen=True, kw_only=True)
class QuantizationConfig:
    """Signed int4 values in groups of 32 with one float16 scale each: ``weight = q * scale``.

    The defaults are the one supported format. The axis strings matter: for MobileMoE-S the expert tensors
    have the same shape under either grouping, so only these strings tell the two apart.
    """

    format: str = "mobilemoe-int4-g32"
    group_size: int = GROUP_SIZE
    embedding_group_size: int = GROUP_SIZE
    qmin: int = QMIN
    qmax: int = QMAX
    symmetric: bool = True
    packed: bool = True
    scale_dtype: str = "float16"
    linear_group_axis: str = "in (last dim of [out, in])"
    expert_group_axis: str = "out (last dim of [E, in, out])"

    @classmethod
    def read(cls, reader: ConfigReader) -> QuantizationConfig:
        """Checks every key of the block.

        Raises:
            ConfigError: when a key is missing or says anything but the supported format.
        """
        reader.require_keys(field.name for field in fields(cls))
        for field in fields(cls):
            reader.fixed(field.name, field.default)
        return cls()
