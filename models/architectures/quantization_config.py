"""The `quantization` block of `config.json`: the packed formats of the `*-int4-g32` family."""

from __future__ import annotations

from dataclasses import dataclass, fields

from mmoe.models.architectures.config_reader import ConfigReader
from mmoe.quant.int4_format import GROUP_SIZE, QMAX, QMIN

POST_TRAINING_KEY = "post_training"
"""In the block of what was quantised after training, here: how. Readers of the format need not know it."""


@dataclass(frozen=True, kw_only=True)
class QuantizationConfig:
    """Signed int4 values in groups of 32 with one float16 scale each: ``weight = q * scale``.

    The axis strings matter: for MobileMoE-S the expert tensors have the same shape under either grouping, so only
    these strings tell the two apart. ``expert_group_axis`` is None for a format of models without experts.
    """

    format: str
    group_size: int = GROUP_SIZE
    embedding_group_size: int = GROUP_SIZE
    qmin: int = QMIN
    qmax: int = QMAX
    symmetric: bool = True
    packed: bool = True
    scale_dtype: str = "float16"
    linear_group_axis: str = "in (last dim of [out, in])"
    expert_group_axis: str | None = None

    def read(self, reader: ConfigReader) -> QuantizationConfig:
        """Checks every key of a block, which must say what this one says.

        Raises:
            ConfigError: when a key is missing or says anything else.
        """
        block = self.to_block()
        reader.require_keys(block)
        for key, value in block.items():
            reader.fixed(key, value)
        return self

    @property
    def experts_by_input(self) -> bool:
        """Whether experts are ``[E, out, in]`` in groups of inputs, and not ``[E, in, out]`` in groups of outputs."""
        return False

    def is_packed(self, module: str) -> bool:
        """Whether a dense matrix is in int4; by the name of its module, such as ``lm_head``."""
        return True

    def int8_group(self, module: str) -> int | None:
        """How many inputs of a dense matrix in int8 share a scale, 16 or 32; None for any other."""
        return None

    def to_block(self) -> dict[str, object]:
        """The JSON object."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {key: value for key, value in values.items() if value is not None}
