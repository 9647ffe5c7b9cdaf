"""What the blocks of GGUF's types hold, without changing a value."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

GROUP_SIZE = 32
"""Inputs in a block of Q4_0."""

INT4 = "Q4_0"
FLOATS = ("F32", "F16", "BF16")
EXACT_IN_FLOAT32 = ("Q8_0", "Q5_0", "Q6_K")
"""Types whose every value float32 holds: a float16 scale has 11 bits, and the integers that multiply it at most 7
(Q8_0), 4 (Q5_0), or 7 and 5 (Q6_K: the scale of 16 inputs and the value), powers of two apart; float32 has 24. In types
with an offset, such as Q4_K, a sum is rounded."""

_SCALE_BYTES = 2


def int4_parts(rows: npt.NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    """Values and scales of Q4_0 blocks: a float16 scale, then 16 bytes, whose high nibbles are inputs 16..31.

    Args:
        rows: uint8 ``[..., 18 * blocks]``.

    Returns:
        ``qweight`` uint8 ``[..., 16 * blocks]``, two's complement, low nibble = even input, and ``scale`` float16
        ``[..., blocks]``, which may be negative.
    """
    blocks = rows.reshape(*rows.shape[:-1], -1, _SCALE_BYTES + GROUP_SIZE // 2)
    scale = np.ascontiguousarray(blocks[..., :_SCALE_BYTES]).view(np.float16)[..., 0]
    packed = blocks[..., _SCALE_BYTES:]
    # Inputs in order, as pairs of one byte; flipping the highest bit makes q of q + 8.
    nibbles = np.concatenate((packed & 15, packed >> 4), axis=-1)
    pairs = (nibbles[..., 0::2] | (nibbles[..., 1::2] << 4)) ^ 0x88
    return torch.from_numpy(pairs.reshape(*rows.shape[:-1], -1)), torch.from_numpy(scale.copy())


def floats(type_name: str, data: npt.NDArray[np.generic]) -> Tensor:
    """The values of a tensor of a type of `FLOATS`, as they are, or of `EXACT_IN_FLOAT32`, in float32."""
    if type_name == "BF16":
        return torch.from_numpy(data.view(np.uint16).view(np.int16).copy()).view(torch.bfloat16)
    if type_name in FLOATS:
        return torch.from_numpy(np.array(data))
    from gguf import GGMLQuantizationType, dequantize

    return torch.from_numpy(dequantize(data, GGMLQuantizationType[type_name]))
