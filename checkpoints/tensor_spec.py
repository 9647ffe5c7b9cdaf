"""Type and shape of a tensor, as the header of a safetensors file has them."""

from __future__ import annotations

import math
from dataclasses import dataclass

FLOAT_TYPES = ("BF16", "F16", "F32")

_ITEM_BYTES = {"U8": 1, "I8": 1, "F16": 2, "BF16": 2, "F32": 4}


@dataclass(frozen=True)
class TensorSpec:
    """Type, by its safetensors name (U8, I8, F16, BF16, F32), and shape of one tensor."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def num_bytes(self) -> int:
        """Size of the tensor's data in bytes."""
        return math.prod(self.shape) * _ITEM_BYTES[self.dtype]

    def __str__(self) -> str:
        return f"{self.dtype} [{', '.join(map(str, self.shape))}]"
