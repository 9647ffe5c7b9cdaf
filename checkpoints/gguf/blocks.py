"""What the blocks of GGUF's types hold, without changing a value."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

GROUP_SIZE = 32
"""Inputs in a block of Q4_0 and Q8_0."""

INT4 = "Q4_0"
FLOATS = ("F32", "F16", "BF16", "Q8_0")
"""Types that are read as floats: 8 bits times a float16 scale are 19 bits, which float32 holds."""

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
    """The values of a tensor of one of the types of `FLOATS`, in the narrowest float type that holds them."""
    if type_name == "BF16":
        return torch.from_numpy(data.view(np.uint16).view(np.int16).copy()).view(torch.bfloat16)
    if type_name != "Q8_0":
        return torch.from_numpy(np.array(data))
    blocks = data.view(np.uint8).reshape(*data.shape[:-1], -1, _SCALE_BYTES + GROUP_SIZE)
    scale = np.ascontiguousarray(blocks[..., :_SCALE_BYTES]).view(np.float16).astype(np.float32)
    values = blocks[..., _SCALE_BYTES:].view(np.int8) * scale
    return torch.from_numpy(values.reshape(*data.shape[:-1], -1))
