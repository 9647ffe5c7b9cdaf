"""The checkpoint's int4 bytes as the words that MLX's quantised kernels read.

MLX holds eight 4-bit values per uint32, lowest bits first, as unsigned integers u with ``w = scale * u + bias``. The
checkpoint's bytes have the same order and hold two's complement; flipping the top bit of every nibble adds 8 to it, so
``w = scale * (u - 8)`` with a bias of ``-8 * scale``, which is exact in float16 because 8 is a power of two.
"""

import torch
from torch import Tensor

from mmoe.quant.int4 import dequantize

# Both nibbles' top bits.
_SIGN_BITS = 0x88
OFFSET = 8
BITS = 4


def to_words(qweight: Tensor) -> Tensor:
    """uint8 ``[..., N / 2]`` of the checkpoint -> uint32 ``[..., N / 8]``; the values stay in place."""
    return (qweight ^ _SIGN_BITS).contiguous().view(torch.uint32)


def from_words(words: Tensor) -> Tensor:
    """Inverse of `to_words`: uint32 ``[..., N / 8]`` -> uint8 ``[..., N / 2]``."""
    return words.contiguous().view(torch.uint8) ^ _SIGN_BITS


def dequantize_words(words: Tensor, scale: Tensor) -> Tensor:
    """uint32 ``[..., N / 8]`` and float16 ``[..., N / 32]`` -> float32 ``[..., N]``."""
    return dequantize(from_words(words), scale)
