"""What the blocks of GGUF's types hold, without changing a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mmoe.checkpoints.gguf.block_types import FLOATS
from mmoe.quant.int4_format import GROUP_SIZE

_SCALE_BYTES = 2
_SUPER_BLOCK, _SUPER_BLOCK_BYTES = 256, 210


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


def int8_parts(type_name: str, rows: npt.NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    """Values and scales of blocks of a type of `INT8_GROUPS`.

    Args:
        type_name: The type.
        rows: uint8 ``[..., bytes of a row]``.

    Returns:
        int8 ``[..., in]``, and their scales: float16 ``[..., in / 32]``, or of Q6_K float32 ``[..., in / 16]``.
    """
    values, scale = _READ[type_name](rows)
    outer = rows.shape[:-1]
    return torch.from_numpy(values.reshape(*outer, -1)), torch.from_numpy(scale.reshape(*outer, -1))


def _float16(blocks: npt.NDArray[np.uint8]) -> npt.NDArray[np.float16]:
    return blocks.copy().view(np.float16)


def _q8_0(rows: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float16]]:
    """A float16 scale, then 32 values."""
    blocks = rows.reshape(-1, _SCALE_BYTES + GROUP_SIZE)
    return blocks[:, _SCALE_BYTES:].copy().view(np.int8), _float16(blocks[:, :_SCALE_BYTES])


def _q5_0(rows: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float16]]:
    """A float16 scale, the highest bits of 32 values, then their nibbles, upper ones of values 16..31; less 16."""
    blocks = rows.reshape(-1, _SCALE_BYTES + 4 + GROUP_SIZE // 2)
    high = np.unpackbits(blocks[:, _SCALE_BYTES : _SCALE_BYTES + 4], axis=1, bitorder="little")
    packed = blocks[:, _SCALE_BYTES + 4 :]
    nibbles = np.concatenate((packed & 15, packed >> 4), axis=1)
    return (nibbles | (high << 4)).view(np.int8) - np.int8(16), _float16(blocks[:, :_SCALE_BYTES])


def _q6_k(rows: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Of 256 values 128 bytes of lower nibbles, 64 of upper pairs of bits, 16 int8 scales, and their float16 scale.

    Each half of 128 values has four runs of 32: the runs' nibbles are the lower ones of two rows of 32 bytes, then the
    upper ones, and their upper bits are pairs of one row of 32 bytes from the lowest on. Values are less 32.
    """
    blocks = rows.reshape(-1, _SUPER_BLOCK_BYTES)
    low = blocks[:, :128].reshape(-1, 2, 1, 64)
    nibbles = np.concatenate((low & 15, low >> 4), axis=2).reshape(-1, 2, 4, 32)
    shifts = np.array([0, 2, 4, 6], np.uint8)[:, None]
    pairs = blocks[:, 128:192].reshape(-1, 2, 1, 32) >> shifts & 3
    values = (nibbles | (pairs << 4)).view(np.int8) - np.int8(32)
    inner = blocks[:, 192:208].copy().view(np.int8).astype(np.float32)
    with np.errstate(invalid="ignore"):  # a scale that is not finite is for `Checkpoint.check_values` to tell
        scale = inner * _float16(blocks[:, 208:]).astype(np.float32)
    return values.reshape(-1, _SUPER_BLOCK), scale


_READ: Mapping[
    str, Callable[[npt.NDArray[np.uint8]], tuple[npt.NDArray[np.int8], npt.NDArray[np.floating]]]
] = {
    "Q8_0": _q8_0,
    "Q5_0": _q5_0,
    "Q6_K": _q6_k,
}


def floats(type_name: str, data: npt.NDArray[np.generic]) -> Tensor:
    """The values of a tensor: as they are for a type of `FLOATS`, else in float32, of one of `INT8_GROUPS` exactly."""
    if type_name == "BF16":
        return torch.from_numpy(data.view(np.uint16).view(np.int16).copy()).view(torch.bfloat16)
    if type_name in FLOATS:
        return torch.from_numpy(np.array(data))
    from gguf import GGMLQuantizationType, dequantize

    with np.errstate(invalid="ignore", over="ignore"):
        return torch.from_numpy(dequantize(data, GGMLQuantizationType[type_name]))
